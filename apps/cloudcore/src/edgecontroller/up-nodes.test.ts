import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Lease, leases, type Node, nodes } from '@kubeedge-ts/apis';
import { faultRules, withFaults } from '@kubeedge-ts/kube/testing';
import { aNode, edgeWorld, errorOf, NODE, put, responseOf } from './testing/edge-world.ts';

const NEW = 'edge-new';
const nodeOf = (kube: { objects: (r: typeof nodes) => readonly Node[] }, name: string) =>
  kube.objects(nodes).find(({ metadata }) => metadata.name === name);

const claim = {
  metadata: {
    name: NEW,
    creationTimestamp: null,
    labels: {
      'kubernetes.io/hostname': NEW,
      'node-role.kubernetes.io/edge': '',
      'node-role.kubernetes.io/control-plane': '',
      'node-restriction.kubernetes.io/zone': 'x',
      site: 'shop',
    },
    annotations: { a: 'b' },
  },
  spec: {},
  status: { capacity: { cpu: '2' } },
};

test('a node registers: its own labels and the roles of an edge are set, others in Kubernetes domain are not', async (t) => {
  const { kube, downstream, ask } = await edgeWorld(t, { options: { address: '192.0.2.1' } });
  downstream.connect(NEW);
  const answer = await ask('insert', `null/node/${NEW}`, claim, NEW);
  const node = nodeOf(kube, NEW);
  assert.deepEqual(node?.metadata.labels, {
    'kubernetes.io/hostname': NEW,
    'node-role.kubernetes.io/edge': '',
    site: 'shop',
  });
  assert.deepEqual(node?.metadata.annotations, { a: 'b', cloudcore: '192.0.2.1' });
  assert.equal(node?.status?.capacity?.['cpu'], '2');
  assert.equal(responseOf(answer).Err, null);
  assert.equal(responseOf(answer).Object?.metadata.uid, node?.metadata.uid);
  assert.deepEqual(downstream.names(NEW), [`node/null/${NEW}`]);
});

test('a registration that ended half-way is finished by the next attempt', async (t) => {
  const { kube, downstream, ask } = await edgeWorld(t, {
    wrap: (kube, clock) =>
      withFaults(
        kube,
        faultRules([{ verb: 'patch', resource: 'nodes', fault: { kind: 'unreachable' } }]),
        clock,
      ),
  });
  downstream.connect(NEW);
  const first = await ask('insert', `null/node/${NEW}`, claim, NEW);
  assert.equal(responseOf(first).Err?.ErrStatus.reason, 'ServiceUnavailable');
  const second = await ask('insert', `null/node/${NEW}`, claim, NEW);
  assert.equal(responseOf(second).Err?.ErrStatus.reason, 'AlreadyExists');
  assert.equal(nodeOf(kube, NEW)?.metadata.labels?.['node-role.kubernetes.io/edge'], '');
});

test('registering again gives no node a label that an administrator took away', async (t) => {
  const { kube, ask } = await edgeWorld(t);
  kube.put(nodes, aNode(NODE, false));
  await ask('insert', `null/node/${NODE}`, { ...claim, metadata: { ...claim.metadata, name: NODE } });
  assert.equal(nodeOf(kube, NODE)?.metadata.labels?.['node-role.kubernetes.io/edge'], undefined);
});

test('a node patch reaches the status only; spec and roles are not the node to change', async (t) => {
  const { kube, ask } = await edgeWorld(t);
  const patch = {
    metadata: {
      labels: { 'node-role.kubernetes.io/control-plane': '', site: 'x' },
      annotations: { n: '1', cloudcore: '203.0.113.9' },
    },
    spec: { unschedulable: true },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  };
  const answer = await ask('patch', `null/nodepatch/${NODE}`, JSON.stringify(patch));
  assert.equal(responseOf(answer).Err, null);
  assert.ok(answer?.header.resourceversion);
  const node = nodeOf(kube, NODE);
  assert.deepEqual(node?.status?.conditions, [{ type: 'Ready', status: 'True' }]);
  assert.equal(node?.spec?.unschedulable, undefined);
  const sent = kube.calls.findLast(({ verb, resource }) => verb === 'patch' && resource === 'nodes');
  assert.equal(sent?.subresource, 'status');
  assert.deepEqual(sent?.body, {
    metadata: { labels: { site: 'x' }, annotations: { n: '1' } },
    status: patch.status,
  });
});

