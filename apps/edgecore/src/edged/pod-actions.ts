import type { Pod } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { Events } from './events.ts';
import type { StepSignals } from './interrupt.ts';
import { nextBackoff } from './pod/crash-backoff.ts';
import { createFailures, visibleText } from './pod/failures.ts';
import { everyContainerOf } from './pod/spec.ts';
import type { Action, CrashBackoff, PodRuntime, PodState, Replacement } from './pod/types.ts';
import type { Steps } from './runtime/carry-out.ts';

export interface PodActionsOptions {
  readonly steps: Steps;
  readonly events: Events;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Aborts when edged stops. */
  readonly stopping: AbortSignal;
  /** Tells the cloud and forgets the pod. */
  readonly finish: () => Promise<void>;
}

/** What has come of the actions so far, for the next decision. */
export type Outcomes = Pick<PodState, 'failures' | 'crashes' | 'replaced' | 'released'>;

/** Carries out what `decide` names, for one pod, and remembers what came of it. */
export interface PodActions {
  carryOut(action: Action, pod: Pod, runtime: PodRuntime, signals: StepSignals): Promise<void>;
  readonly outcomes: Outcomes;
  /** Failures that an event may have mended may be tried at once. */
  retryNow(mended: (reason: string) => boolean): void;
}

export function createPodActions(options: PodActionsOptions): PodActions {
  const { steps, events, clock, random, log, stopping, finish } = options;
  const failures = createFailures(random);
  const crashes = new Map<string, CrashBackoff>();
  const replaced = new Map<string, Replacement>();
  let released = false;

  /** A failed start is recorded for the status and for its retry; it does not keep other containers from starting. */
  const attempt = async (
    pod: Pod,
    key: string,
    subject: string,
    { soft }: StepSignals,
    task: () => Promise<void>,
  ): Promise<void> => {
    try {
      await task();
      failures.succeeded(key);
    } catch (error) {
      if (soft.aborted || isKubeEdgeError(error, 'CRI_UNAVAILABLE')) throw error;
      const { reason, retryAt } = failures.record(key, subject, error, clock.now());
      const problem = visibleText(error);
      log.warn(
        { container: key, reason, err: problem, retryMs: Math.round(retryAt - clock.now()) },
        'start failed, will be tried again',
      );
      const { event, text } = eventOf(reason, problem);
      if (event !== undefined) events.pod(pod, 'Warning', event, text, key === '' ? undefined : key);
    }
  };

  return {
    outcomes: {
      get failures() {
        return failures.current;
      },
      crashes,
      replaced,
      get released() {
        return released;
      },
    },
    retryNow: (mended) => failures.retryNow(mended),
    async carryOut(action, pod, runtime, signals) {
      switch (action.do) {
        case 'stopContainers':
          for (const { id, replace } of action.containers) if (replace) replaced.set(id, replace);
          return steps.stopContainers(pod, action.containers, runtime, signals.soft);
        case 'stopSandboxes':
          return steps.stopSandboxes(action.ids, stopping);
        case 'removeContainers': {
          const runs = runtime.containers.filter(({ id }) => action.ids.includes(id));
          return steps.removeContainers(pod, runs, stopping);
        }
        case 'removeSandboxes':
          return steps.removeSandboxes(action.ids, stopping);
        case 'createSandbox':
          return attempt(pod, '', '', signals, () => steps.createSandbox(pod, action.attempt, signals));
        case 'startContainer': {
          const { name, afterExit } = action.start;
          const image = everyContainerOf(pod).find((container) => container.name === name)?.image ?? '';
          const ran = (): void => {
            if (afterExit === undefined) return;
            crashes.set(name, nextBackoff(crashes.get(name), afterExit, clock.now()));
          };
          return attempt(pod, name, image, signals, async () => {
            try {
              await steps.startContainer(pod, action.start, runtime, signals);
            } catch (error) {
              // The container has run, if only until its hook failed.
              if (isKubeEdgeError(error, 'EDGED_HOOK')) ran();
              throw error;
            }
            ran();
          });
        }
        case 'release':
          await steps.release(pod);
          released = true;
          return;
        case 'finish':
          return finish();
      }
    },
  };
}

/** Reasons that have an event of another name, or one that was sent where the trouble was met. */
function eventOf(reason: string, problem: string): { event: string | undefined; text: string } {
  switch (reason) {
    case 'ErrImagePull':
    case 'InvalidImageName':
    case 'ErrImageNeverPull':
    case 'ImageInspectError':
    case 'PostStartHookError':
      return { event: undefined, text: problem };
    case 'FailedCreatePodSandBox':
      return { event: reason, text: `Failed to create pod sandbox: ${problem}` };
    case 'FailedMount':
      return { event: reason, text: problem };
    default:
      return { event: 'Failed', text: `Error: ${problem}` };
  }
}
