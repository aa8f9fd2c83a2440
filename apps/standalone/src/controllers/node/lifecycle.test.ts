import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { events, type Lease, leases, type Node, nodes, type Pod, pods } from '@kubeedge-ts/apis';
import { rfc3339Micro } from '@kubeedge-ts/runtime';
import { createPodGc } from '../pod-gc.ts';
import { createCluster, NAMESPACE, node, running } from '../testing/cluster.ts';
import { createNodeLifecycle } from './lifecycle.ts';

const start = async () => {
  const cluster = createCluster();
  const { kube, clock } = cluster;
  await cluster.run((ports, informers, recorder) => [
    createNodeLifecycle(ports, informers, recorder),
    createPodGc(ports, informers),
  ]);
  kube.put(nodes, node('n1', { metadata: { name: 'n1', labels: { 'node-role.kubernetes.io/edge': '' } } }));
  const pod: Pod = { metadata: { namespace: NAMESPACE, name: 'p' }, spec: { containers: [{ name: 'c' }] } };
  kube.put(pods, running(pod, 'n1', clock.now()));
  await clock.advance(100);
  return {
    ...cluster,
    renew: () =>
      kube.put<Lease>(leases, {
        metadata: { namespace: 'kube-node-lease', name: 'n1' },
        spec: { holderIdentity: 'n1', renewTime: rfc3339Micro(clock.now()) },
      }),
    node: () => kube.objects(nodes)[0] as Node,
    taints: () => (kube.objects(nodes)[0]?.spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`),
    podReady: () => kube.objects(pods)[0]?.status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  };
};

describe('a node', () => {
  test('that renews its lease stays ready', async () => {
    const { renew, clock, taints, node: get, stop } = await start();
    for (let i = 0; i < 30; i++) {
      renew();
      await clock.advance(10_000);
    }
    assert.equal(get().status?.conditions?.[0]?.status, 'True');
    assert.deepEqual(taints(), []);
    await stop();
  });

  test('that goes silent is Unknown after 40 s, takes no new pods, and keeps the ones it has', async () => {
    const { kube, renew, clock, taints, podReady, node: get, stop } = await start();
    renew();
    await clock.advance(39_000);
    assert.deepEqual(taints(), []);
    await clock.advance(2_000);
    const [ready, ...others] = get().status?.conditions ?? [];
    assert.deepEqual(
      [ready?.status, ready?.reason, ready?.message],
      ['Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.'],
    );
    assert.deepEqual(
      others.map(({ type, status, reason }) => [type, status, reason]),
      ['MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => [
        type,
        'Unknown',
        'NodeStatusNeverUpdated',
      ]),
    );
    assert.deepEqual(taints(), [
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    assert.equal(podReady(), 'False');
    assert.deepEqual(
      kube
        .objects(events)
        .map(({ reason }) => reason)
        .toSorted(),
      ['NodeNotReady', 'NodeNotReady'],
    );
    await clock.advance(24 * 3600_000);
    assert.equal(kube.objects(pods)[0]?.metadata.deletionTimestamp, undefined);
    await stop();
  });

  test('that returns loses the taints, and only ours', async () => {
    const { kube, clock, taints, node: get, stop } = await start();
    const own = { key: 'mine', effect: 'NoSchedule' };
    kube.put(nodes, { ...get(), spec: { taints: [own] } });
    await clock.advance(60_000);
    assert.equal(taints().length, 3);
    kube.put(nodes, { ...get(), status: { conditions: [{ type: 'Ready', status: 'False' }] } });
    await clock.advance(100);
    assert.deepEqual(taints().slice(1), [
      'node.kubernetes.io/not-ready:NoSchedule',
      'node.kubernetes.io/not-ready:NoExecute',
    ]);
    kube.put(nodes, { ...get(), status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    await clock.advance(100);
    assert.deepEqual(taints(), ['mine:NoSchedule']);
    await stop();
  });

  test('that is cordoned or under pressure says so by taints', async () => {
    const { kube, clock, taints, node: get, stop } = await start();
    const status = {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'DiskPressure', status: 'True' },
      ],
    };
    kube.put(nodes, { ...get(), spec: { unschedulable: true }, status });
    await clock.advance(100);
    assert.deepEqual(taints(), [
      'node.kubernetes.io/unschedulable:NoSchedule',
      'node.kubernetes.io/disk-pressure:NoSchedule',
    ]);
    await stop();
  });

  test('that is deleted takes its pods along, but not when it registers again soon', async () => {
    const { kube, clock, stop } = await start();
    kube.remove(nodes, { name: 'n1' });
    await clock.advance(30_000);
    kube.put(nodes, node('n1'));
    await clock.advance(60_000);
    assert.equal(kube.objects(pods).length, 1);
    kube.remove(nodes, { name: 'n1' });
    await clock.advance(41_000);
    assert.equal(kube.objects(pods).length, 0);
    await stop();
  });
});

test('a pod deleted before it was bound is removed', async () => {
  const { kube, clock, stop } = await start();
  kube.put(pods, {
    metadata: { namespace: NAMESPACE, name: 'q', deletionTimestamp: '2026-01-01T00:00:00Z' },
  });
  await clock.advance(100);
  assert.deepEqual(
    kube.objects(pods).map(({ metadata }) => metadata.name),
    ['p'],
  );
  await stop();
});
