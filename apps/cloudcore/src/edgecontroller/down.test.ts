import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configMaps, nodes, pods, secrets } from '@kubeedge-ts/apis';
import { faultRules, withFaults } from '@kubeedge-ts/kube/testing';
import { settle, until } from '../controllers/testing/settle.ts';
import { aClient, aNode, aPod, edgeWorld, NODE, podOf, put } from './testing/edge-world.ts';

const config = (name: string, namespace = 'shop', data: Record<string, string> = { a: '1' }) => ({
  metadata: { name, namespace, uid: `uid-${namespace}-${name}`, managedFields: [{ manager: 'x' }] },
  data,
});

test('an edge node must have itself, its pods and what these refer to; nothing of other nodes, nothing unreferenced', async (t) => {
  const { downstream } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, nodes, aNode('cloud-1', false));
      put(kube, pods, aClient('till', 'conf', 'cred'));
      put(kube, pods, aPod('elsewhere', { nodeName: 'cloud-1' }));
      put(kube, pods, aPod('pending', { nodeName: undefined }));
      for (const name of ['conf', 'unused']) put(kube, configMaps, config(name));
      for (const name of ['cred', 'unused']) put(kube, secrets, config(name));
      put(kube, configMaps, config('conf', 'other'));
    },
  });
  assert.deepEqual(downstream.names(NODE), [
    'configmap/shop/conf',
    'node/null/edge-a',
    'pod/shop/till',
    'secret/shop/cred',
  ]);
  assert.deepEqual([...downstream.wanted.keys()], [NODE]);
  const how = Object.fromEntries(
    downstream.names(NODE).map((name) => {
      const { type, firstOperation, rank } = downstream.object(NODE, name);
      return [type, `${firstOperation} ${rank}`];
    }),
  );
  assert.deepEqual(how, { node: 'update 0', configmap: 'insert 1', secret: 'update 1', pod: 'insert 3' });
});

test('objects are delivered whole, with type and version and without managed fields', async (t) => {
  const { downstream } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, pods, aClient('till', 'conf', 'cred'));
      put(kube, configMaps, config('conf'));
    },
  });
  const content = downstream.object(NODE, 'configmap/shop/conf').content();
  assert.equal(content?.kind, 'ConfigMap');
  assert.equal(content?.apiVersion, 'v1');
  assert.equal(content?.metadata.managedFields, undefined);
  assert.deepEqual((content as { data?: object }).data, { a: '1' });
  assert.equal(downstream.object(NODE, 'pod/shop/till').content()?.kind, 'Pod');
});

test("an edge's own status and a new version are noted, but are no change", async (t) => {
  const { kube, downstream } = await edgeWorld(t, { setUp: (kube) => void put(kube, pods, aPod('till')) });
  const before = downstream.object(NODE, 'pod/shop/till');
  kube.put(pods, { ...podOf(kube, 'till')!, status: { phase: 'Running' } });
  await settle();
  const after = downstream.object(NODE, 'pod/shop/till');
  assert.equal(after.hash, before.hash);
  assert.notEqual(after.resourceVersion, before.resourceVersion);
});

test('a pod that is being deleted is a change, sent as update also if it is new to us; when it is gone it is taken back', async (t) => {
  const ending = aPod(
    'ending',
    {},
    { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 },
  );
  const { kube, downstream } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, pods, ending);
      put(kube, pods, aPod('till'));
    },
  });
  assert.equal(downstream.object(NODE, 'pod/shop/ending').firstOperation, 'update');
  const before = downstream.object(NODE, 'pod/shop/till').hash;
  await kube.delete(pods, { namespace: 'shop', name: 'till' }, { gracePeriodSeconds: 30 });
  await settle();
  assert.notEqual(downstream.object(NODE, 'pod/shop/till').hash, before);
  kube.remove(pods, { namespace: 'shop', name: 'till' });
  await settle();
  assert.ok(!downstream.names(NODE).includes('pod/shop/till'));
});

test('a pod that is replaced under its name is a new object; the old one is taken back first', async (t) => {
  const { kube, downstream } = await edgeWorld(t, { setUp: (kube) => void put(kube, pods, aPod('till')) });
  kube.remove(pods, { namespace: 'shop', name: 'till' });
  kube.put(pods, aPod('till'));
  await settle();
  const calls = downstream.log.filter((line) => line.endsWith('pod/shop/till'));
  assert.deepEqual(calls, [
    'want edge-a pod/shop/till',
    'unwant edge-a pod/shop/till',
    'want edge-a pod/shop/till',
  ]);
});

