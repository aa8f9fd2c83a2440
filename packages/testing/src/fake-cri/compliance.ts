import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  ContainerState,
  type CriClient,
  type Init,
  type PodSandboxConfig,
  PodSandboxState,
} from '@kubeedge-ts/cri';
import { isKubeEdgeError } from '@kubeedge-ts/errors';

export interface CriUnderTest {
  readonly client: CriClient;
  /** An image that is there and has `sh` and `sleep`. */
  readonly image: string;
  /** Existing directory for logs. */
  readonly logDirectory: string;
  /** Parent of all cgroups, such as `/test-1`; empty for the runtime's default. */
  readonly cgroupParent?: string;
  stop(): Promise<void>;
}

/** What edged relies on in a container runtime; run against the fake one and against real ones. */
export function criCompliance(name: string, start: () => Promise<CriUnderTest>): void {
  describe(`${name} is a container runtime as edged needs it`, { timeout: 120_000 }, () => {
    let cri: CriUnderTest;
    before(async () => {
      cri = await start();
    });
    after(() => cri?.stop());

    const sandboxConfig = (attempt = 0): Init<PodSandboxConfig> & { labels: Record<string, string> } => {
      const uid = randomUUID();
      return {
        metadata: { name: 'pod', uid, namespace: 'default', attempt },
        hostname: 'pod',
        logDirectory: cri.logDirectory,
        labels: { 'io.kubernetes.pod.uid': uid },
        annotations: { note: 'kept' },
        linux: { cgroupParent: cri.cgroupParent ?? '', securityContext: { namespaceOptions: { pid: 1 } } },
      };
    };
    const withContainer = async (
      script: string,
      use: (ids: { sandbox: string; container: string; uid: string }) => Promise<void>,
    ): Promise<void> => {
      const config = sandboxConfig();
      const { podSandboxId } = await cri.client.runPodSandbox({ config });
      try {
        const { image } = await cri.client.imageStatus({ image: { image: cri.image } });
        const { containerId } = await cri.client.createContainer({
          podSandboxId,
          sandboxConfig: config,
          config: {
            metadata: { name: 'main', attempt: 3 },
            image: { image: image?.id ?? '' },
            command: ['sh', '-c', script],
            labels: { ...config.labels, 'io.kubernetes.container.name': 'main' },
            annotations: { 'io.kubernetes.container.restartCount': '3' },
            logPath: 'main.log',
            linux: { resources: {}, securityContext: { namespaceOptions: { pid: 1 } } },
          },
        });
        await use({
          sandbox: podSandboxId,
          container: containerId,
          uid: config.labels['io.kubernetes.pod.uid'] as string,
        });
      } finally {
        await cri.client.stopPodSandbox({ podSandboxId });
        await cri.client.removePodSandbox({ podSandboxId });
      }
    };

    test('it says its name, version and that it is ready', async () => {
      const version = await cri.client.version({ version: '0.1.0' });
      assert.notEqual(version.runtimeName, '');
      assert.equal(version.runtimeApiVersion, 'v1');
      const { status } = await cri.client.status({});
      assert.deepEqual(
        status?.conditions.map((condition) => [condition.type, condition.status]),
        [
          ['RuntimeReady', true],
          ['NetworkReady', true],
        ],
      );
    });

    test('what it does not know is CRI_NOT_FOUND', async () => {
      await assert.rejects(cri.client.containerStatus({ containerId: 'nothing' }), (error) =>
        isKubeEdgeError(error, 'CRI_NOT_FOUND'),
      );
      await assert.rejects(cri.client.podSandboxStatus({ podSandboxId: 'nothing' }), (error) =>
        isKubeEdgeError(error, 'CRI_NOT_FOUND'),
      );
    });

    test('an image that is not there has no status and no error', async () => {
      const { image } = await cri.client.imageStatus({ image: { image: 'kubeedge-ts.local/none:1' } });
      assert.equal(image, undefined);
    });

    test('a sandbox has an address, is found by its label, and ends in order; ending it twice is fine', async () => {
      const config = sandboxConfig(2);
      const { podSandboxId } = await cri.client.runPodSandbox({ config });
      const { status } = await cri.client.podSandboxStatus({ podSandboxId });
      assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
      assert.match(status?.network?.ip ?? '', /^\d+\.\d+\.\d+\.\d+$/);
      assert.equal(status?.metadata?.attempt, 2);
      assert.deepEqual(status?.annotations, { note: 'kept' });
      const { items } = await cri.client.listPodSandbox({ filter: { labelSelector: config.labels } });
      assert.deepEqual(
        items.map(({ id }) => id),
        [podSandboxId],
      );
      await cri.client.stopPodSandbox({ podSandboxId });
      await cri.client.stopPodSandbox({ podSandboxId });
      const stopped = await cri.client.podSandboxStatus({ podSandboxId });
      assert.equal(stopped.status?.state, PodSandboxState.SANDBOX_NOTREADY);
      await cri.client.removePodSandbox({ podSandboxId });
      await cri.client.removePodSandbox({ podSandboxId });
      const left = await cri.client.listPodSandbox({ filter: { labelSelector: config.labels } });
      assert.deepEqual(left.items, []);
    });

    test('one name and attempt is one sandbox', async () => {
      const config = sandboxConfig();
      const { podSandboxId } = await cri.client.runPodSandbox({ config });
      await assert.rejects(cri.client.runPodSandbox({ config }), (error) =>
        isKubeEdgeError(error, 'CRI_FAILED'),
      );
      await cri.client.stopPodSandbox({ podSandboxId });
      await cri.client.removePodSandbox({ podSandboxId });
    });

    test('a container is created, runs, answers commands, stops within its grace and keeps its record', async () => {
      await withContainer(
        'trap "exit 0" TERM; while true; do sleep 0.05; done',
        async ({ container, uid }) => {
          const { client } = cri;
          const stateOf = async () => (await client.containerStatus({ containerId: container })).status;
          assert.equal((await stateOf())?.state, ContainerState.CONTAINER_CREATED);
          await client.startContainer({ containerId: container });
          const running = await stateOf();
          assert.equal(running?.state, ContainerState.CONTAINER_RUNNING);
          assert.ok((running?.startedAt ?? 0) >= (running?.createdAt ?? 0));
          assert.equal(running?.annotations['io.kubernetes.container.restartCount'], '3');
          assert.equal(
            (await client.execSync({ containerId: container, cmd: ['true'], timeout: 5 })).exitCode,
            0,
          );
          const { containers } = await client.listContainers({
            filter: { labelSelector: { 'io.kubernetes.pod.uid': uid } },
          });
          assert.deepEqual(
            containers.map(({ id, state }) => [id, state]),
            [[container, ContainerState.CONTAINER_RUNNING]],
          );
          await client.stopContainer({ containerId: container, timeout: 10 });
          const stopped = await stateOf();
          assert.equal(stopped?.state, ContainerState.CONTAINER_EXITED);
          assert.equal(stopped?.exitCode, 0);
          assert.equal(stopped?.reason, 'Completed');
          assert.ok((stopped?.finishedAt ?? 0) >= (stopped?.startedAt ?? 0));
          await client.removeContainer({ containerId: container });
          await client.removeContainer({ containerId: container });
          await assert.rejects(stateOf(), (error) => isKubeEdgeError(error, 'CRI_NOT_FOUND'));
        },
      );
    });

    test('a sandbox that stops takes its containers with it', async () => {
      await withContainer('sleep 1000', async ({ sandbox, container }) => {
        await cri.client.startContainer({ containerId: container });
        await cri.client.stopPodSandbox({ podSandboxId: sandbox });
        const { status } = await cri.client.containerStatus({ containerId: container });
        assert.equal(status?.state, ContainerState.CONTAINER_EXITED);
      });
    });
  });
}
