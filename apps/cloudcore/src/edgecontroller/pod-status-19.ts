import type { Pod, PodStatus } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';

/** Conditions whose time of change 1.9 edges do not keep. */
const TIMED = ['Ready', 'Initialized'];

/** The status an API object gets from a 1.9 report (spec/message-protocol.md §3.2). */
export function mergedPodStatus(current: PodStatus, reported: PodStatus, now: number): PodStatus {
  const conditions = reported.conditions?.map((condition) => {
    if (!TIMED.includes(condition.type)) return condition;
    const before = current.conditions?.find(({ type }) => type === condition.type);
    const unchanged = before?.status === condition.status ? before.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: unchanged ?? rfc3339(now) };
  });
  return {
    ...reported,
    ...(conditions ? { conditions } : {}),
    ...(current.startTime ? { startTime: current.startTime } : {}),
  };
}

/** A pod that is being deleted and of which nothing runs any more. */
export function isFinished({ metadata, status }: Pod): boolean {
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  const running = status?.containerStatuses?.some(({ state }) => state?.running !== undefined) ?? false;
  return metadata.deletionTimestamp !== undefined && ended && !running;
}
