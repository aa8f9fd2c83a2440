import { errorText } from '@kubeedge-ts/errors';
import {
  type Backoff,
  type BackoffOptions,
  type Clock,
  createBackoff,
  type Deferred,
  deferred,
  type Logger,
  type Random,
} from '@kubeedge-ts/runtime';

export interface WorkQueueOptions {
  /**
   * Brings one key to its wanted state. It is level-triggered: it reads what is so now, and is called at least once
   * after the last `add`. A rejection is logged and retried with back-off. The signal aborts at shutdown.
   */
  readonly handler: (key: string, signal: AbortSignal) => Promise<void>;
  /** Names the queue in logs. */
  readonly name: string;
  /** Keys worked on at the same time; default 1. */
  readonly concurrency?: number;
  /** Delay of retries per key; default 5 ms … 30 s. */
  readonly backoff?: BackoffOptions;
}

export interface WorkQueuePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Keys to be worked on: each at most once in the queue, never twice at the same time, none lost. */
export interface WorkQueue {
  add(key: string): void;
  /** Adds the key after `ms`; an earlier pending time of the key wins. */
  addAfter(key: string, ms: number): void;
  /** Keys waiting or being worked on, without those of `addAfter` and of retries that are not due. */
  readonly size: number;
  /** Resolves once nothing waits and nothing is worked on; keys that are not due do not count. */
  idle(): Promise<void>;
  /** Takes no more keys, drops the waiting ones, aborts the handlers' signal and waits for them. */
  shutdown(): Promise<void>;
}

const DEFAULT_BACKOFF: BackoffOptions = { initialMs: 5, maxMs: 30_000 };

export function createWorkQueue(options: WorkQueueOptions, ports: WorkQueuePorts): WorkQueue {
  const { handler, name, concurrency = 1, backoff: backoffOptions = DEFAULT_BACKOFF } = options;
  const { clock, random } = ports;
  const log = ports.log.child({ queue: name });
  const waiting = new Set<string>();
  const running = new Map<string, { again: boolean }>();
  const delayed = new Map<string, { at: number; cancel: () => void }>();
  const backoffs = new Map<string, Backoff>();
  const stop = new AbortController();
  const idlers: Deferred[] = [];

  const next = (): string | undefined => {
    for (const key of waiting) return key;
    return undefined;
  };
  const pump = (): void => {
    while (running.size < concurrency) {
      const key = next();
      if (key === undefined) break;
      waiting.delete(key);
      running.set(key, { again: false });
      void work(key);
    }
    if (running.size === 0 && waiting.size === 0) {
      for (const idler of idlers.splice(0)) idler.resolve();
    }
  };

  const work = async (key: string): Promise<void> => {
    const state = running.get(key) as { again: boolean };
    let failed = false;
    try {
      // Handlers start in a turn of their own: `add` never runs foreign code.
      await Promise.resolve();
      state.again = false;
      await handler(key, stop.signal);
    } catch (error) {
      failed = !stop.signal.aborted;
      if (failed) log.warn({ key, err: errorText(error) }, 'reconcile failed, will retry');
    }
    running.delete(key);
    if (failed) {
      const backoff = backoffs.get(key) ?? createBackoff(backoffOptions, random);
      backoffs.set(key, backoff);
      queue.addAfter(key, backoff.next());
    } else {
      backoffs.delete(key);
      if (state.again) queue.add(key);
    }
    pump();
  };

  const queue: WorkQueue = {
    add(key) {
      if (stop.signal.aborted) return;
      const active = running.get(key);
      if (active !== undefined) active.again = true;
      else waiting.add(key);
      pump();
    },
    addAfter(key, ms) {
      if (stop.signal.aborted) return;
      if (ms <= 0) {
        queue.add(key);
        return;
      }
      const at = clock.monotonic() + ms;
      const pending = delayed.get(key);
      if (pending !== undefined && pending.at <= at) return;
      pending?.cancel();
      const cancel = clock.after(ms, () => {
        delayed.delete(key);
        queue.add(key);
      });
      delayed.set(key, { at, cancel });
    },
    get size() {
      return waiting.size + running.size;
    },
    idle() {
      if (queue.size === 0) return Promise.resolve();
      const idler = deferred();
      idlers.push(idler);
      return idler.promise;
    },
    async shutdown() {
      stop.abort(new Error(`work queue ${name} is shut down`));
      for (const { cancel } of delayed.values()) cancel();
      delayed.clear();
      waiting.clear();
      await queue.idle();
    },
  };
  return queue;
}
