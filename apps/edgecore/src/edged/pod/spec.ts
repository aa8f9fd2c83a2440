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

/** Containers someone added to a running pod to look into it; started once, counted in nothing. */
export function ephemeralContainersOf(pod: Pod): readonly Container[] {
  // Their fields are a container's, less those the API forbids them.
  return (pod.spec?.ephemeralContainers ?? []) as readonly Container[];
}

/** Init and main containers: what the pod is made of, and what its resources are counted from. */
export function allContainersOf(pod: Pod): readonly Container[] {
  return [...initContainersOf(pod), ...mainContainersOf(pod)];
}

/** Ephemeral ones too. */
export function everyContainerOf(pod: Pod): readonly Container[] {
  return [...allContainersOf(pod), ...ephemeralContainersOf(pod)];
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

/** Seconds between SIGTERM and SIGKILL when the pod ends; `ordered` is what an eviction or a shutdown allows. */
export function graceSecondsOf(pod: Pod, ordered?: number): number {
  if (pod.spec === undefined) return ORPHAN_GRACE_SECONDS;
  const { deletionGracePeriodSeconds } = pod.metadata;
  return atLeast(ordered ?? deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30);
}

/** What is left of the grace for one more container, seconds. */
export function graceLeft(graceSeconds: number, usedMs: number): number {
  return atLeast(
    Math.ceil(graceSeconds - Math.max(0, usedMs) / 1000),
    Math.min(graceSeconds, MIN_GRACE_SECONDS),
  );
}

function atLeast(seconds: number, least = MIN_GRACE_SECONDS): number {
  return Math.max(least, seconds);
}

/** ms since the epoch at which the pod has run as long as it may (`activeDeadlineSeconds`); undefined without a limit. */
export function deadlineOf(pod: Pod, startTime: string | undefined): number | undefined {
  const { activeDeadlineSeconds } = pod.spec ?? {};
  const started = Date.parse(startTime ?? '');
  return activeDeadlineSeconds === undefined || Number.isNaN(started)
    ? undefined
    : started + activeDeadlineSeconds * 1000;
}

/** Made by edged from a file on this machine, not by the API. */
export function isStatic(pod: Pod): boolean {
  const source = pod.metadata.annotations?.[CONFIG_SOURCE];
  return source !== undefined && source !== 'api';
}

/** The API's picture of a static pod. */
export function isMirror(pod: Pod): boolean {
  return pod.metadata.annotations?.[CONFIG_MIRROR] !== undefined;
}

export const CONFIG_SOURCE = 'kubernetes.io/config.source';
export const CONFIG_MIRROR = 'kubernetes.io/config.mirror';
export const CONFIG_HASH = 'kubernetes.io/config.hash';
export const CONFIG_SEEN = 'kubernetes.io/config.seen';
export const HOLD_UPGRADE = 'edge.kubeedge.io/hold-upgrade';
