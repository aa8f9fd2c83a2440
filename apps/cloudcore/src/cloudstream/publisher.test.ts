import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Node, nodes } from '@kubeedge-ts/apis';
import { createInformer, type KubeClient } from '@kubeedge-ts/kube';
import {
  createFakeKube,
  createVirtualClock,
  type FakeKube,
  faultRules,
  withFaults,
} from '@kubeedge-ts/kube/testing';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import type { NodeTunnel } from '@kubeedge-ts/tunnel';
import {
  ENDPOINT_ANNOTATION,
  formatEndpoint,
  publishedAddresses,
  publishedEndpoint,
} from '../controllers/kubelet-endpoint.ts';
import { seed, settle, until } from '../controllers/testing/settle.ts';
import type { NodePorts } from './node-ports.ts';
import { createPublisher } from './publisher.ts';
import { fakeStreamTunnel } from './testing/fake-tunnels.ts';

const OWN = [
  { type: 'InternalIP', address: '10.0.0.5' },
  { type: 'Hostname', address: 'edge-a' },
];
const aNode = (extra: Partial<Node> = {}): Node => ({
  metadata: { name: 'edge-a', uid: 'u1' },
  status: { addresses: OWN, daemonEndpoints: { kubeletEndpoint: { Port: 10_350 } } },
  ...extra,
});

/** Ports in memory; `taken` ones are another program's. */
function fakePorts(taken: readonly number[] = []): NodePorts & { readonly released: string[] } {
  const owners = new Map<string, number>();
  const released: string[] = [];
  return {
    released,
    async open(node, preferred) {
      const known = owners.get(node);
      if (known !== undefined) return known;
      const free = (port: number) => !taken.includes(port) && ![...owners.values()].includes(port);
      const port =
        preferred !== undefined && preferred >= 20_000 && free(preferred)
          ? preferred
          : Array.from({ length: 100 }, (_, index) => 20_000 + index).find(free)!;
      owners.set(node, port);
      return port;
    },
    nodeOf: (port) => [...owners].find(([, own]) => own === port)?.[0],
    portOf: (node) => owners.get(node),
    release(node) {
      owners.delete(node);
      released.push(node);
    },
    close: () => owners.clear(),
  };
}

async function world(
  t: TestContext,
  options: {
    readonly node?: Node;
    readonly taken?: readonly number[];
    readonly alive?: boolean;
    readonly withoutPorts?: boolean;
    readonly wrap?: (kube: FakeKube) => KubeClient;
  } = {},
) {
  const clock = createVirtualClock();
  const random = seededRandom(3);
  const kube = createFakeKube({ clock });
  if (options.node !== undefined) seed(kube, nodes, options.node);
  const client = options.wrap?.(kube) ?? kube;
  const informer = createInformer<Node>(kube, nodes, {}, { clock, random, log: silentLogger });
  const stop = new AbortController();
  const tunnels = new Map<string, NodeTunnel>();
  const ports = fakePorts(options.taken);
  const state = { address: '192.0.2.1', contested: 0, published: [] as string[] };
  const publisher = createPublisher({
    kube: client,
    nodes: informer,
    tunnelOf: (node) => tunnels.get(node),
    ports: options.withoutPorts ? undefined : ports,
    sharedPort: () => 10_003,
    address: () => state.address,
    isAlive: async () => options.alive ?? true,
    published: (node, endpoint) => state.published.push(`${node} ${formatEndpoint(endpoint)}`),
    forgotten: () => undefined,
    contested: () => {
      state.contested += 1;
    },
    clock,
    random,
    log: silentLogger,
  });
  publisher.start(stop.signal);
  informer.start(stop.signal);
  t.after(async () => {
    stop.abort();
    await publisher.stop();
  });
  await until(() => informer.hasSynced, 'the nodes are known');
  const node = () => kube.objects(nodes).find(({ metadata }) => metadata.name === 'edge-a');
  const at = () => {
    const endpoint = publishedEndpoint(node()!);
    return endpoint && formatEndpoint(endpoint);
  };
  return {
    kube,
    clock,
    ports,
    state,
    publisher,
    node,
    at,
    patches: () => kube.calls.filter(({ verb, resource }) => verb === 'patch' && resource === 'nodes').length,
    connect() {
      const tunnel = fakeStreamTunnel('edge-a');
      void tunnel.closed.then(() => {
        if (tunnels.get('edge-a') === tunnel) tunnels.delete('edge-a');
        publisher.look('edge-a');
      });
      tunnels.set('edge-a', tunnel);
      publisher.look('edge-a');
      return tunnel;
    },
    /** As the edge's own report without the overlay, or any other controller. */
    overwrite: () => kube.put(nodes, { ...node()!, status: { ...node()!.status, addresses: OWN } }),
  };
}

