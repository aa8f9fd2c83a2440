import type { Pod } from '@kubeedge-ts/apis';
import { priorityOf } from '../admission/index.ts';
import { podRequests } from '../admission/pod-requests.ts';
import type { Signal } from './signals.ts';
import { type DiskParts, diskUsageOf, type Usages } from './usage.ts';

/**
 * The pods in the order in which they are to go, the first one first (spec/edged.md §13): those that use more than they
 * asked for, then those of low priority, then those furthest above what they asked for. A pod that cannot be measured
 * goes before all others.
 */
export function rankForEviction(
  signal: Signal,
  pods: readonly Pod[],
  usages: Usages,
  dedicatedImageFs: boolean,
): readonly Pod[] {
  const measures = measuresOf(signal, pods, usages, dedicatedImageFs);
  const exceeds = (pod: Pod): number => {
    const measure = measures.get(pod);
    return measure === undefined || measure.exceeds ? 1 : 0;
  };
  const over = (pod: Pod): number => measures.get(pod)?.over ?? Number.POSITIVE_INFINITY;
  const unknown = (pod: Pod): number => (measures.has(pod) ? 0 : 1);
  return pods.toSorted(
    (a, b) =>
      unknown(b) - unknown(a) ||
      exceeds(b) - exceeds(a) ||
      priorityOf(a) - priorityOf(b) ||
      (over(a) === over(b) ? 0 : over(b) - over(a)),
  );
}

interface Measure {
  readonly exceeds: boolean;
  /** Usage above the request; below it negative. */
  readonly over: number;
}

function measuresOf(
  signal: Signal,
  pods: readonly Pod[],
  usages: Usages,
  dedicatedImageFs: boolean,
): ReadonlyMap<Pod, Measure> {
  const measures = new Map<Pod, Measure>();
  const parts = partsOf(signal, dedicatedImageFs);
  for (const pod of pods) {
    const usage = usages.get(pod.metadata.uid ?? '');
    if (signal === 'pid.available') {
      // Nobody asks for processes: priority alone comes before their number.
      measures.set(pod, { exceeds: true, over: usage?.processes ?? Number.POSITIVE_INFINITY });
      continue;
    }
    if (usage === undefined) continue;
    const requests = podRequests(pod);
    const against = (used: number, request: number): Measure => ({
      exceeds: used > request,
      over: used - request,
    });
    if (parts === undefined) {
      measures.set(pod, against(usage.memoryWorkingSetBytes ?? 0, requests.get('memory') ?? 0));
    } else {
      const { bytes, inodes } = diskUsageOf(pod, usage, parts);
      const request = requests.get('ephemeral-storage') ?? 0;
      measures.set(pod, signal.endsWith('.inodesFree') ? against(inodes, 0) : against(bytes, request));
    }
  }
  return measures;
}

/** What of a pod lies on the file system of the signal; undefined for signals that are of none. */
function partsOf(signal: Signal, dedicatedImageFs: boolean): DiskParts | undefined {
  if (!signal.startsWith('nodefs.') && !signal.startsWith('imagefs.')) return undefined;
  if (!dedicatedImageFs) return { rootfs: true, logs: true, volumes: true };
  return signal.startsWith('nodefs.')
    ? { rootfs: false, logs: true, volumes: true }
    : { rootfs: true, logs: false, volumes: false };
}
