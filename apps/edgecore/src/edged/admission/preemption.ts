import type { Pod } from '@kubeedge-ts/apis';
import { type QosClass, qosOf } from '../pod/qos.ts';
import { isCritical, priorityOf } from './critical.ts';
import { counted, podRequests, type Shortage } from './pod-requests.ts';

/** What is still to be freed, by resource. */
type Missing = ReadonlyMap<string, number>;

/**
 * The pods that make room for a critical one when they end: few, small, and of the lowest class that suffices.
 * Undefined: not even all that may go would be enough.
 */
export function podsToPreempt(
  pod: Pod,
  others: readonly Pod[],
  shortages: readonly Shortage[],
): readonly Pod[] | undefined {
  const missing: Missing = new Map(
    shortages.map(({ resource, requested, used, capacity }) => [resource, requested - (capacity - used)]),
  );
  const may = others.filter((other) => preemptable(pod, other));
  if (less(missing, may).size > 0) return undefined;
  const ofClass = (qos: QosClass) => may.filter((other) => qosOf(other) === qos);
  const bestEffort = ofClass('BestEffort');
  const burstable = ofClass('Burstable');
  // From the top: a guaranteed pod goes only for what all others together do not give.
  const fromGuaranteed = fewest(ofClass('Guaranteed'), less(missing, [...bestEffort, ...burstable]));
  const fromBurstable = fewest(burstable, less(missing, [...bestEffort, ...fromGuaranteed]));
  const fromBestEffort = fewest(bestEffort, less(missing, [...fromBurstable, ...fromGuaranteed]));
  return [...fromBestEffort, ...fromBurstable, ...fromGuaranteed];
}

function preemptable(pod: Pod, other: Pod): boolean {
  if (isCritical(pod) && !isCritical(other)) return true;
  const known = pod.spec?.priority !== undefined && other.spec?.priority !== undefined;
  return known && priorityOf(pod) > priorityOf(other);
}

/** One after the other the pod that comes closest to what is still missing, the smaller one of two that do. */
function fewest(pods: readonly Pod[], missing: Missing): readonly Pod[] {
  const left = [...pods];
  const chosen: Pod[] = [];
  for (let rest = missing; rest.size > 0 && left.length > 0; rest = less(rest, chosen.slice(-1))) {
    const [best] = left.toSorted((a, b) => distance(a, rest) - distance(b, rest) || size(a, b));
    chosen.push(best as Pod);
    left.splice(left.indexOf(best as Pod), 1);
  }
  return chosen;
}

function less(missing: Missing, pods: readonly Pod[]): Missing {
  const rest = new Map(missing);
  for (const pod of pods) {
    for (const [resource, amount] of rest) {
      const left = amount - requestOf(pod, resource);
      if (left > 0) rest.set(resource, left);
      else rest.delete(resource);
    }
  }
  return rest;
}

/** 0: gives all that is missing. Every resource weighs the same. */
function distance(pod: Pod, missing: Missing): number {
  let sum = 0;
  for (const [resource, amount] of missing) {
    const left = Math.max(0, amount - requestOf(pod, resource));
    sum += (left / amount) ** 2;
  }
  return sum;
}

function size(a: Pod, b: Pod): number {
  return requestOf(a, 'memory') - requestOf(b, 'memory') || requestOf(a, 'cpu') - requestOf(b, 'cpu');
}

function requestOf(pod: Pod, resource: string): number {
  return resource === 'pods' ? 1 : counted(resource, podRequests(pod).get(resource) ?? 0);
}
