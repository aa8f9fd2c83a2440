import { type Clock, sleep } from '@kubeedge-ts/runtime';
import type { Connection } from './types.ts';

export interface LivenessOptions {
  readonly clock: Clock;
  /** Pause between an answer and the next ping, ms. */
  readonly intervalMs: number;
  /** How long an answer may take, ms. The peer answers after its handler is done with what came before. */
  readonly timeoutMs: number;
}

/** Close code of a connection whose peer stopped answering. */
export const UNRESPONSIVE_CODE = 4002;

/**
 * Pings a connection until it ends and closes it when an answer is late: the only way to notice a half-open link that
 * nothing is sent over. Resolves when the connection has ended.
 */
export async function watchLiveness(connection: Connection, options: LivenessOptions): Promise<void> {
  const { clock, intervalMs, timeoutMs } = options;
  const ended = new AbortController();
  void connection.closed.then(() => ended.abort());
  while (!ended.signal.aborted) {
    const cancel = clock.after(timeoutMs, () =>
      connection.close(UNRESPONSIVE_CODE, 'peer does not answer pings'),
    );
    try {
      await connection.ping();
      cancel();
      await sleep(clock, intervalMs, ended.signal);
    } catch {
      // The connection has ended, or is about to: closed() says why.
      break;
    } finally {
      cancel();
    }
  }
  await connection.closed;
}