test('a ConfigMap that changes, appears or goes away is a change for every node that refers to it', async (t) => {
  const { kube, downstream } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, nodes, aNode('edge-b'));
      put(kube, pods, aClient('a', 'conf', 'late'));
      put(kube, pods, {
        ...aClient('b', 'conf', 'late'),
        spec: { ...aClient('b', 'conf', 'late').spec!, nodeName: 'edge-b' },
      });
      put(kube, configMaps, config('conf'));
    },
  });
  const hashes = () => [NODE, 'edge-b'].map((node) => downstream.object(node, 'configmap/shop/conf').hash);
  const before = hashes();
  assert.equal(before[0], before[1]);
  kube.put(configMaps, config('conf', 'shop', { a: '2' }));
  put(kube, secrets, config('late'));
  await settle();
  assert.notEqual(hashes()[0], before[0]);
  assert.notEqual(hashes()[1], before[1]);
  assert.ok(downstream.names('edge-b').includes('secret/shop/late'));
  kube.remove(configMaps, { namespace: 'shop', name: 'conf' });
  await settle();
  assert.ok(!downstream.names(NODE).includes('configmap/shop/conf'));
});

test('what a pod refers to is named before the pod, also when nothing of its namespace was followed yet', async (t) => {
  const { kube, downstream } = await edgeWorld(t);
  put(kube, configMaps, config('conf'));
  put(kube, pods, aClient('till', 'conf', 'none'));
  await until(() => downstream.names(NODE).includes('pod/shop/till'), 'pod named');
  const order = downstream.log.filter((line) => line.includes('shop'));
  assert.deepEqual(order.slice(0, 2), ['want edge-a configmap/shop/conf', 'want edge-a pod/shop/till']);
});

test('an object that becomes referenced later, and was passed over before, is read and delivered', async (t) => {
  const { kube, downstream } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, pods, aClient('first', 'conf', 'cred'));
      put(kube, configMaps, config('conf'));
      put(kube, configMaps, config('second'));
    },
  });
  put(kube, pods, aClient('late', 'second', 'cred'));
  await until(() => downstream.names(NODE).includes('configmap/shop/second'), 'delivered');
  assert.ok(downstream.names(NODE).includes('pod/shop/late'));
});

test('a pod whose references cannot be read waits a little and is then delivered without them', async (t) => {
  const { downstream, clock } = await edgeWorld(t, {
    setUp: (kube) => void put(kube, pods, aClient('till', 'conf', 'cred')),
    settled: false,
    wrap: (kube, clock) =>
      withFaults(
        kube,
        faultRules([
          { verb: 'list', resource: 'secrets', times: 1_000, fault: { kind: 'status', code: 403 } },
        ]),
        clock,
      ),
    options: { patienceMs: 5_000 },
  });
  await clock.advance(4_000);
  assert.ok(!downstream.names(NODE).includes('pod/shop/till'));
  await clock.advance(2_000);
  assert.ok(downstream.names(NODE).includes('pod/shop/till'));
  assert.deepEqual(
    downstream.settledSources,
    [],
    'what the edge has is not judged before everything is known',
  );
});

test('a node that loses the edge label loses its objects, and gets them when it is labelled again', async (t) => {
  const { kube, downstream } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, pods, aClient('till', 'conf', 'cred'));
      put(kube, configMaps, config('conf'));
    },
  });
  const all = downstream.names(NODE);
  kube.put(nodes, aNode(NODE, false));
  await settle();
  assert.deepEqual(downstream.names(NODE), []);
  kube.put(pods, { ...podOf(kube, 'till')!, status: { phase: 'Running' } });
  await settle();
  kube.put(nodes, aNode(NODE));
  await until(() => downstream.names(NODE).length === all.length, 'everything back');
  assert.deepEqual(downstream.names(NODE), all);
});

test('a ConfigMap no pod refers to any more is let go of, and its namespace no longer followed', async (t) => {
  const { kube, downstream, clock } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, pods, aClient('till', 'conf', 'cred'));
      put(kube, configMaps, config('conf'));
    },
  });
  const watches = kube.openWatches;
  const { content } = downstream.object(NODE, 'configmap/shop/conf');
  kube.remove(pods, { namespace: 'shop', name: 'till' });
  await settle();
  assert.deepEqual(downstream.names(NODE), ['node/null/edge-a']);
  await clock.advance(61_000);
  assert.equal(content(), undefined);
  assert.equal(kube.openWatches, watches - 2);
});

test('settled is told once, and only when every referenced namespace has been listed', async (t) => {
  const { kube, downstream } = await edgeWorld(t, {
    setUp: (kube) => void put(kube, pods, aClient('till', 'a', 'b')),
  });
  const wanted = downstream.log.indexOf('want edge-a pod/shop/till');
  assert.ok(wanted < downstream.log.indexOf('settled edgecontroller'));
  put(kube, pods, aClient('other', 'a', 'b'));
  await settle();
  assert.deepEqual(downstream.settledSources, ['edgecontroller']);
});

test('nothing is asked of the API again after stop', async (t) => {
  const { kube, controller, clock } = await edgeWorld(t, {
    setUp: (kube) => void put(kube, pods, aClient('till', 'a', 'b')),
  });
  await controller.module.stop();
  await settle();
  const calls = kube.calls.length;
  await clock.advance(600_000);
  assert.equal(kube.calls.length, calls);
  assert.equal(kube.openWatches, 0);
});
