import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { events, type Pod, pods, type ReplicaSet, replicaSets } from '@kubeedge-ts/apis';
import { createCluster, NAMESPACE, running } from '../testing/cluster.ts';
import { createReplicaSetController } from './controller.ts';
import { deletionOrder } from './deletion-order.ts';

const set = (replicas: number): ReplicaSet => ({
  metadata: { name: 'web', namespace: NAMESPACE },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' }, annotations: { note: 'x' } },
      spec: { containers: [{ name: 'c', image: 'one' }] },
    },
  },
});
const key = { namespace: NAMESPACE, name: 'web' };
const start = async (options: Parameters<typeof createCluster>[0] = {}) => {
  const cluster = createCluster(options);
  await cluster.run((...all) => [createReplicaSetController(...all)]);
  return cluster;
};
const statusOf = (cluster: Awaited<ReturnType<typeof start>>) => cluster.kube.objects(replicaSets)[0]?.status;

describe('the ReplicaSet controller', () => {
  test('makes as many pods of the template as asked for, and counts them', async () => {
    const cluster = await start();
    cluster.kube.put(replicaSets, set(3));
    await cluster.clock.advance(100);
    const made = cluster.kube.objects(pods);
    assert.equal(made.length, 3);
    const [pod] = made;
    assert.match(String(pod?.metadata.name), /^web-[a-z0-9]{5}$/);
    assert.deepEqual(pod?.metadata.labels, { app: 'web' });
    assert.deepEqual(pod?.metadata.annotations, { note: 'x' });
    const owner = cluster.kube.objects(replicaSets)[0];
    assert.deepEqual(pod?.metadata.ownerReferences, [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web',
        uid: owner?.metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    await cluster.kubelet();
    assert.deepEqual(statusOf(cluster), {
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      observedGeneration: 1,
    });
    const reasons = cluster.kube.objects(events).map((event) => event.reason);
    assert.deepEqual(reasons, ['SuccessfulCreate', 'SuccessfulCreate', 'SuccessfulCreate']);
    await cluster.stop();
  });

  test('replaces pods that end or are deleted', async () => {
    const cluster = await start();
    cluster.kube.put(replicaSets, set(2));
    await cluster.clock.advance(100);
    await cluster.kubelet();
    const [first, second] = cluster.kube.objects(pods) as [Pod, Pod];
    await cluster.ports.client.delete(pods, first.metadata);
    cluster.kube.put(pods, { ...second, status: { phase: 'Failed' } });
    await cluster.clock.advance(100);
    const active = cluster.kube
      .objects(pods)
      .filter((pod) => pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== 'Failed');
    assert.equal(active.length, 2);
    assert.equal(cluster.kube.objects(pods).length, 4);
    await cluster.stop();
  });

  test('scales down by the pods that serve least', async () => {
    const cluster = await start();
    cluster.kube.put(replicaSets, set(3));
    await cluster.clock.advance(100);
    const [first] = cluster.kube.objects(pods) as [Pod];
    cluster.kube.put(pods, running(first, 'n1', cluster.clock.now()));
    cluster.kube.put(replicaSets, set(1));
    await cluster.clock.advance(100);
    assert.deepEqual(
      cluster.kube.objects(pods).map((pod) => pod.metadata.name),
      [first.metadata.name],
    );
    await cluster.stop();
  });

  test('adopts an orphan that fits and releases a pod that fits no longer', async () => {
    const cluster = await start();
    cluster.kube.put(pods, { metadata: { name: 'orphan', namespace: NAMESPACE, labels: { app: 'web' } } });
    cluster.kube.put(replicaSets, set(1));
    await cluster.clock.advance(100);
    const [only, ...others] = cluster.kube.objects(pods);
    assert.equal(others.length, 0);
    assert.equal(only?.metadata.ownerReferences?.[0]?.name, 'web');
    await cluster.ports.client.patch(
      pods,
      { namespace: NAMESPACE, name: 'orphan' },
      { type: 'merge', body: { metadata: { labels: { app: 'debug' } } } },
    );
    await cluster.clock.advance(100);
    const all = cluster.kube.objects(pods);
    assert.equal(all.length, 2);
    assert.deepEqual(all.find((pod) => pod.metadata.name === 'orphan')?.metadata.ownerReferences, []);
    await cluster.stop();
  });

  test('makes no duplicate while its cache is behind', async () => {
    const cluster = createCluster({
      // Pod events arrive only every now and then, in watches that break.
      script: ({ verb, resource }) =>
        verb === 'watch' && resource === 'pods' ? { kind: 'watch-break', afterEvents: 1 } : undefined,
    });
    await cluster.run((...all) => [createReplicaSetController(...all)]);
    cluster.kube.put(replicaSets, set(4));
    let most = 0;
    for (let i = 0; i < 100; i++) {
      cluster.kube.put(replicaSets, { ...set(4), metadata: { ...key, annotations: { tick: String(i) } } });
      await cluster.clock.advance(200);
      most = Math.max(most, cluster.kube.objects(pods).length);
    }
    assert.equal(most, 4);
    await cluster.stop();
  });

  test('tries few pods at first when they cannot be created, says why, and goes on later', async () => {
    let broken = true;
    const cluster = await start({
      script: ({ verb, resource }) =>
        broken && verb === 'create' && resource === 'pods' ? { kind: 'status', code: 403 } : undefined,
    });
    cluster.kube.put(replicaSets, set(20));
    await cluster.clock.advance(1);
    const condition = statusOf(cluster)?.conditions?.[0];
    assert.equal(condition?.type, 'ReplicaFailure');
    assert.equal(condition?.reason, 'FailedCreate');
    assert.ok(cluster.kube.objects(events).some((event) => event.reason === 'FailedCreate'));
    broken = false;
    await cluster.clock.advance(60_000);
    assert.equal(cluster.kube.objects(pods).length, 20);
    assert.equal(statusOf(cluster)?.conditions, undefined);
    await cluster.stop();
  });

  test('counts a pod as available only after minReadySeconds', async () => {
    const cluster = await start();
    const { spec } = set(1);
    cluster.kube.put(replicaSets, {
      metadata: key,
      spec: { ...spec, minReadySeconds: 30 } as ReplicaSet['spec'],
    });
    await cluster.clock.advance(100);
    await cluster.kubelet();
    assert.equal(statusOf(cluster)?.readyReplicas, 1);
    assert.equal(statusOf(cluster)?.availableReplicas, 0);
    await cluster.clock.advance(31_000);
    assert.equal(statusOf(cluster)?.availableReplicas, 1);
    await cluster.stop();
  });

  test('leaves the pods of a set that is being deleted alone', async () => {
    const cluster = await start();
    cluster.kube.put(replicaSets, { ...set(2), metadata: { ...key, finalizers: ['foregroundDeletion'] } });
    await cluster.clock.advance(100);
    await cluster.ports.client.delete(replicaSets, key);
    await cluster.kubelet();
    const [first] = cluster.kube.objects(pods) as [Pod];
    cluster.kube.remove(pods, first.metadata);
    await cluster.clock.advance(1000);
    assert.equal(cluster.kube.objects(pods).length, 1);
    await cluster.stop();
  });
});

test('the deletion order puts least useful pods first', () => {
  const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
  const pod = (
    name: string,
    node: string | undefined,
    phase: string,
    readyAt?: number,
    more: Partial<Pod> = {},
  ): Pod => ({
    metadata: { name, creationTimestamp: at(0), ...more.metadata },
    spec: { containers: [], nodeName: node },
    status: {
      phase,
      conditions:
        readyAt === undefined ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: at(readyAt) }],
      ...more.status,
    },
  });
  const cheap = {
    metadata: { name: 'cheap', annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } },
  };
  const list = [
    pod('old', 'quiet', 'Running', 1),
    pod('crowded', 'busy', 'Running', 1),
    pod('young', 'quiet', 'Running', 9),
    pod('unready', 'quiet', 'Running'),
    pod('pending', 'quiet', 'Pending'),
    pod('unassigned', undefined, 'Pending'),
    pod('cheap', 'quiet', 'Running', 1, cheap),
  ];
  const neighbours = ['x', 'y', 'z', 'w', 'v'].map((name) => pod(name, 'busy', 'Running', 1));
  assert.deepEqual(
    deletionOrder(list, [...list, ...neighbours]).map(({ metadata }) => metadata.name),
    ['unassigned', 'pending', 'unready', 'cheap', 'crowded', 'young', 'old'],
  );
});
