import type { Duplex } from 'node:stream';
import type { Clock } from '@kubeedge-ts/runtime';

/** One side has said all it had, the other neither says anything nor ends. */
const HALF_OPEN_MS = 60_000;

/**
 * Carries bytes both ways until both have ended, in each direction no faster than it is taken. An end goes on as an end,
 * a loss as a loss. Resolves when nothing of it is left.
 */
export async function joinStreams(client: Duplex, backend: Duplex, clock: Clock): Promise<void> {
  let carried = 0;
  const count = (chunk: Buffer): void => {
    carried += chunk.length;
  };
  let stopWatching: (() => void) | undefined;
  const watchHalf = (before: number): void => {
    stopWatching = clock.after(HALF_OPEN_MS, () => {
      if (carried > before) return watchHalf(carried);
      client.destroy();
      backend.destroy();
    });
  };
  for (const stream of [client, backend]) {
    // A socket that closes itself when its peer has ended could not carry an end.
    stream.allowHalfOpen = true;
    stream.on('data', count);
    stream.once('end', () => {
      stopWatching ?? watchHalf(carried);
    });
  }
  await Promise.all([carry(client, backend), carry(backend, client)]);
  stopWatching?.();
}

/** Pipes one way; resolves when `from` is closed. */
function carry(from: Duplex, to: Duplex): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const closed = (): void => {
    // Lost rather than ended: whoever reads the other side must not take what came for the whole.
    if (!from.readableEnded || from.errored) to.destroy();
    resolve();
  };
  // Said by `close`; an unheard error would end the process.
  from.on('error', () => undefined);
  if (from.destroyed) closed();
  else {
    from.once('close', closed);
    from.pipe(to);
  }
  return promise;
}
