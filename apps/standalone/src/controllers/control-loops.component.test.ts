import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  configMaps,
  type Deployment,
  deployments,
  type KubeObject,
  namespaces,
  nodes,
  type Pod,
  pods,
  type Resource,
  replicaSets,
  serviceAccounts,
} from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import {
  createInformer,
  createKubeClient,
  isNotFound,
  type KubeClient,
  loadKubeconfig,
} from '@kubeedge-ts/kube';
import { silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { createScheduler } from '../scheduler/index.ts';
import { type ApiServer, createApiServer } from '../server/index.ts';
import { createControllers } from './index.ts';
import { deployment, node } from './testing/cluster.ts';

/** The whole of standalone but its command line: API server, client, informers, controllers, scheduler. */
const NAMESPACE = 'shop';
let server: ApiServer;
let client: KubeClient;
let modules: Module[] = [];
let folder = '';
const stop = new AbortController();

/** Waits for a condition on the live API; fails after 10 s with what was last seen. */
async function eventually<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const deadline = systemClock.monotonic() + 10_000;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (systemClock.monotonic() > deadline) assert.fail(`still ${JSON.stringify(value)}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    systemClock.after(20, resolve);
    await promise;
  }
}
const list = async <T extends KubeObject>(resource: Resource<T>, namespace = NAMESPACE) =>
  (await client.list(resource, { namespace })).items;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standalone-'));
  server = await createApiServer({ dataDir: join(folder, 'data') });
  const path = join(folder, 'kubeconfig');
  await writeFile(path, server.adminKubeconfig);
  client = createKubeClient(await loadKubeconfig({ path, env: {} }, { clock: systemClock }), {
    clock: systemClock,
    userAgent: 'test',
  });
  const ports = { client, clock: systemClock, random: systemRandom, log: silentLogger };
  modules = [createControllers({ ...ports, rootCa: server.caPem }), createScheduler(ports)];
  for (const module of modules) await module.start(stop.signal);
  await client.create(namespaces, { metadata: { name: NAMESPACE } });
  await client.create(nodes, node('n1'));
  // A kubelet that runs every pod it is given and ends every pod it is told to end.
  const kubelet = createInformer(client, pods, {}, ports);
  const react = async (pod: Pod): Promise<void> => {
    const { metadata, spec } = pod;
    if (metadata.deletionTimestamp !== undefined) {
      await client.delete(pods, metadata, { gracePeriodSeconds: 0 });
    } else if (spec?.nodeName && pod.status?.phase !== 'Running') {
      const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }];
      const body = { status: { phase: 'Running', conditions } };
      await client.patch(pods, metadata, { type: 'strategic', body }, { subresource: 'status' });
    }
  };
  const quietly = (pod: Pod): void => void react(pod).catch((error) => assert.ok(isNotFound(error), error));
  kubelet.subscribe({ added: quietly, updated: quietly });
  kubelet.start(stop.signal);
});
after(async () => {
  for (const module of modules.reverse()) await module.stop();
  stop.abort(new Error('test over'));
  client.close();
  await server.close();
  await rm(folder, { recursive: true });
});

describe('on the real API server', () => {
  test('a namespace gets its service account and root CA', async () => {
    await eventually(
      () => list(serviceAccounts),
      (all) => all.some(({ metadata }) => metadata.name === 'default'),
    );
    const [ca] = await eventually(
      () => list(configMaps),
      (all) => all.length === 1,
    );
    assert.equal(ca?.data?.['ca.crt'], server.caPem);
  });

  test('a Deployment runs on a node, is rolled over, rolled back, and deleted with all it owned', async () => {
    const key = { namespace: NAMESPACE, name: 'web' };
    const done = (generation: number) =>
      eventually(
        () => client.get<Deployment>(deployments, key),
        ({ status }) =>
          status?.observedGeneration === generation &&
          status.updatedReplicas === 2 &&
          status.replicas === 2 &&
          status.availableReplicas === 2,
      );
    await client.create(deployments, deployment('web'));
    await done(1);
    assert.ok((await list(pods)).every((pod) => pod.spec?.nodeName === 'n1'));
    const image = (name: string) => ({
      spec: { template: { spec: { containers: [{ name: 'c', image: name }] } } },
    });
    await client.patch(deployments, key, { type: 'strategic', body: image('two') });
    await done(2);
    await client.patch(deployments, key, { type: 'strategic', body: image('one') });
    const back = await done(3);
    assert.equal(back.metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
    assert.equal((await list(replicaSets)).length, 2);
    const progress = await eventually(
      () => client.get<Deployment>(deployments, key),
      ({ status }) => status?.conditions?.some(({ reason }) => reason === 'NewReplicaSetAvailable') === true,
    );
    assert.equal(progress.status?.conditions?.length, 2);
    await client.delete(deployments, key, { propagationPolicy: 'Foreground' });
    await eventually(
      async () => [...(await list(deployments)), ...(await list(replicaSets)), ...(await list(pods))],
      (all) => all.length === 0,
    );
  });

  test('after a restart of the API server all of it goes on', async () => {
    const { port } = server;
    await server.close();
    server = await createApiServer({ dataDir: join(folder, 'data'), port });
    // A write may meet a connection that died with the old server; it is then the caller's to repeat.
    await eventually(
      () => client.create(deployments, deployment('late')).catch(() => undefined),
      (created) => created !== undefined,
    );
    await eventually(
      () => list(pods),
      (all) => all.filter((pod) => pod.status?.phase === 'Running').length === 2,
    );
    await client.delete(deployments, { namespace: NAMESPACE, name: 'late' });
    await eventually(
      () => list(pods),
      (all) => all.length === 0,
    );
  });

  test('a namespace is emptied and goes', async () => {
    await client.create(deployments, deployment('last'));
    await eventually(
      () => list(pods),
      (all) => all.length === 2,
    );
    await client.delete(namespaces, { name: NAMESPACE });
    await eventually(
      async () => (await client.list(namespaces)).items.map(({ metadata }) => metadata.name),
      (names) => !names.includes(NAMESPACE),
    );
    assert.deepEqual(await list(pods), []);
  });
});
