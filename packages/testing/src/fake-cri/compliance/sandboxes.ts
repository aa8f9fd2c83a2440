import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContainerState, PodSandboxState } from '@kubeedge-ts/cri';
import { isFailed, type Subject } from './subject.ts';

export function sandboxPromises(subject: Subject): void {
  test('a sandbox has an address, is found by its label, and ends in order; ending it twice is fine', async () => {
    const { client } = subject;
    const config = subject.sandboxConfig(2);
    const { podSandboxId } = await client.runPodSandbox({ config });
    const { status } = await client.podSandboxStatus({ podSandboxId });
    assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
    assert.match(status?.network?.ip ?? '', /^\d+\.\d+\.\d+\.\d+$/);
    assert.equal(status?.metadata?.attempt, 2);
    assert.deepEqual(status?.annotations, { note: 'kept' });
    assert.equal(status?.linux?.namespaces?.options?.pid, 1);
    const listed = async (state: number) =>
      (await client.listPodSandbox({ filter: { labelSelector: config.labels, state: { state } } })).items.map(
        ({ id }) => id,
      );
    assert.deepEqual(await listed(PodSandboxState.SANDBOX_READY), [podSandboxId]);
    assert.deepEqual(await listed(PodSandboxState.SANDBOX_NOTREADY), []);
    await client.stopPodSandbox({ podSandboxId });
    await client.stopPodSandbox({ podSandboxId });
    const stopped = await client.podSandboxStatus({ podSandboxId });
    assert.equal(stopped.status?.state, PodSandboxState.SANDBOX_NOTREADY);
    assert.deepEqual(await listed(PodSandboxState.SANDBOX_NOTREADY), [podSandboxId]);
    await client.removePodSandbox({ podSandboxId });
    await client.removePodSandbox({ podSandboxId });
    const left = await client.listPodSandbox({ filter: { labelSelector: config.labels } });
    assert.deepEqual(left.items, []);
  });

  test('one name and attempt is one sandbox; another attempt is another', async () => {
    const { client } = subject;
    const config = subject.sandboxConfig();
    const { podSandboxId } = await client.runPodSandbox({ config });
    await assert.rejects(client.runPodSandbox({ config }), isFailed);
    const next = { ...config, metadata: { ...config.metadata, attempt: 1 } };
    const second = await client.runPodSandbox({ config: next });
    for (const id of [podSandboxId, second.podSandboxId]) {
      await client.stopPodSandbox({ podSandboxId: id });
      await client.removePodSandbox({ podSandboxId: id });
    }
  });

  test('a handler that is not configured and a sandbox without a name are refused', async () => {
    const config = subject.sandboxConfig();
    await assert.rejects(subject.client.runPodSandbox({ config, runtimeHandler: 'nothing' }), isFailed);
    await assert.rejects(subject.client.runPodSandbox({}), isFailed);
  });

  test("a sandbox in the machine's network has no address of its own, and must not have a hostname", async () => {
    const { client } = subject;
    const base = subject.sandboxConfig();
    const linux = { ...base.linux, securityContext: { namespaceOptions: { network: 2, pid: 1 } } };
    await assert.rejects(client.runPodSandbox({ config: { ...base, linux } }), isFailed);
    const config = { ...base, metadata: { ...base.metadata, attempt: 1 }, linux, hostname: '' };
    const { podSandboxId } = await client.runPodSandbox({ config });
    const { status } = await client.podSandboxStatus({ podSandboxId });
    assert.equal(status?.network?.ip ?? '', '');
    assert.equal(status?.linux?.namespaces?.options?.network, 2);
    await client.removePodSandbox({ podSandboxId });
  });

  test('a sandbox that stops takes its containers with it; one that is removed too, while it runs', async () => {
    const { client } = subject;
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('sleep 1000');
      await client.stopPodSandbox({ podSandboxId: pod.sandbox });
      assert.equal((await subject.statusOf(containerId)).state, ContainerState.CONTAINER_EXITED);
    });
    await subject.withPod(async (pod) => {
      await pod.run('sleep 1000');
      await client.removePodSandbox({ podSandboxId: pod.sandbox });
      const { containers } = await client.listContainers({ filter: { podSandboxId: pod.sandbox } });
      assert.deepEqual(containers, []);
    });
  });

  test('nothing is created, forwarded or measured in a sandbox that is stopped', async () => {
    const { client } = subject;
    await subject.withPod(async (pod) => {
      await client.stopPodSandbox({ podSandboxId: pod.sandbox });
      await assert.rejects(pod.create('true'));
      await assert.rejects(client.portForward({ podSandboxId: pod.sandbox, port: [80] }), isFailed);
      await assert.rejects(client.podSandboxStats({ podSandboxId: pod.sandbox }), isFailed);
    });
  });
}
