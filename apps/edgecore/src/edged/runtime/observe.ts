import {
  ContainerState,
  type ContainerStatus,
  type CriClient,
  NamespaceMode,
  PodSandboxState,
  type PodSandboxStatus,
} from '@kubeedge-ts/cri';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import type { PodRuntime, RuntimeContainer, RuntimeContainerState, Sandbox } from '../pod/types.ts';
import { ANNOTATION, LABEL, type PodIdentity } from './labels.ts';
import { terminationMessageOf } from './termination-message.ts';

export type ObserveCri = Pick<
  CriClient,
  'listPodSandbox' | 'listContainers' | 'podSandboxStatus' | 'containerStatus'
>;

export interface Observer {
  /** What the runtime has of the pod now. @throws KubeEdgeError CRI_UNAVAILABLE, CRI_FAILED */
  observe(pod: PodIdentity, signal: AbortSignal): Promise<PodRuntime>;
}

const STATES: Record<number, RuntimeContainerState> = {
  [ContainerState.CONTAINER_CREATED]: 'created',
  [ContainerState.CONTAINER_RUNNING]: 'running',
  [ContainerState.CONTAINER_EXITED]: 'exited',
};

/**
 * Looks at one pod. Remembers, per pod, the addresses of a sandbox that has stopped since (the runtime forgets them)
 * and the exited containers it has read before (they do not change any more).
 */
export function createObserver(cri: ObserveCri): Observer {
  const ips = new Map<string, readonly string[]>();
  const ended = new Map<string, RuntimeContainer>();

  const sandbox = async (id: string, signal: AbortSignal): Promise<Sandbox | undefined> => {
    const status = (await orGone(cri.podSandboxStatus({ podSandboxId: id }, { signal })))?.status;
    if (status === undefined) return undefined;
    const seen = sandboxOf(status);
    if (seen.ips.length > 0) ips.set(id, seen.ips);
    return seen.ready || seen.hostNetwork ? seen : { ...seen, ips: ips.get(id) ?? [] };
  };

  const container = async (id: string, sandboxId: string, signal: AbortSignal) => {
    const known = ended.get(id);
    if (known !== undefined) return known;
    const status = (await orGone(cri.containerStatus({ containerId: id }, { signal })))?.status;
    if (status === undefined) return undefined;
    const seen = await containerOf(status, sandboxId);
    if (seen.state === 'exited') ended.set(id, seen);
    return seen;
  };

  return {
    async observe(pod, signal) {
      const filter = { labelSelector: { [LABEL.podUid]: pod.uid } };
      const [{ items }, { containers }] = await Promise.all([
        cri.listPodSandbox({ filter }, { signal }),
        cri.listContainers({ filter }, { signal }),
      ]);
      const [sandboxes, runs] = await Promise.all([
        Promise.all(items.map(({ id }) => sandbox(id, signal))),
        Promise.all(containers.map(({ id, podSandboxId }) => container(id, podSandboxId, signal))),
      ]);
      const present = new Set([...items, ...containers].map(({ id }) => id));
      for (const memory of [ips, ended])
        for (const id of memory.keys()) if (!present.has(id)) memory.delete(id);
      return {
        sandboxes: sandboxes
          .filter((item) => item !== undefined)
          .sort((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt),
        containers: runs
          .filter((item) => item !== undefined)
          .sort((a, b) => b.createdAt - a.createdAt || b.restartCount - a.restartCount),
      };
    },
  };
}

/** Removed between the listing and the look: as if it had not been listed. */
async function orGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isKubeEdgeError(error, 'CRI_NOT_FOUND')) return undefined;
    throw error;
  }
}

function sandboxOf(status: PodSandboxStatus): Sandbox {
  const { network, linux } = status;
  const hostNetwork = linux?.namespaces?.options?.network === NamespaceMode.NODE;
  const ips = [network?.ip ?? '', ...(network?.additionalIps ?? []).map(({ ip }) => ip)].filter(
    (ip) => ip !== '',
  );
  return {
    id: status.id,
    attempt: status.metadata?.attempt ?? 0,
    ready: status.state === PodSandboxState.SANDBOX_READY,
    createdAt: status.createdAt / 1e6,
    ips: hostNetwork ? [] : ips,
    hostNetwork,
  };
}

async function containerOf(status: ContainerStatus, sandboxId: string): Promise<RuntimeContainer> {
  const { annotations, labels, metadata } = status;
  const state = STATES[status.state] ?? 'unknown';
  const restartCount = Number(annotations[ANNOTATION.restartCount] ?? metadata?.attempt ?? 0);
  return {
    id: status.id,
    sandboxId,
    name: labels[LABEL.containerName] ?? metadata?.name ?? '',
    restartCount: Number.isSafeInteger(restartCount) ? restartCount : (metadata?.attempt ?? 0),
    state,
    createdAt: status.createdAt / 1e6,
    startedAt: status.startedAt / 1e6,
    finishedAt: status.finishedAt / 1e6,
    exitCode: status.exitCode,
    reason: status.reason,
    message: state === 'exited' ? await terminationMessageOf(status) : '',
    image: status.image?.image ?? '',
    imageId: status.imageRef,
    specImage: annotations[ANNOTATION.specImage],
  };
}