const PUBLISHED = [
  { type: 'InternalIP', address: '192.0.2.1' },
  { type: 'Hostname', address: '192.0.2.1' },
];
const OWN = [{ type: 'InternalIP', address: '10.0.0.5' }];
/** Reached through cloudcore. */
const published = (name: string): Node => {
  const node = aNode(name);
  return {
    ...node,
    metadata: { ...node.metadata, annotations: { 'kubeedge-ts.io/kubelet-endpoint': '192.0.2.1:20001' } },
    status: {
      addresses: [...PUBLISHED, ...OWN],
      daemonEndpoints: { kubeletEndpoint: { Port: 20_001 } },
    },
  };
};

test('the report of a node that is reached through cloudcore leaves it where it is found', async (t) => {
  const { kube, ask } = await edgeWorld(t, { setUp: (kube) => void put(kube, nodes, published(NODE)) });
  const moved = [{ type: 'InternalIP', address: '10.0.0.9' }];
  const report = (addresses: object[]) => ({
    metadata: { annotations: { 'kubeedge-ts.io/kubelet-endpoint': '203.0.113.9:1', a: 'b' } },
    status: { phase: 'x', addresses, daemonEndpoints: { kubeletEndpoint: { Port: 10_350 } } },
  });
  const answer = await ask(
    'patch',
    `null/nodepatch/${NODE}`,
    JSON.stringify(report([...moved, { $patch: 'replace' }])),
  );
  const { metadata, status } = nodeOf(kube, NODE)!;
  assert.deepEqual(status?.addresses, [...PUBLISHED, ...moved]);
  assert.equal(status?.daemonEndpoints?.kubeletEndpoint?.Port, 20_001);
  assert.equal(metadata.annotations?.['kubeedge-ts.io/kubelet-endpoint'], '192.0.2.1:20001');
  const seen = responseOf(answer).Object as Node;
  assert.deepEqual(seen.status?.addresses, moved, 'the edge sees its own, or would report them for ever');
  const read = (await ask('query', `null/node/${NODE}`))?.content as Node;
  assert.deepEqual(read.status?.addresses, moved);
});

test('a heartbeat of 1.9 leaves a node where it is found', async (t) => {
  const { kube, ask } = await edgeWorld(t, { setUp: (kube) => void put(kube, nodes, published(NODE)) });
  await ask('update', `default/nodestatus/${NODE}`, {
    UID: 'x',
    Status: { phase: 'Running', addresses: OWN },
  });
  const { status } = nodeOf(kube, NODE)!;
  assert.equal(status?.phase, 'Running');
  assert.deepEqual(status?.addresses, [...PUBLISHED, ...OWN]);
  assert.equal(status?.daemonEndpoints?.kubeletEndpoint?.Port, 20_001);
});

test('a node update merges labels and annotations and is answered OK', async (t) => {
  const { kube, ask } = await edgeWorld(t);
  const annotations = { z: '1', cloudcore: '203.0.113.9' };
  const content = { metadata: { name: NODE, labels: { site: 'y' }, annotations } };
  assert.equal((await ask('update', `null/node/${NODE}`, content))?.content, 'OK');
  assert.deepEqual(nodeOf(kube, NODE)?.metadata.annotations, { z: '1' }, 'whose it is, cloudcore decides');
  assert.equal(nodeOf(kube, NODE)?.metadata.labels?.['site'], 'y');
  assert.equal(nodeOf(kube, NODE)?.metadata.labels?.['node-role.kubernetes.io/edge'], '');
});

