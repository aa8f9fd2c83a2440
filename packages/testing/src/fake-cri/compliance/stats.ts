import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailed, type Subject } from './subject.ts';

export function statsPromises(subject: Subject): void {
  test('what a running container uses is told: cpu, memory, its writable layer', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('sleep 1000');
      const { stats } = await subject.client.containerStats({ containerId });
      assert.equal(stats?.attributes?.id, containerId);
      assert.equal(stats.attributes.metadata?.name, 'main');
      assert.equal(stats.attributes.labels['io.kubernetes.pod.uid'], pod.uid);
      assert.ok((stats.cpu?.usageCoreNanoSeconds?.value ?? 0) > 0);
      assert.ok((stats.cpu?.timestamp ?? 0) > 1e18);
      assert.ok((stats.memory?.workingSetBytes?.value ?? 0) > 0);
      assert.ok((stats.memory?.rssBytes?.value ?? 0) > 0);
      assert.match(stats.writableLayer?.fsId?.mountpoint ?? '', /^\//);
    });
  });

  test('the list has every container, also ended ones, which use nothing but their layer', async () => {
    await subject.withPod(async (pod) => {
      const running = await pod.run('sleep 1000');
      const ended = await pod.run('true', { metadata: { name: 'ended' } });
      await subject.exited(ended);
      await assert.rejects(subject.client.containerStats({ containerId: ended }), isFailed);
      const listed = async (filter: object) =>
        (await subject.client.listContainerStats({ filter })).stats.map(({ attributes, cpu, memory }) => [
          attributes?.id,
          cpu !== undefined && memory !== undefined,
        ]);
      const both = [
        [running, true],
        [ended, false],
      ].sort();
      assert.deepEqual((await listed({ podSandboxId: pod.sandbox })).sort(), both);
      assert.deepEqual((await listed({ labelSelector: { 'io.kubernetes.pod.uid': pod.uid } })).sort(), both);
      assert.deepEqual(await listed({ id: running }), [[running, true]]);
    });
  });

  test('what a sandbox uses is told: cpu, memory, network, processes, its containers', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('sleep 1000');
      const { stats } = await subject.client.podSandboxStats({ podSandboxId: pod.sandbox });
      assert.equal(stats?.attributes?.id, pod.sandbox);
      assert.ok((stats.linux?.cpu?.usageCoreNanoSeconds?.value ?? 0) > 0);
      assert.ok((stats.linux?.memory?.workingSetBytes?.value ?? 0) > 0);
      assert.equal(stats.linux?.network?.defaultInterface?.name, 'eth0');
      assert.ok(stats.linux.network.defaultInterface.rxBytes !== undefined);
      assert.ok((stats.linux.process?.processCount?.value ?? 0) >= 1);
      assert.deepEqual(
        stats.linux.containers.map(({ attributes }) => attributes?.id),
        [containerId],
      );
      const all = await subject.client.listPodSandboxStats({ filter: { id: pod.sandbox } });
      assert.deepEqual(
        all.stats.map(({ attributes }) => attributes?.id),
        [pod.sandbox],
      );
    });
  });
}
