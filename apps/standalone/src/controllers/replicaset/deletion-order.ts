import type { Pod } from '@kubeedge-ts/apis';
import { isActive, readySince } from '../pod-state.ts';

const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const COST = 'controller.kubernetes.io/pod-deletion-cost';

/**
 * Pods in the order in which a scale-down removes them: those that serve least and would be missed least first.
 * `related` are all pods of the same workload; of two equal pods the one on the more crowded node goes.
 */
export function deletionOrder(pods: readonly Pod[], related: readonly Pod[]): Pod[] {
  const crowd = new Map<string, number>();
  for (const pod of related.filter(isActive)) {
    const node = pod.spec?.nodeName;
    if (node) crowd.set(node, (crowd.get(node) ?? 0) + 1);
  }
  return pods
    .map((pod) => ({ pod, rank: rank(pod, crowd) }))
    .sort((a, b) => compare(a.rank, b.rank))
    .map(({ pod }) => pod);
}

/** Compared from left to right; the smallest goes first. */
function rank(pod: Pod, crowd: ReadonlyMap<string, number>): readonly number[] {
  const node = pod.spec?.nodeName;
  const since = readySince(pod);
  const cost = Number(pod.metadata.annotations?.[COST] ?? 0);
  const restarts = (pod.status?.containerStatuses ?? []).map((container) => container.restartCount);
  return [
    node ? 1 : 0,
    PHASES[pod.status?.phase ?? 'Pending'] ?? 1,
    since === undefined ? 0 : 1,
    Number.isInteger(cost) ? cost : 0,
    -(crowd.get(node ?? '') ?? 0),
    -(since ?? 0),
    -Math.max(0, ...restarts),
    -Date.parse(pod.metadata.creationTimestamp ?? '1970-01-01T00:00:00Z'),
  ];
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
