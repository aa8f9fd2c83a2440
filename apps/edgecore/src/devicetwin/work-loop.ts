import { deviceErrors, errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, type Logger, sleep } from '@kubeedge-ts/runtime';
import type { Store } from '@kubeedge-ts/store';
import { type Batch, createBatch } from './batch.ts';

/** One request or message. */
export interface Job {
  /** Decides and changes memory; what leaves the process goes through the batch. */
  run(batch: Batch): void;
  /** Called instead of the batch's effects when they could not be stored. */
  failed?(reason: string): void;
  /** Called in any case, after the effects are durable and published, or the request was refused. */
  done?(): void;
}

export interface WorkLoop {
  push(job: Job): void;
  /** Resolves when everything pushed so far is done. */
  idle(): Promise<void>;
}

export interface WorkLoopOptions {
  readonly store: Pick<Store, 'write'>;
  readonly publish: (topic: string, payload: string) => void;
  /** Awaited between batches: back-pressure of the broker. */
  readonly ready: () => Promise<void>;
  /** Brings memory of these devices back to what the store holds. */
  readonly reload: (ids: ReadonlySet<string>) => Promise<void>;
  /** Called when a batch is committed and published. */
  readonly afterBatch: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Attempts of one commit; default 5 (spec/mqtt-and-devicetwin.md §6.4). */
  readonly tries?: number;
  /** Pause between attempts; default 1 s. */
  readonly pauseMs?: number;
}

const MAX_BATCH = 512;

/**
 * Runs jobs in order. Jobs that arrive while a commit is under way share the next one, so the rate does not depend on
 * the latency of the disk. Nothing is published or acknowledged before its rows are durable.
 */
export function createWorkLoop(options: WorkLoopOptions): WorkLoop {
  const { store, publish, clock, log, tries = 5, pauseMs = 1000 } = options;
  let queue: Job[] = [];
  let running: Promise<void> | undefined;
  /** Devices whose memory may be ahead of the store. */
  let stale: ReadonlySet<string> = new Set();

  const commit = async (statements: Parameters<Store['write']>[0]): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await store.write(statements);
        return;
      } catch (error) {
        const hopeless = isKubeEdgeError(error, 'STORE_CLOSED') || isKubeEdgeError(error, 'STORE_FULL');
        if (hopeless || attempt >= tries) throw error;
        log.warn({ attempt, err: errorText(error) }, 'device changes were not stored, trying again');
        await sleep(clock, pauseMs);
      }
    }
  };

  const refresh = async (): Promise<void> => {
    if (stale.size === 0) return;
    await options.reload(stale);
    stale = new Set();
  };

  const refuse = (jobs: readonly Job[], error: unknown): void => {
    const known = deviceErrors.create('DEVICE_STORE_FAILED', { requests: jobs.length }, error);
    log.error(
      { code: known.code, requests: jobs.length, err: errorText(error) },
      'device changes were not stored',
    );
    for (const job of jobs) {
      job.failed?.(errorText(error));
      job.done?.();
    }
  };

  const runBatch = async (jobs: readonly Job[]): Promise<void> => {
    const batch = createBatch();
    try {
      await refresh();
      for (const job of jobs) {
        try {
          job.run(batch);
        } catch (error) {
          // A fault of one request must not take the others with it.
          log.error({ err: errorText(error) }, 'device request failed');
        }
      }
      const statements = batch.statements();
      if (statements.length > 0) await commit(statements);
    } catch (error) {
      stale = new Set([...stale, ...batch.touched]);
      refuse(jobs, error);
      return;
    }
    batch.finish(publish);
    options.afterBatch();
    for (const job of jobs) job.done?.();
  };

  const run = async (): Promise<void> => {
    // Lets everything that arrived with the same read of the socket share the batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (queue.length > 0) {
      const jobs = queue.length <= MAX_BATCH ? queue : queue.slice(0, MAX_BATCH);
      queue = queue.length <= MAX_BATCH ? [] : queue.slice(MAX_BATCH);
      await runBatch(jobs);
      await options.ready();
    }
    running = undefined;
  };

  return {
    push(job) {
      queue.push(job);
      running ??= run();
    },
    async idle() {
      while (running !== undefined) await running;
    },
  };
}
