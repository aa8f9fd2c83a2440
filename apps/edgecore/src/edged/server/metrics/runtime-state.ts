import { ContainerState, type CriClient, PodSandboxState } from '@kubeedge-ts/cri';
import type { MetricsState } from './kubelet-metrics.ts';

const STATES: Readonly<Record<number, string>> = {
  [ContainerState.CONTAINER_CREATED]: 'created',
  [ContainerState.CONTAINER_RUNNING]: 'running',
  [ContainerState.CONTAINER_EXITED]: 'exited',
};
const TIMEOUT_MS = 5_000;

/** How many sandboxes and containers the runtime has, by state; undefined while it is away. */
export async function runtimeState(
  cri: Pick<CriClient, 'listPodSandbox' | 'listContainers'>,
): Promise<MetricsState['runtime']> {
  try {
    const [{ items }, { containers }] = await Promise.all([
      cri.listPodSandbox({}, { timeoutMs: TIMEOUT_MS }),
      cri.listContainers({}, { timeoutMs: TIMEOUT_MS }),
    ]);
    const counts = new Map<string, number>();
    for (const { state } of containers) {
      const name = STATES[state] ?? 'unknown';
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const sandboxes = items.filter(({ state }) => state === PodSandboxState.SANDBOX_READY).length;
    return { sandboxes, containers: counts };
  } catch {
    // the other metrics say that it fails; these have nothing to say
    return undefined;
  }
}
