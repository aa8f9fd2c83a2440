import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { nodes, pods, type Service, services } from '@kubeedge-ts/apis';
import { withFaults } from '@kubeedge-ts/kube/testing';
import { settle } from '../controllers/testing/settle.ts';
import { aNode, aPod, type EdgeWorldOptions, edgeWorld, NODE, put } from './testing/edge-world.ts';

const service = (name: string, namespace = 'shop', spec: object = {}): Service => ({
  metadata: {
    name,
    namespace,
    uid: `svc-${namespace}-${name}`,
    labels: { app: name },
    managedFields: [{ manager: 'x' }],
  },
  spec: {
    type: 'ClusterIP',
    clusterIP: '10.0.0.7',
    clusterIPs: ['10.0.0.7'],
    selector: { app: name },
    ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080, nodePort: 30_080 }],
    ...spec,
  },
});
/** Many changes are computed as one. */
const GATHER_MS = 100;

const world = (t: TestContext, options: EdgeWorldOptions = {}) =>
  edgeWorld(t, {
    ours: true,
    ...options,
    setUp(kube) {
      put(kube, services, service('kubernetes', 'default'));
      put(kube, services, service('other', 'default'));
      put(kube, services, service('till'));
      put(kube, services, service('secret', 'elsewhere'));
      put(kube, pods, aPod('till'));
      options.setUp?.(kube);
    },
  });
const names = ({ downstream }: Awaited<ReturnType<typeof edgeWorld>>, node = NODE): string[] =>
  downstream.names(node).filter((name) => name.startsWith('service/'));

