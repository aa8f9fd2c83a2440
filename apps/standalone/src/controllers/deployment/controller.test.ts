import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Deployment, deployments, events, pods, type ReplicaSet, replicaSets } from '@kubeedge-ts/apis';
import { createReplicaSetController } from '../replicaset/controller.ts';
import { createCluster, deployment, NAMESPACE } from '../testing/cluster.ts';
import { DESIRED_REPLICAS, REVISION, REVISION_HISTORY } from './annotations.ts';
import { createDeploymentController } from './controller.ts';

const key = { namespace: NAMESPACE, name: 'web' };
const start = async () => {
  const cluster = createCluster();
  await cluster.run((...all) => [createDeploymentController(...all), createReplicaSetController(...all)]);
  const { kube } = cluster;
  return {
    ...cluster,
    apply: async (change: Parameters<typeof deployment>[1] = {}) => {
      const wanted = deployment('web', change);
      const exists = kube.objects(deployments).length > 0;
      const { client } = cluster.ports;
      if (!exists) await client.create(deployments, wanted);
      else await client.patch(deployments, key, { type: 'merge', body: { spec: wanted.spec } });
      await cluster.clock.advance(100);
    },
    settle: async (rounds = 12) => {
      for (let i = 0; i < rounds; i++) await cluster.kubelet();
    },
    get: () => kube.objects(deployments)[0] as Deployment,
    sets: () => kube.objects(replicaSets).toSorted((a, b) => revision(a) - revision(b)) as ReplicaSet[],
    images: () =>
      kube
        .objects(pods)
        .map((pod) => pod.spec?.containers[0]?.image)
        .toSorted(),
  };
};
const revision = (object: { metadata: { annotations?: Record<string, string> } }) =>
  Number(object.metadata.annotations?.[REVISION]);
const image = (name: string) => ({
  template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: name }] } },
});
const condition = (object: Deployment, type: string) =>
  object.status?.conditions?.find((found) => found.type === type);

