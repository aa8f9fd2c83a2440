import { isRecord, type Pod } from '@kubeedge-ts/apis';
import { CRITICAL_PRIORITY, priorityOf } from '../../admission/index.ts';

/** Pods from this priority up to the next group's get so long to end. */
export interface ShutdownPeriod {
  readonly priority: number;
  readonly seconds: number;
}

export interface ShutdownConfig {
  readonly graceMs: number;
  /** The part of it that is for critical pods. */
  readonly criticalMs: number;
  /** `shutdownGracePeriodByPodPriority` as the file has it; goes before the two above. */
  readonly byPriority: unknown;
}

/** The groups in which pods end, the first one first; none: a shutdown is not waited for. */
export function shutdownPeriods({
  graceMs,
  criticalMs,
  byPriority,
}: ShutdownConfig): readonly ShutdownPeriod[] {
  const listed = (Array.isArray(byPriority) ? byPriority : []).flatMap((entry: unknown) => {
    if (!isRecord(entry)) return [];
    const { priority, shutdownGracePeriodSeconds: seconds } = entry;
    return Number.isSafeInteger(priority) && Number.isSafeInteger(seconds) && Number(seconds) >= 0
      ? [{ priority: Number(priority), seconds: Number(seconds) }]
      : [];
  });
  if (listed.length > 0) return listed.toSorted((a, b) => a.priority - b.priority);
  if (graceMs <= 0 || criticalMs > graceMs) return [];
  return [
    { priority: 0, seconds: Math.trunc((graceMs - criticalMs) / 1000) },
    { priority: CRITICAL_PRIORITY, seconds: Math.trunc(criticalMs / 1000) },
  ];
}

export interface ShutdownGroup extends ShutdownPeriod {
  readonly pods: readonly Pod[];
}

/** Each pod in the highest group that is not above it; one below all groups in the lowest. */
export function groupPods(
  periods: readonly ShutdownPeriod[],
  pods: readonly Pod[],
): readonly ShutdownGroup[] {
  const indexOf = (pod: Pod): number =>
    Math.max(
      0,
      periods.findLastIndex(({ priority }) => priority <= priorityOf(pod)),
    );
  return periods.map((period, index) => ({ ...period, pods: pods.filter((pod) => indexOf(pod) === index) }));
}

export function totalMs(periods: readonly ShutdownPeriod[]): number {
  return periods.reduce((sum, { seconds }) => sum + seconds * 1000, 0);
}
