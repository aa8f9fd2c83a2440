import { Worker } from 'node:worker_threads';
import { type KubeEdgeError, storeErrors } from '@kubeedge-ts/errors';
import {
  type Clock,
  createBackoff,
  type Logger,
  type Random,
  sleep,
  systemClock,
} from '@kubeedge-ts/runtime';
import { createCallQueue } from './call-queue.ts';
import type { Call, Failure, FromWorker, Opened, WorkerSetup } from './protocol.ts';
import type { Migration, Store } from './types.ts';

export interface StoreOptions {
  /** Database file; it and its folder are created with mode 0600 / 0700 when absent. */
  readonly path: string;
  readonly migrations: readonly Migration[];
  readonly random: Random;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Ends the wait for space when the disk is full at the start. */
  readonly signal?: AbortSignal;
  /** Where the worker's code lies; default: beside this module. */
  readonly workerUrl?: URL;
  /** Calls accepted and not yet answered; more are refused with STORE_BUSY. Default 20,000. */
  readonly maxPendingCalls?: number;
  /** Their parameters' size, bytes; default 64 MiB. */
  readonly maxPendingBytes?: number;
}

/** The heap a worker may grow to before it is ended and started anew; idle it needs far less. */
const WORKER_LIMITS = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 2 };

function defaultWorkerUrl(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './store-worker.cjs', import.meta.url);
}

/**
 * Opens the edge database and starts its worker thread. A damaged file is set aside with an error log and a fresh one
 * is created; on a full disk it waits for space. When the worker dies it is started again, open calls fail.
 *
 * @throws KubeEdgeError STORE_FAILED, STORE_SCHEMA_NEWER
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { path, log, random, clock = systemClock, signal } = options;
  const backoff = createBackoff({ initialMs: 500, maxMs: 15_000 }, random);
  const queue = createCallQueue({
    path,
    maxCalls: options.maxPendingCalls ?? 20_000,
    maxBytes: options.maxPendingBytes ?? 67_108_864,
  });
  const stopping = new AbortController();
  const abort = signal === undefined ? stopping.signal : AbortSignal.any([signal, stopping.signal]);
  let epoch = '';
  let running: RunningWorker | undefined;

  const start = async (): Promise<void> => {
    for (;;) {
      abort.throwIfAborted();
      const setup: WorkerSetup = { path, migrations: options.migrations, newEpoch: random.uuid() };
      const worker = await startWorker(options.workerUrl ?? defaultWorkerUrl(), setup, (replies) => {
        for (const reply of replies) queue.settle(reply);
      });
      if ('opened' in worker) {
        if (worker.opened.setAside !== undefined) {
          log.error(
            { path, ...worker.opened.setAside },
            'database was damaged: it is set aside and a fresh one is filled from the cloud',
          );
        }
        epoch = worker.opened.epoch;
        running = worker;
        backoff.reset();
        queue.attach((calls) => worker.post({ calls }));
        worker.ended.then(onEnd);
        return;
      }
      const error = storeError(path, worker.failure);
      if (worker.failure.kind !== 'full') throw error;
      log.error({ path, advice: error.advice }, 'no space for the database, waiting');
      await sleep(clock, backoff.next(), abort);
    }
  };

  const onEnd = (problem: string): void => {
    running = undefined;
    queue.detach(storeErrors.create('STORE_FAILED', { path, problem }));
    if (stopping.signal.aborted) return;
    log.error({ path, problem }, 'database worker ended, starting it again');
    restart();
  };
  const restart = (): void => {
    sleep(clock, backoff.next(), stopping.signal)
      .then(start)
      .catch((error) => {
        if (stopping.signal.aborted) return;
        log.error({ path, err: String(error) }, 'database worker did not start');
        restart();
      });
  };

  await start();
  return {
    get epoch() {
      return epoch;
    },
    async write(statements) {
      const reply = await queue.call((id): Call => ({ id, write: statements }));
      if ('changes' in reply) return reply.changes;
      throw storeError(path, 'failure' in reply ? reply.failure : undefined);
    },
    async read(statement) {
      const reply = await queue.call((id): Call => ({ id, read: statement }));
      if ('rows' in reply) return reply.rows;
      throw storeError(path, 'failure' in reply ? reply.failure : undefined);
    },
    async close() {
      queue.close();
      const closed = storeErrors.create('STORE_CLOSED', { path });
      if (running === undefined) queue.fail(closed);
      await queue.idle();
      stopping.abort(closed);
      const worker = running;
      worker?.post({ close: true });
      await worker?.ended;
    },
  };
}

interface RunningWorker {
  readonly opened: Opened;
  post(message: { readonly calls: readonly Call[] } | { readonly close: true }): void;
  /** Resolves with the reason when the thread is gone. */
  readonly ended: Promise<string>;
}

async function startWorker(
  url: URL,
  setup: WorkerSetup,
  onReplies: (replies: Extract<FromWorker, { replies: unknown }>['replies']) => void,
): Promise<RunningWorker | { readonly failure: Failure }> {
  const worker = new Worker(url, {
    name: 'store',
    workerData: setup,
    resourceLimits: WORKER_LIMITS,
    execArgv: [],
    env: {},
  });
  const first = Promise.withResolvers<{ opened: Opened } | { failure: Failure }>();
  let problem = 'worker ended';
  worker.on('message', (message: FromWorker) => {
    if ('replies' in message) onReplies(message.replies);
    else if ('opened' in message) first.resolve({ opened: message.opened });
    else first.resolve({ failure: message.failedToOpen });
  });
  worker.on('error', (error) => {
    problem = String((error as Error | undefined)?.message ?? error);
  });
  const ended = new Promise<string>((resolve) => {
    worker.on('exit', () => {
      first.resolve({ failure: { kind: 'failed', problem } });
      resolve(problem);
    });
  });
  const outcome = await first.promise;
  if ('failure' in outcome) {
    await ended;
    return outcome;
  }
  return { opened: outcome.opened, post: (message) => worker.postMessage(message), ended };
}

function storeError(path: string, failure?: Failure): KubeEdgeError {
  const problem = failure?.problem ?? 'unexpected reply';
  switch (failure?.kind) {
    case 'full':
      return storeErrors.create('STORE_FULL', { path });
    case 'damaged':
      return storeErrors.create('STORE_DAMAGED', { path, problem });
    case 'newer':
      return storeErrors.create('STORE_SCHEMA_NEWER', { path, found: failure.found, known: failure.known });
    default:
      return storeErrors.create('STORE_FAILED', { path, problem });
  }
}
