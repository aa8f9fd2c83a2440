import type { PodStatus } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../metamanager/meta-client.ts';
import type { PodIdentity } from './runtime/labels.ts';

/** Hands one pod's status to the outbox, newest first; what was overtaken meanwhile is not sent. */
export interface StatusReporter {
  report(status: PodStatus): void;
  /** Resolves when the last reported status is durable. */
  settled(): Promise<void>;
}

export interface StatusReporterOptions {
  /** Whose status it is in the API; undefined while there is no such object: the newest status then waits. */
  readonly pod: () => PodIdentity | undefined;
  readonly meta: Pick<MetaClient, 'reportPodStatus'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export function createStatusReporter(options: StatusReporterOptions): StatusReporter {
  const { pod, meta, clock, random, log, signal } = options;
  let waiting: PodStatus | undefined;
  let running: Promise<void> | undefined;

  const canSend = (): boolean => waiting !== undefined && !signal.aborted && pod() !== undefined;

  const work = async (): Promise<void> => {
    const backoff = createBackoff({ initialMs: 500, maxMs: 30_000 }, random);
    while (waiting !== undefined && !signal.aborted) {
      const status = waiting;
      const object = pod();
      if (object === undefined) return;
      waiting = undefined;
      try {
        await meta.reportPodStatus(object, status);
        backoff.reset();
      } catch (error) {
        waiting ??= status;
        log.warn({ pod: object.name, err: errorText(error) }, 'pod status could not be stored, trying again');
        await sleep(clock, backoff.next(), signal).catch(() => undefined);
      }
    }
  };

  const start = (): void => {
    if (running !== undefined || !canSend()) return;
    running = work().finally(() => {
      running = undefined;
      // What came while the last one was being finished.
      start();
    });
  };

  return {
    report(status) {
      waiting = status;
      start();
    },
    async settled() {
      while (running !== undefined) await running;
    },
  };
}
