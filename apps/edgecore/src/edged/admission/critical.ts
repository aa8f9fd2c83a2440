import type { Pod } from '@kubeedge-ts/apis';

/** Pods of `system-cluster-critical` and above. */
export const CRITICAL_PRIORITY = 2_000_000_000;

export function priorityOf(pod: Pod): number {
  return pod.spec?.priority ?? 0;
}

/** Made from a file on this machine. */
export function isStaticPod({ metadata }: Pod): boolean {
  const source = metadata.annotations?.['kubernetes.io/config.source'];
  return source !== undefined && source !== 'api';
}

/** Pods that the node is not to lose for want of resources: static ones, their mirrors, and those of critical priority. */
export function isCritical(pod: Pod): boolean {
  const mirror = pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
  return isStaticPod(pod) || mirror || priorityOf(pod) >= CRITICAL_PRIORITY;
}