test('a node may not speak for another', async (t) => {
  const { kube, ask } = await edgeWorld(t, { setUp: (kube) => void put(kube, nodes, aNode('edge-b')) });
  const version = kube.resourceVersion;
  const patched = await ask('patch', 'null/nodepatch/edge-b', '{"status":{"phase":"x"}}');
  assert.equal(responseOf(patched).Err?.ErrStatus.code, 403);
  const read = await ask('query', 'null/node/edge-b');
  assert.equal(errorOf(read)?.reason, 'Forbidden');
  const beat = await ask('update', 'default/nodestatus/edge-b', { UID: 'x', Status: {} });
  assert.match(String(beat?.content), /forbidden/);
  assert.equal(kube.resourceVersion, version);
});

test('upstream 1.9 registers and beats; what the cloud owns of the status is kept', async (t) => {
  const { kube, downstream, clock, ask } = await edgeWorld(t);
  downstream.connect(NEW);
  const registered = await ask(
    'insert',
    `default/nodestatus/${NEW}`,
    { metadata: { creationTimestamp: null, labels: claim.metadata.labels }, spec: {}, status: claim.status },
    NEW,
  );
  assert.equal(registered?.content, 'OK');
  assert.equal(registered?.route.resource, `default/node/${NEW}`);
  const node = nodeOf(kube, NEW)!;
  assert.equal(node.metadata.labels?.['node-role.kubernetes.io/edge'], '');
  kube.put(nodes, {
    ...node,
    status: {
      ...node.status,
      volumesAttached: [{ name: 'v', devicePath: '' }],
      daemonEndpoints: { kubeletEndpoint: { Port: 10350 } },
    },
  });
  const beat = await ask(
    'update',
    `default/nodestatus/${NEW}`,
    {
      UID: '38796d14-1df3-11e8-8e5a-286ed488f209',
      Status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: '2020-01-01T00:00:00Z' }],
        daemonEndpoints: { kubeletEndpoint: { Port: 1 } },
      },
      ExtendResources: null,
    },
    NEW,
  );
  assert.equal(beat?.content, 'OK');
  assert.ok(beat?.header.resourceversion);
  const status = nodeOf(kube, NEW)?.status;
  assert.equal(status?.phase, 'Running');
  assert.equal(Date.parse(status?.conditions?.[0]?.lastHeartbeatTime ?? ''), clock.now());
  assert.equal(status?.volumesAttached?.length, 1);
  assert.equal(status?.daemonEndpoints?.kubeletEndpoint?.Port, 10350);
});

test('a heartbeat of a node that does not exist is answered with the reason', async (t) => {
  const { downstream, ask } = await edgeWorld(t);
  downstream.connect(NEW);
  const answer = await ask('update', `default/nodestatus/${NEW}`, { UID: 'x', Status: {} }, NEW);
  assert.match(String(answer?.content), /not found/);
});

test('a lease is created, read and renewed; a stale version is a conflict for the edge to resolve', async (t) => {
  const { kube, ask } = await edgeWorld(t);
  const path = `kube-node-lease/lease/${NODE}`;
  const missing = responseOf(await ask('query', path));
  assert.equal(missing.Object, null);
  assert.equal(missing.Err?.ErrStatus.reason, 'NotFound');
  const lease: Lease = {
    metadata: { name: NODE, namespace: 'kube-node-lease' },
    spec: { holderIdentity: NODE, leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.000000Z' },
  };
  assert.equal(responseOf(await ask('insert', path, lease)).Err, null);
  const [created] = kube.objects(leases);
  const renewed = { ...created!, spec: { ...created!.spec, renewTime: '2026-01-01T00:00:10.000000Z' } };
  assert.equal(responseOf(await ask('update', path, renewed)).Err, null);
  assert.equal(kube.objects(leases)[0]?.spec?.renewTime, '2026-01-01T00:00:10.000000Z');
  assert.equal(responseOf(await ask('update', path, renewed)).Err?.ErrStatus.reason, 'Conflict');
});