describe('publishing', () => {
  test('a connected node is found at cloudcore, by InternalIP and by Hostname, its own addresses behind', async (t) => {
    const w = await world(t, { node: aNode() });
    w.connect();
    await until(() => w.at() === '192.0.2.1:20000', 'published');
    assert.deepEqual(w.node()?.status?.addresses, publishedAddresses({ address: '192.0.2.1', port: 1 }, OWN));
    assert.equal(w.node()?.status?.daemonEndpoints?.kubeletEndpoint?.Port, 20_000);
    await settle();
    assert.deepEqual(w.state.published, ['edge-a 192.0.2.1:20000']);
    assert.equal(w.patches(), 1);
  });

  test('a node that registers after its tunnel is published then', async (t) => {
    const w = await world(t);
    w.connect();
    await settle();
    w.kube.put(nodes, aNode());
    await until(() => w.at() === '192.0.2.1:20000', 'published');
  });

  test('what somebody writes over it is written back, and the node’s own addresses are taken over', async (t) => {
    const w = await world(t, { node: aNode() });
    w.connect();
    await until(() => w.at() !== undefined, 'published');
    await settle();
    const moved = [{ type: 'InternalIP', address: '10.0.0.99' }];
    w.kube.put(nodes, { ...w.node()!, status: { ...w.node()!.status, addresses: moved } });
    await until(() => w.node()?.status?.addresses?.length === 3, 'written back');
    assert.deepEqual(
      w.node()?.status?.addresses,
      publishedAddresses({ address: '192.0.2.1', port: 1 }, moved),
    );
  });

  test('nothing is written while it stands, however often the node changes', async (t) => {
    const w = await world(t, { node: aNode() });
    w.connect();
    await until(() => w.at() !== undefined, 'published');
    for (let beat = 0; beat < 20; beat++) {
      w.kube.put(nodes, {
        ...w.node()!,
        metadata: { ...w.node()!.metadata, labels: { beat: String(beat) } },
      });
      await settle();
    }
    assert.equal(w.patches(), 1);
  });

  test('a node keeps its port across reconnects and restarts of cloudcore', async (t) => {
    const before = aNode({
      metadata: { name: 'edge-a', uid: 'u1', annotations: { [ENDPOINT_ANNOTATION]: '192.0.2.1:20042' } },
      status: { addresses: publishedAddresses({ address: '192.0.2.1', port: 20_042 }, OWN) as never },
    });
    const w = await world(t, { node: before });
    w.connect();
    await until(
      () => w.node()?.status?.daemonEndpoints?.kubeletEndpoint?.Port === 20_042,
      'the port is the old one',
    );
    const taken = await world(t, { node: before, taken: [20_042] });
    taken.connect();
    await until(() => taken.at() === '192.0.2.1:20000', 'another one when that is taken');
  });

  test('another address is published when it changes', async (t) => {
    const w = await world(t, { node: aNode() });
    w.connect();
    await until(() => w.at() !== undefined, 'published');
    await settle();
    w.state.address = '192.0.2.77';
    w.publisher.look('edge-a');
    await until(() => w.at() === '192.0.2.77:20000', 'published anew');
    assert.deepEqual(
      w.node()?.status?.addresses,
      publishedAddresses({ address: '192.0.2.77', port: 1 }, OWN),
    );
  });

  test('without ports of their own all nodes are on the shared one', async (t) => {
    const w = await world(t, { node: aNode(), withoutPorts: true });
    w.connect();
    await until(() => w.at() === '192.0.2.1:10003', 'published');
  });

  test('a failure of the API is tried again', async (t) => {
    const w = await world(t, {
      node: aNode(),
      wrap: (kube) =>
        withFaults(
          kube,
          faultRules([{ verb: 'patch', resource: 'nodes', times: 2, fault: { kind: 'status', code: 500 } }]),
        ),
    });
    w.connect();
    for (let tries = 0; w.at() === undefined && tries < 20; tries++) await w.clock.advance(1_000);
    assert.equal(w.at(), '192.0.2.1:20000');
  });

  test('who overwrites it for good is given way to more and more, and reported', async (t) => {
    const w = await world(t, { node: aNode() });
    w.connect();
    await until(() => w.at() !== undefined, 'published');
    for (let time = 0; time < 50; time++) {
      await settle();
      if (w.node()?.status?.addresses?.length === 4) w.overwrite();
    }
    assert.ok(w.patches() <= 7, `${w.patches()} writes`);
    assert.equal(w.state.contested, 1);
    const before = w.patches();
    await w.clock.advance(61_000);
    assert.equal(w.patches(), before + 1, 'and at a slow pace it goes on');
  });

  test('a node that is deleted gives its port back', async (t) => {
    const w = await world(t, { node: aNode() });
    w.connect();
    await until(() => w.at() !== undefined, 'published');
    w.kube.remove(nodes, { name: 'edge-a' });
    await until(() => w.ports.released.includes('edge-a'), 'released');
  });
});

