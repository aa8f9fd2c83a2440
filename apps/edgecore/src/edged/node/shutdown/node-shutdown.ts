import type { Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { Events } from '../../events.ts';
import type { EndOrder } from '../../pod/types.ts';
import { identityOf } from '../../runtime/labels.ts';
import type { InhibitLock, Logind } from './logind.ts';
import { groupPods, type ShutdownGroup, type ShutdownPeriod, totalMs } from './shutdown-groups.ts';

export interface NodeShutdownOptions {
  readonly periods: readonly ShutdownPeriod[];
  readonly logind: Logind;
  /** The machine was started by systemd. */
  readonly present: () => Promise<boolean>;
  /** Pods of which something may run still. */
  readonly pods: () => readonly Pod[];
  readonly end: (podUid: string, order: EndOrder) => void;
  /** The node begins to shut down, or goes on after all. */
  readonly onChange: () => void;
  readonly events: Pick<Events, 'node'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Holds up a shutdown of the machine until its pods have ended in good order. */
export interface NodeShutdown {
  readonly active: boolean;
  /** Until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

const MESSAGE = 'Pod was terminated in response to imminent node shutdown.';
const LOOK_MS = 500;

export function createNodeShutdown(options: NodeShutdownOptions): NodeShutdown {
  const { periods, logind, pods, events, clock, random, log } = options;
  const wantedMs = totalMs(periods);
  let active = false;
  /** What was told last; `active` follows when it has been acted upon. */
  let begun = false;
  let lock: InhibitLock | undefined;
  let onLost = (): void => {};

  const acquire = async (): Promise<void> => {
    if (lock !== undefined) return;
    const held = await logind.inhibit();
    lock = held;
    void held.ended.then(() => {
      // Given up on purpose it is not ours any more.
      if (lock !== held) return;
      lock = undefined;
      onLost();
    });
  };

  const release = async (): Promise<void> => {
    const held = lock;
    lock = undefined;
    await held?.release();
  };

  const endGroup = async ({ seconds, pods: members }: ShutdownGroup, signal: AbortSignal): Promise<void> => {
    if (members.length === 0) return;
    for (const pod of members) {
      const grace = pod.spec?.terminationGracePeriodSeconds ?? seconds;
      options.end(pod.metadata.uid ?? '', {
        reason: 'Terminated',
        message: MESSAGE,
        graceSeconds: Math.min(grace, seconds),
        disruption: true,
      });
    }
    const names = members.map((pod) => identityOf(pod).name);
    log.info({ pods: names, seconds }, 'pods end before the machine goes down');
    const uids = new Set(members.map(({ metadata }) => metadata.uid));
    for (const until = clock.monotonic() + seconds * 1000; clock.monotonic() < until && begun; ) {
      if (!pods().some(({ metadata }) => uids.has(metadata.uid))) return;
      await sleep(clock, LOOK_MS, signal);
    }
    if (begun) log.warn({ pods: names, seconds }, 'pods have not all ended in their time');
  };

  const shutDown = async (signal: AbortSignal): Promise<void> => {
    try {
      for (const group of groupPods(periods, pods())) if (begun) await endGroup(group, signal);
    } finally {
      // Whatever has happened: without edgecore the machine must not wait any longer.
      if (begun) await release();
    }
  };

  const changed = async (begins: boolean, signal: AbortSignal): Promise<void> => {
    if (begins === active) return;
    active = begins;
    const what = begins ? 'shutdown event' : 'shutdown cancellation';
    log.warn({ begins }, 'the machine shuts down, or goes on after all');
    events.node('Normal', 'NodeShutdown', `Shutdown manager detected ${what}`);
    options.onChange();
    if (begins) await shutDown(signal);
    else await acquire();
  };

  const raise = async (): Promise<void> => {
    if ((await logind.delayMs()) >= wantedMs) return;
    await logind.raiseDelay(wantedMs);
    const allowed = await logind.delayMs();
    if (allowed < wantedMs)
      log.warn({ wantedMs, allowedMs: allowed }, 'a shutdown waits less than pods may need');
  };

  /** Resolves when the watch has ended and must be begun again. */
  const watch = async (signal: AbortSignal): Promise<void> => {
    const ending = new AbortController();
    onLost = () => ending.abort(new Error('the lock is lost'));
    let work: Promise<void> = Promise.resolve();
    const told = (begins: boolean): void => {
      begun = begins;
      work = work
        .then(() => changed(begins, signal))
        .catch((error) => {
          if (!signal.aborted) log.error({ err: errorText(error) }, 'shutdown could not be followed');
        });
    };
    const hearing = logind.watch(told, AbortSignal.any([signal, ending.signal]));
    try {
      // First the ear, then the lock: a shutdown that is held up must not go unheard.
      await hearing.ready;
      await raise();
      await acquire();
      log.info({ seconds: wantedMs / 1000 }, 'pods will end in good order when the machine shuts down');
      await hearing.ended;
    } finally {
      onLost = () => {};
      ending.abort(new Error('the watch ends'));
      await hearing.ended.catch(() => undefined);
      await work;
    }
  };

  return {
    get active() {
      return active;
    },
    async run(signal) {
      if (periods.length === 0) return;
      if (!(await options.present())) {
        log.warn({}, 'shutdownGracePeriod has no effect: this machine has no systemd-logind');
        return;
      }
      const backoff = createBackoff({ initialMs: 1_000, maxMs: 60_000 }, random);
      while (!signal.aborted) {
        try {
          await watch(signal);
          backoff.reset();
        } catch (error) {
          if (!signal.aborted)
            log.warn({ err: errorText(error) }, 'shutdowns cannot be watched, trying again');
        }
        await sleep(clock, backoff.next(), signal).catch(() => undefined);
      }
      await release();
    },
  };
}
