import { type CriClient, createCriClient } from '@kubeedge-ts/cri';
import { systemClock } from '@kubeedge-ts/runtime';

/**
 * What the runtime needs by itself for this many pods of one container, all asked for at once: from the first call to
 * the last answer, ms. Everything made is removed again.
 */
export async function runtimeAloneMs(
  endpoint: string,
  image: string,
  count: number,
  cgroup: string,
): Promise<number> {
  const cri = createCriClient({ endpoint, clock: systemClock });
  const sandboxes: string[] = [];
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: count }, (_, index) => startPod(cri, image, index, cgroup, sandboxes)),
  );
  const took = performance.now() - begun;
  for (const podSandboxId of sandboxes) {
    await cri.stopPodSandbox({ podSandboxId });
    await cri.removePodSandbox({ podSandboxId });
  }
  cri.close();
  return took;
}

async function startPod(
  cri: CriClient,
  image: string,
  index: number,
  cgroup: string,
  sandboxes: string[],
): Promise<void> {
  const name = `alone-${index}`;
  const config = {
    metadata: { name, uid: name, namespace: 'bench', attempt: 0 },
    hostname: name,
    logDirectory: '',
    linux: { cgroupParent: `/${cgroup}/alone`, securityContext: {} },
  };
  const { podSandboxId } = await cri.runPodSandbox({ config });
  sandboxes.push(podSandboxId);
  const { containerId } = await cri.createContainer({
    podSandboxId,
    config: {
      metadata: { name: 'main', attempt: 0 },
      image: { image },
      command: ['sleep', '1000000'],
      linux: {},
    },
    sandboxConfig: config,
  });
  await cri.startContainer({ containerId });
}