describe('several cloudcores', () => {
  const taken = (w: Awaited<ReturnType<typeof world>>) => {
    const other = { address: '192.0.2.2', port: 20_500 };
    const { metadata, status } = w.node()!;
    w.kube.put(nodes, {
      ...w.node()!,
      metadata: { ...metadata, annotations: { [ENDPOINT_ANNOTATION]: formatEndpoint(other) } },
      status: {
        ...status,
        addresses: publishedAddresses(other, OWN) as never,
        daemonEndpoints: { kubeletEndpoint: { Port: 20_500 } },
      },
    });
  };

  test('a node that answers through our tunnel is ours', async (t) => {
    const w = await world(t, { node: aNode(), alive: true });
    w.connect();
    await until(() => w.at() !== undefined, 'published');
    await settle();
    taken(w);
    await until(() => w.at() === '192.0.2.1:20000', 'published anew');
    assert.deepEqual(w.node()?.status?.addresses, publishedAddresses({ address: '192.0.2.1', port: 1 }, OWN));
  });

  test('one that does not has gone to the other, and our tunnel is closed', async (t) => {
    const w = await world(t, { node: aNode(), alive: false });
    const tunnel = w.connect();
    await until(() => w.at() !== undefined, 'published');
    await settle();
    taken(w);
    assert.match(await tunnel.closed, /another cloudcore/);
    assert.equal(w.at(), '192.0.2.2:20500');
  });

  test('a node that went to another and came back is published at once, and nobody is blamed', async (t) => {
    const w = await world(t, { node: aNode(), alive: true });
    for (let time = 0; time < 10; time++) {
      const tunnel = w.connect();
      await until(() => w.at() === '192.0.2.1:20000', 'published');
      await settle();
      tunnel.close('to the other');
      await settle();
      taken(w);
      await settle();
      assert.equal(w.at(), '192.0.2.2:20500');
    }
    assert.equal(w.state.contested, 0);
  });

  test('a node that comes from another is published at once', async (t) => {
    const w = await world(t, { node: aNode(), alive: false });
    taken(w);
    await settle();
    w.connect();
    await until(() => w.at() === '192.0.2.1:20500', 'published, the port kept');
  });
});
