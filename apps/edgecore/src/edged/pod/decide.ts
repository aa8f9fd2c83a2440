import { FAILURE_SHOWN_MS } from './container-status.ts';
import { endingActions } from './end-pod.ts';
import { planRunning } from './run-pod.ts';
import { deadlineOf, isTerminal } from './spec.ts';
import { statusOf } from './status.ts';
import type { Decision, EndOrder, PodState } from './types.ts';

/**
 * The heart of edged: what to do next for one pod, and what to say about it. A pure function of what the store wants,
 * what the runtime has, what the probes found, what failed before, and the time (spec/edged.md §3, §7, §9, §10). Called
 * again after every action with a fresh look at the runtime, so it names one step at a time, never a whole plan.
 */
export function decide(given: PodState, now: number): Decision {
  const state = { ...given, order: given.order ?? overDeadline(given, now) };
  if (endsNow(state)) return end(state, now);
  const { status, done } = statusOf(state, false, now);
  // What is left running in a pod that is done (sidecars, a sandbox) is taken down.
  if (done) return end(state, now);
  const plan = planRunning(state, now);
  return {
    actions: plan.actions,
    status,
    ending: false,
    requeueAt: earliest([
      ...plan.wakeAt,
      ...failureTimes(state, now),
      deadlineOf(state.pod, status.startTime),
    ]),
  };
}

function endsNow({ gone, pod, previous, order }: PodState): boolean {
  const ordered = order !== undefined || isTerminal(previous.phase);
  return gone || pod.metadata.deletionTimestamp !== undefined || ordered;
}

function end(state: PodState, now: number): Decision {
  return {
    actions: endingActions(state, now),
    status: statusOf(state, true, now).status,
    ending: true,
    requeueAt: earliest(failureTimes(state, now)),
  };
}

function overDeadline({ pod, previous }: PodState, now: number): EndOrder | undefined {
  const deadline = deadlineOf(pod, previous.startTime);
  if (deadline === undefined || deadline > now) return undefined;
  return {
    reason: 'DeadlineExceeded',
    message: 'Pod was active on the node longer than the specified deadline',
  };
}

/** When a recorded failure changes its text or may be tried again. */
function failureTimes(state: PodState, now: number): (number | undefined)[] {
  return [...state.failures.values()].flatMap((failure) => [
    failure.later === undefined ? undefined : later(failure.at + FAILURE_SHOWN_MS, now),
    later(failure.retryAt, now),
  ]);
}

function later(time: number, now: number): number | undefined {
  return time > now ? time : undefined;
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
