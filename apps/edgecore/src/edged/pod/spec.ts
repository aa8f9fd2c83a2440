import type { Container, Pod } from '@kubeedge-ts/apis';

/** Init containers that keep running beside the main ones (`restartPolicy: Always`). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export function initContainersOf(pod: Pod): readonly Container[] {
  return pod.spec?.initContainers ?? [];
}

export function mainContainersOf(pod: Pod): readonly Container[] {
  return pod.spec?.containers ?? [];
}

export function allContainersOf(pod: Pod): readonly Container[] {
  return [...initContainersOf(pod), ...mainContainersOf(pod)];
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export function restartPolicyOf(pod: Pod): RestartPolicy {
  const policy = pod.spec?.restartPolicy;
  return policy === 'OnFailure' || policy === 'Never' ? policy : 'Always';
}

export function isTerminal(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Least grace a container gets to end by itself, seconds (spec/edged.md §9). */
const MIN_GRACE_SECONDS = 2;
/** Pods the store does not know get this much. */
const ORPHAN_GRACE_SECONDS = 1;

/** Seconds between SIGTERM and SIGKILL when the pod ends. */
export function graceSecondsOf(pod: Pod): number {
  if (pod.spec === undefined) return ORPHAN_GRACE_SECONDS;
  const grace = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  return Math.max(MIN_GRACE_SECONDS, grace);
}
