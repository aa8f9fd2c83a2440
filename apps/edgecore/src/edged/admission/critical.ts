import type { Pod } from '@kubeedge-ts/apis';
import { isMirror, isStatic } from '../pod/spec.ts';

/** Pods of `system-cluster-critical` and above. */
export const CRITICAL_PRIORITY = 2_000_000_000;

export function priorityOf(pod: Pod): number {
  return pod.spec?.priority ?? 0;
}

/** Pods that the node is not to lose for want of resources: static ones, their mirrors, and those of critical priority. */
export function isCritical(pod: Pod): boolean {
  return isStatic(pod) || isMirror(pod) || priorityOf(pod) >= CRITICAL_PRIORITY;
}