describe('services', () => {
  test('of the namespaces of its pods, and that of the API server, reach an edge of ours, before the pods', async (t) => {
    const it = await world(t);
    assert.deepEqual(names(it), ['service/default/kubernetes', 'service/shop/till']);
    const wanted = it.downstream.object(NODE, 'service/shop/till');
    assert.deepEqual(
      [wanted.rank, wanted.firstOperation, wanted.apiVersion, wanted.kind],
      [1, 'insert', 'v1', 'Service'],
    );
  });

  test('carry what containers learn of them, and nothing else of them is a change', async (t) => {
    const it = await world(t);
    const wanted = it.downstream.object(NODE, 'service/shop/till');
    const { resourceVersion } = wanted;
    assert.deepEqual(wanted.content(), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'till', namespace: 'shop', uid: 'svc-shop-till', resourceVersion },
      spec: {
        type: 'ClusterIP',
        clusterIP: '10.0.0.7',
        clusterIPs: ['10.0.0.7'],
        ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      },
    });
    it.kube.put(services, {
      ...service('till', 'shop', { selector: { app: 'b' } }),
      status: { loadBalancer: {} },
    });
    await it.clock.advance(GATHER_MS);
    const noted = it.downstream.object(NODE, 'service/shop/till');
    assert.equal(noted.hash, wanted.hash);
    assert.notEqual(noted.resourceVersion, resourceVersion);
    it.kube.put(services, service('till', 'shop', { clusterIP: '10.0.0.8' }));
    await it.clock.advance(GATHER_MS);
    assert.notEqual(it.downstream.object(NODE, 'service/shop/till').hash, wanted.hash);
  });

  test('never reach an edge of upstream', async (t) => {
    const it = await world(t, { ours: false });
    assert.deepEqual(names(it), []);
    assert.ok(it.downstream.names(NODE).includes('pod/shop/till'));
  });

  test('are taken back when an edge of upstream takes the place of ours, and come again', async (t) => {
    const it = await world(t);
    it.controller.lifecycle.arriving?.(NODE, {});
    await settle();
    assert.deepEqual(names(it), []);
    it.controller.lifecycle.disconnected(NODE);
    it.controller.lifecycle.arriving?.(NODE, { 'x-kubeedge-ts-capabilities': 'services' });
    await settle();
    assert.deepEqual(names(it), ['service/default/kubernetes', 'service/shop/till']);
  });

  test('stay asked for while it is not known what a node runs, so that a restart of cloudcore takes none away', async (t) => {
    const it = await world(t, { setUp: (kube) => void put(kube, nodes, aNode('edge-b')) });
    put(it.kube, pods, aPod('away', { nodeName: 'edge-b' }));
    await settle();
    assert.deepEqual(names(it, 'edge-b'), ['service/default/kubernetes', 'service/shop/till']);
  });

  test('follow the pods: they go with the last one of their namespace, and with all of the node', async (t) => {
    const it = await world(t);
    put(it.kube, pods, aPod('second', {}, { namespace: 'elsewhere', uid: 'second' }));
    await settle();
    assert.deepEqual(names(it), [
      'service/default/kubernetes',
      'service/elsewhere/secret',
      'service/shop/till',
    ]);
    it.kube.remove(pods, { namespace: 'shop', name: 'till' });
    await settle();
    assert.deepEqual(names(it), ['service/default/kubernetes', 'service/elsewhere/secret']);
    it.kube.remove(pods, { namespace: 'elsewhere', name: 'second' });
    await settle();
    assert.deepEqual(names(it), []);
  });

  test('of namespace default are told once, also the one of the API server', async (t) => {
    const it = await world(t, {
      setUp: (kube) => void put(kube, pods, aPod('d', {}, { namespace: 'default', uid: 'd' })),
    });
    assert.deepEqual(names(it), ['service/default/kubernetes', 'service/default/other', 'service/shop/till']);
    it.kube.remove(services, { namespace: 'default', name: 'kubernetes' });
    await it.clock.advance(GATHER_MS);
    assert.deepEqual(names(it), ['service/default/other', 'service/shop/till']);
  });

  test('are not sent for pods that do not want to know them', async (t) => {
    const it = await world(t);
    put(
      it.kube,
      pods,
      aPod('quiet', { enableServiceLinks: false }, { namespace: 'elsewhere', uid: 'quiet' }),
    );
    await settle();
    assert.deepEqual(names(it), ['service/default/kubernetes', 'service/shop/till']);
  });

  test('that come, change and go are followed', async (t) => {
    const it = await world(t);
    put(it.kube, services, service('new'));
    it.kube.remove(services, { namespace: 'shop', name: 'till' });
    await it.clock.advance(GATHER_MS);
    assert.deepEqual(names(it), ['service/default/kubernetes', 'service/shop/new']);
  });

  test('changed in thousands cost one computation per node and tenth of a second', async (t) => {
    const it = await world(t);
    const before = it.downstream.log.length;
    for (let round = 0; round < 200; round++) {
      it.kube.put(services, service('till', 'shop', { clusterIP: `10.0.1.${round}` }));
      await settle();
    }
    assert.equal(it.downstream.log.length, before);
    await it.clock.advance(GATHER_MS);
    assert.equal(it.downstream.log.length, before + 1);
  });

  test('of a namespace that is listed only now do not hold up those of others; a new pod waits for them a while', async (t) => {
    const it = await world(t, {
      wrap: (kube, clock) =>
        withFaults(
          kube,
          ({ verb, resource, namespace }) =>
            verb === 'list' && resource === 'services' && namespace === 'elsewhere'
              ? { kind: 'delay', ms: 2_000 }
              : undefined,
          clock,
        ),
    });
    put(it.kube, pods, aPod('second', {}, { namespace: 'elsewhere', uid: 'second' }));
    await settle();
    assert.deepEqual(names(it), ['service/default/kubernetes', 'service/shop/till']);
    assert.ok(!it.downstream.names(NODE).includes('pod/elsewhere/second'));
    assert.ok(it.downstream.names(NODE).includes('pod/shop/till'), 'a pod it has is not taken away');
    await it.clock.advance(2_000);
    assert.ok(it.downstream.names(NODE).includes('pod/elsewhere/second'));
    assert.ok(names(it).includes('service/elsewhere/secret'));
  });

  test('a cloudcore that may not list them delivers everything else, and settles', async (t) => {
    const it = await world(t, {
      settled: false,
      wrap: (kube, clock) =>
        withFaults(
          kube,
          ({ verb, resource }) =>
            verb === 'list' && resource === 'services' ? { kind: 'status', code: 403 } : undefined,
          clock,
        ),
    });
    await it.clock.advance(5_000);
    assert.ok(it.downstream.names(NODE).includes('pod/shop/till'), 'after its patience');
    assert.deepEqual(it.downstream.settledSources, []);
    await it.clock.advance(60_000);
    assert.deepEqual(it.downstream.settledSources, ['edgecontroller']);
    assert.deepEqual(names(it), []);
  });

  test('of namespaces nobody needs any more are not followed', async (t) => {
    const it = await world(t);
    it.kube.remove(pods, { namespace: 'shop', name: 'till' });
    await it.clock.advance(60_000);
    const lists = () =>
      it.kube.calls.filter(({ verb, resource }) => verb === 'watch' && resource === 'services');
    const before = lists().length;
    it.kube.breakWatches();
    await it.clock.advance(60_000);
    assert.equal(lists().length, before);
  });
});
