import type { CriClient } from '@kubeedge-ts/cri';
import { edgedErrors, errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { Events } from '../events.ts';
import { allContainersOf } from '../pod/spec.ts';
import { startDeadline } from '../probes/deadline.ts';
import type { HookTarget, PodHooks } from '../runtime/carry-out.ts';
import { identityOf } from '../runtime/labels.ts';
import { hookedContainer } from './hook-source.ts';
import { createRunHook } from './run-hook.ts';

/** What containers are told at their beginning and their end (spec/edged.md §8). At least once: a crash may repeat it. */
export interface Hooks extends PodHooks {
  /**
   * Takes as long as the hook does; nothing when there is none.
   * @throws KubeEdgeError EDGED_HOOK: its event is out, and the container is to be stopped; the signal's reason
   */
  postStart(target: HookTarget, signal: AbortSignal): Promise<void>;
  /**
   * Runs the hook, cut when `graceSeconds` are over; resolves with the whole seconds used, to be subtracted from the
   * grace. For a pod that the store does not know the hook comes from the runtime's records. A hook that fails leaves
   * an event and never keeps a container from stopping; one that is over is not run again for the same container (0 s).
   * @throws only the signal's reason
   */
  preStop(target: HookTarget, graceSeconds: number, signal: AbortSignal): Promise<number>;
}

export interface HooksOptions {
  readonly cri: Pick<CriClient, 'execSync' | 'containerStatus'>;
  readonly events: Pick<Events, 'pod'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Containers whose preStop hook is over and that have not been seen to stop; far more than can be. */
const MAX_OVER = 1_024;

export function createHooks({ cri, events, clock, log }: HooksOptions): Hooks {
  const run = createRunHook({ cri, events, clock });
  /** Ids of containers. */
  const over = new Set<string>();

  const remember = (containerId: string): void => {
    over.add(containerId);
    const [oldest] = over;
    if (over.size > MAX_OVER && oldest !== undefined) over.delete(oldest);
  };

  /** What a server or command said may be secret: it stays out of the event, as it does upstream. */
  const failed = (target: HookTarget, which: 'PostStart' | 'PreStop', problem: string): void => {
    const { name: pod, namespace } = identityOf(target.pod);
    log.warn({ pod, namespace, container: target.name, problem }, 'lifecycle hook failed');
    events.pod(target.pod, 'Warning', `Failed${which}Hook`, `${which}Hook failed`, target.name);
  };

  return {
    async postStart(target, signal) {
      const container = allContainersOf(target.pod).find(({ name }) => name === target.name);
      const handler = container?.lifecycle?.postStart;
      if (handler == null) return;
      const problem = await run(handler, container?.ports, target, signal);
      if (problem === undefined) return;
      failed(target, 'PostStart', problem);
      throw edgedErrors.create('EDGED_HOOK', { reason: 'PostStartHookError', problem });
    },

    async preStop(target, graceSeconds, signal) {
      const { pod, name, containerId } = target;
      if (graceSeconds <= 0 || over.has(containerId)) return 0;
      const began = clock.monotonic();
      const deadline = startDeadline(clock, graceSeconds * 1000, signal);
      try {
        const { lifecycle, ports } = await hookedContainer(cri, pod, name, containerId, deadline.signal);
        if (lifecycle?.preStop == null) return 0;
        const problem = await run(lifecycle.preStop, ports, target, deadline.signal);
        if (problem !== undefined) failed(target, 'PreStop', problem);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (deadline.passed)
          log.info({ container: name, graceSeconds }, 'preStop hook cut by the grace period');
        else log.warn({ container: name, err: errorText(error) }, 'preStop hook cannot be run');
      } finally {
        deadline.end();
      }
      remember(containerId);
      return Math.min(graceSeconds, Math.floor((clock.monotonic() - began) / 1000));
    },
  };
}
