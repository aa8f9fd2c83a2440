import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CgroupDriver, ContainerEventType } from '@kubeedge-ts/cri';
import { isNotFound, isUnimplemented, type Subject, until } from './subject.ts';

const EVENTS: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(ContainerEventType).map(([name, number]) => [number, name]),
);

export function runtimePromises(subject: Subject): void {
  test('it says its name, version and that it is ready', async () => {
    const version = await subject.client.version({ version: '0.1.0' });
    assert.notEqual(version.runtimeName, '');
    assert.notEqual(version.runtimeVersion, '');
    assert.equal(version.runtimeApiVersion, 'v1');
    const { status } = await subject.client.status({});
    const [runtime, network, ...more] = status?.conditions ?? [];
    assert.deepEqual([runtime?.type, runtime?.status], ['RuntimeReady', true]);
    assert.deepEqual([network?.type, network?.status], ['NetworkReady', true]);
    assert.ok(more.every((condition) => condition.status));
  });

  test('it says which cgroup driver it uses: by RuntimeConfig, or in its verbose status', async () => {
    if (!subject.differs('no-runtime-config')) {
      const { linux } = await subject.client.runtimeConfig({});
      assert.equal(linux?.cgroupDriver, CgroupDriver.CGROUPFS);
      return;
    }
    await assert.rejects(subject.client.runtimeConfig({}), isUnimplemented);
    const { info } = await subject.client.status({ verbose: true });
    const { containerd } = JSON.parse(info['config'] ?? '') as {
      containerd: {
        defaultRuntimeName: string;
        runtimes: Record<string, { options: { SystemdCgroup: boolean } }>;
      };
    };
    assert.equal(containerd.runtimes[containerd.defaultRuntimeName]?.options.SystemdCgroup, false);
  });

  test('the address range of pods may be told', async () => {
    await subject.client.updateRuntimeConfig({
      runtimeConfig: { networkConfig: { podCidr: '10.1.0.0/24' } },
    });
  });

  test('what it does not know is CRI_NOT_FOUND; removing it is nothing to do', async () => {
    const { client } = subject;
    const [containerId, podSandboxId] = ['nothing', 'nothing'];
    const calls: Record<string, () => Promise<unknown>> = {
      containerStatus: () => client.containerStatus({ containerId }),
      startContainer: () => client.startContainer({ containerId }),
      execSync: () => client.execSync({ containerId, cmd: ['true'] }),
      exec: () => client.exec({ containerId, cmd: ['true'], stdout: true }),
      attach: () => client.attach({ containerId, stdout: true }),
      containerStats: () => client.containerStats({ containerId }),
      reopenContainerLog: () => client.reopenContainerLog({ containerId }),
      updateContainerResources: () => client.updateContainerResources({ containerId, linux: {} }),
      podSandboxStatus: () => client.podSandboxStatus({ podSandboxId }),
      podSandboxStats: () => client.podSandboxStats({ podSandboxId }),
      portForward: () => client.portForward({ podSandboxId, port: [80] }),
      createContainer: () =>
        client.createContainer({
          podSandboxId,
          config: { metadata: { name: 'a' } },
          sandboxConfig: subject.sandboxConfig(),
        }),
    };
    for (const [name, call] of Object.entries(calls)) await assert.rejects(call(), isNotFound, name);
    for (const stop of [
      () => client.stopContainer({ containerId, timeout: 1 }),
      () => client.stopPodSandbox({ podSandboxId }),
    ]) {
      if (subject.differs('stop-unknown-fails')) await assert.rejects(stop(), isNotFound);
      else await stop();
    }
    await client.removeContainer({ containerId });
    await client.removePodSandbox({ podSandboxId });
    assert.deepEqual((await client.listContainers({ filter: { id: containerId } })).containers, []);
    assert.deepEqual((await client.listPodSandbox({ filter: { id: podSandboxId } })).items, []);
    assert.deepEqual((await client.listContainerStats({ filter: { id: containerId } })).stats, []);
  });

  test('events of containers come as they happen, or the call is not there', async () => {
    const stop = new AbortController();
    const events = subject.client.getContainerEvents({}, { signal: stop.signal });
    if (subject.differs('no-events')) {
      await assert.rejects(events.next(), isUnimplemented);
      return;
    }
    const seen: string[] = [];
    const listening = (async () => {
      for await (const { containerId, containerEventType } of events) {
        seen.push(`${containerId} ${EVENTS[containerEventType]}`);
      }
    })().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    await until('the subscription is there', async () => {
      const { podSandboxId } = await subject.client.runPodSandbox({ config: subject.sandboxConfig() });
      await subject.client.removePodSandbox({ podSandboxId });
      return seen.length > 0 ? true : undefined;
    });
    let id = '';
    await subject.withPod(async (pod) => {
      id = await pod.run('exit 3');
      await subject.exited(id);
      await subject.client.removeContainer({ containerId: id });
    });
    const wanted = ['CREATED', 'STARTED', 'STOPPED', 'DELETED'].map(
      (what) => `${id} CONTAINER_${what}_EVENT`,
    );
    await until('all four', async () => (seen.includes(wanted[3] as string) ? true : undefined));
    assert.deepEqual(
      seen.filter((event) => event.startsWith(id)),
      wanted,
    );
    stop.abort();
    await listening;
  });

  test('a running container is checkpointed into a file, or the call is not there', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('sleep 1000');
      const location = join(subject.cri.logDirectory, 'checkpoint.tar');
      const call = subject.client.checkpointContainer({ containerId, location, timeout: 10 });
      if (subject.differs('no-checkpoint')) {
        await assert.rejects(call, isUnimplemented);
        return;
      }
      await call;
      assert.ok((await readFile(location)).length > 0);
    });
  });

  test('metrics in their own form come with their description, or the calls are not there', async () => {
    if (subject.differs('no-metrics')) {
      await assert.rejects(subject.client.listMetricDescriptors({}), isUnimplemented);
      await assert.rejects(subject.client.listPodSandboxMetrics({}), isUnimplemented);
      return;
    }
    await subject.withPod(async (pod) => {
      await pod.run('sleep 1000');
      const { descriptors } = await subject.client.listMetricDescriptors({});
      const { podMetrics } = await subject.client.listPodSandboxMetrics({});
      const names = new Set(descriptors.map(({ name }) => name));
      const own = podMetrics.find(({ podSandboxId }) => podSandboxId === pod.sandbox);
      assert.ok(own?.containerMetrics[0]?.metrics.every(({ name }) => names.has(name)));
    });
  });
}
