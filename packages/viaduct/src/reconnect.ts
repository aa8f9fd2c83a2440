import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import {
  type BackoffOptions,
  type Clock,
  createBackoff,
  type Logger,
  type Random,
  sleep,
} from '@kubeedge-ts/runtime';
import type { Connection } from './types.ts';

export interface ReconnectOptions {
  readonly dial: (signal: AbortSignal) => Promise<Connection>;
  /** Called with every connection; must `start` it. A failure closes the connection. */
  readonly onConnection: (connection: Connection) => void | Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Default: 1 s doubling to 30 s, half of it jitter, so that the first retry comes within a second (LESSONS A8). */
  readonly backoff?: BackoffOptions;
  /** A connection that lived this long resets the back-off; default 10 s. Two nodes of one name do not fight faster. */
  readonly livedMs?: number;
}

const DEFAULT_BACKOFF: BackoffOptions = { initialMs: 1_000, maxMs: 30_000 };

/**
 * Keeps one connection alive until the signal aborts: dials, waits for its end, dials again. Never gives up, whatever
 * the error (LESSONS A7). Resolves after the abort, when the last connection has ended.
 */
export async function reconnect(options: ReconnectOptions): Promise<void> {
  const { clock, log, signal, livedMs = 10_000 } = options;
  const backoff = createBackoff(options.backoff ?? DEFAULT_BACKOFF, options.random);

  while (!signal.aborted) {
    try {
      const connection = await options.dial(signal);
      const since = clock.monotonic();
      await live(connection, options);
      if (clock.monotonic() - since >= livedMs) backoff.reset();
    } catch (error) {
      if (signal.aborted) break;
      const advice = isKubeEdgeError(error) ? { code: error.code, advice: error.advice } : {};
      log.warn({ err: errorText(error), ...advice }, 'cannot connect to the cloud');
    }
    const delayMs = backoff.next();
    log.debug({ delayMs }, 'reconnecting after a pause');
    await sleep(clock, delayMs, signal).catch(() => undefined);
  }
}

async function live(connection: Connection, { onConnection, log, signal }: ReconnectOptions): Promise<void> {
  const onAbort = (): void => connection.close(1001, 'edge is stopping');
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await onConnection(connection);
  } catch (error) {
    log.error({ connection: connection.id, err: errorText(error) }, 'connection could not be set up');
    connection.close(1011, 'setup failed');
  }
  const reason = await connection.closed;
  signal.removeEventListener('abort', onAbort);
  log.info({ connection: connection.id, ...reason }, 'connection ended');
}