describe('the Deployment controller', () => {
  test('rolls the first template out and says when it is done', async () => {
    const cluster = await start();
    await cluster.apply();
    const [set] = cluster.sets();
    const hash = set?.metadata.labels?.['pod-template-hash'];
    assert.match(String(hash), /^[bcdfghjklmnpqrstvwxz2456789]+$/);
    assert.equal(set?.metadata.name, `web-${hash}`);
    assert.deepEqual(set?.spec?.selector.matchLabels, { app: 'web', 'pod-template-hash': hash });
    assert.equal(condition(cluster.get(), 'Available')?.status, 'False');
    await cluster.settle();
    const { status, metadata } = cluster.get();
    assert.equal(metadata.annotations?.[REVISION], '1');
    assert.equal(status?.observedGeneration, 1);
    assert.deepEqual(
      [status?.replicas, status?.updatedReplicas, status?.readyReplicas, status?.availableReplicas],
      [2, 2, 2, 2],
    );
    assert.equal(condition(cluster.get(), 'Available')?.reason, 'MinimumReplicasAvailable');
    assert.equal(condition(cluster.get(), 'Progressing')?.reason, 'NewReplicaSetAvailable');
    assert.equal(cluster.kube.objects(events)[0]?.involvedObject.name !== undefined, true);
    await cluster.stop();
  });

  test('replaces pods step by step when the template changes', async () => {
    const cluster = await start();
    await cluster.apply({ replicas: 4, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } });
    await cluster.settle();
    await cluster.apply({ replicas: 4, ...image('two') });
    for (let round = 0; round < 15; round++) {
      const all = cluster.kube.objects(pods).filter((pod) => pod.metadata.deletionTimestamp === undefined);
      assert.ok(all.length <= 5);
      assert.ok(all.filter((pod) => pod.status?.phase === 'Running').length >= 3);
      await cluster.kubelet();
    }
    assert.deepEqual(cluster.images(), ['two', 'two', 'two', 'two']);
    assert.deepEqual(
      cluster.sets().map((set) => [revision(set), set.spec?.replicas]),
      [
        [1, 0],
        [2, 4],
      ],
    );
    assert.equal(revision(cluster.get()), 2);
    assert.equal(condition(cluster.get(), 'Progressing')?.reason, 'NewReplicaSetAvailable');
    await cluster.stop();
  });

  test('going back to an earlier template uses its ReplicaSet again, as the newest revision', async () => {
    const cluster = await start();
    await cluster.apply();
    await cluster.settle();
    await cluster.apply(image('two'));
    await cluster.settle();
    await cluster.apply(image('one'));
    await cluster.settle();
    assert.deepEqual(cluster.images(), ['one', 'one']);
    assert.deepEqual(cluster.sets().map(revision), [2, 3]);
    assert.equal(cluster.sets()[1]?.metadata.annotations?.[REVISION_HISTORY], '1');
    assert.equal(revision(cluster.get()), 3);
    await cluster.stop();
  });

  test('hands annotations such as the change cause down, but not those of kubectl', async () => {
    const cluster = await start();
    const wanted = deployment('web');
    const annotations = {
      'kubernetes.io/change-cause': 'first',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
    };
    await cluster.ports.client.create(deployments, {
      ...wanted,
      metadata: { ...wanted.metadata, annotations },
    });
    await cluster.clock.advance(100);
    assert.deepEqual(Object.keys(cluster.sets()[0]?.metadata.annotations ?? {}).toSorted(), [
      DESIRED_REPLICAS,
      'deployment.kubernetes.io/max-replicas',
      REVISION,
      'kubernetes.io/change-cause',
    ]);
    await cluster.stop();
  });

  test('scales without a rollout, also while it is paused', async () => {
    const cluster = await start();
    await cluster.apply();
    await cluster.settle();
    await cluster.apply({ replicas: 5, paused: true });
    await cluster.settle();
    assert.equal(cluster.images().length, 5);
    assert.equal(condition(cluster.get(), 'Progressing')?.reason, 'DeploymentPaused');
    await cluster.apply({ replicas: 5, paused: true, ...image('two') });
    await cluster.settle();
    assert.equal(cluster.sets().length, 1);
    await cluster.apply({ replicas: 5, paused: false, ...image('two') });
    await cluster.settle();
    assert.deepEqual(cluster.images(), Array(5).fill('two'));
    assert.equal(cluster.sets()[1]?.metadata.annotations?.[DESIRED_REPLICAS], '5');
    await cluster.apply({ replicas: 0, ...image('two') });
    await cluster.settle();
    assert.equal(cluster.images().length, 0);
    await cluster.stop();
  });

  test('with Recreate starts new pods only when the last old one is gone', async () => {
    const cluster = await start();
    await cluster.apply({ strategy: { type: 'Recreate' } });
    await cluster.settle();
    await cluster.apply({ strategy: { type: 'Recreate' }, ...image('two') });
    assert.deepEqual(cluster.images(), ['one', 'one']);
    assert.ok(cluster.kube.objects(pods).every((pod) => pod.metadata.deletionTimestamp !== undefined));
    await cluster.settle();
    assert.deepEqual(cluster.images(), ['two', 'two']);
    await cluster.stop();
  });

  test('reports a rollout that makes no progress after its deadline, and keeps the old pods', async () => {
    const cluster = await start();
    await cluster.apply({ replicas: 4, progressDeadlineSeconds: 60 });
    await cluster.settle();
    await cluster.apply({ replicas: 4, progressDeadlineSeconds: 60, ...image('broken') });
    await cluster.settle();
    assert.equal(condition(cluster.get(), 'Progressing')?.status, 'True');
    await cluster.clock.advance(70_000);
    assert.equal(condition(cluster.get(), 'Progressing')?.reason, 'ProgressDeadlineExceeded');
    assert.equal(cluster.images().filter((name) => name === 'one').length, 3);
    const writes = cluster.kube.calls.length;
    await cluster.clock.advance(10 * 60_000);
    assert.ok(cluster.kube.calls.length - writes < 20, 'it is quiet afterwards');
    await cluster.apply({ replicas: 4, progressDeadlineSeconds: 60, ...image('one') });
    await cluster.settle();
    assert.equal(condition(cluster.get(), 'Progressing')?.reason, 'NewReplicaSetAvailable');
    await cluster.stop();
  });

  test('keeps as many old revisions as asked for', async () => {
    const cluster = await start();
    for (const name of ['one', 'two', 'three', 'four']) {
      await cluster.apply({ revisionHistoryLimit: 2, ...image(name) });
      await cluster.settle();
    }
    assert.deepEqual(cluster.sets().map(revision), [2, 3, 4]);
    await cluster.stop();
  });

  test('takes another name when its ReplicaSet name is taken by something else', async () => {
    const cluster = await start();
    await cluster.apply();
    const name = String(cluster.sets()[0]?.metadata.name);
    await cluster.stop();
    const second = await start();
    second.kube.put(replicaSets, {
      metadata: { name, namespace: NAMESPACE },
      spec: { replicas: 0, selector: { matchLabels: { x: 'y' } } },
    });
    await second.apply();
    await second.settle();
    assert.equal(second.get().status?.collisionCount, 1);
    assert.equal(second.images().length, 2);
    await second.stop();
  });

  test('a restart rolls all pods by an annotation of the template', async () => {
    const cluster = await start();
    await cluster.apply();
    await cluster.settle();
    const before = cluster.kube.objects(pods).map((pod) => pod.metadata.uid);
    const annotations = { 'kubectl.kubernetes.io/restartedAt': 'now' };
    await cluster.ports.client.patch(deployments, key, {
      type: 'merge',
      body: { spec: { template: { metadata: { annotations } } } },
    });
    await cluster.settle();
    const after = cluster.kube.objects(pods);
    assert.equal(after.length, 2);
    assert.ok(after.every((pod) => !before.includes(pod.metadata.uid)));
    await cluster.stop();
  });
});
