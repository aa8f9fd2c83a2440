import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '@kubeedge-ts/runtime';

/** Byte streams between clients and the runtime's streaming server, each on its own: what ends one touches no other. */
export interface Relays {
  /**
   * Carries bytes both ways until both have ended, in each direction no faster than it is taken. An end goes on as an
   * end, a loss as a reset. Resolves when nothing of it is left.
   */
  join(client: Duplex, runtime: Socket): Promise<void>;
  readonly open: number;
  /** Ends all of them. */
  close(): void;
}

export interface RelaysOptions {
  readonly clock: Clock;
  /** No byte in either direction for so long ends a stream; 0: never. */
  readonly idleMs: number;
}

interface Relay {
  readonly client: Duplex;
  readonly runtime: Socket;
  /** Bytes carried when last looked at, and since when there have been no more. */
  carried: number;
  since: number;
}

const SWEEP_MS = 15_000;
/** One side has said all it had, the other neither says anything nor ends. */
const HALF_OPEN_MS = 60_000;

export function createRelays({ clock, idleMs }: RelaysOptions): Relays {
  const relays = new Set<Relay>();
  let stopSweeping: (() => void) | undefined;

  const cut = ({ client, runtime }: Relay): void => {
    reset(client);
    reset(runtime);
  };

  /** One timer for all; none while there is no stream. */
  const sweepLater = (): void => {
    stopSweeping ??= clock.after(SWEEP_MS, () => {
      stopSweeping = undefined;
      const now = clock.monotonic();
      for (const relay of relays) {
        const { client, runtime } = relay;
        const carried = runtime.bytesRead + runtime.bytesWritten;
        if (carried !== relay.carried) Object.assign(relay, { carried, since: now });
        const half = client.readableEnded || runtime.readableEnded;
        const limit = half ? HALF_OPEN_MS : idleMs;
        if (limit > 0 && now - relay.since >= limit) cut(relay);
      }
      if (relays.size > 0) sweepLater();
    });
  };

  return {
    get open() {
      return relays.size;
    },
    async join(client, runtime) {
      const carried = runtime.bytesRead + runtime.bytesWritten;
      const relay: Relay = { client, runtime, carried, since: clock.monotonic() };
      relays.add(relay);
      sweepLater();
      runtime.setNoDelay(true);
      if (client instanceof Socket) client.setNoDelay(true);
      await Promise.all([carry(client, runtime), carry(runtime, client)]);
      relays.delete(relay);
      if (relays.size === 0) {
        stopSweeping?.();
        stopSweeping = undefined;
      }
    },
    close() {
      for (const relay of relays) cut(relay);
    },
  };
}

/** Pipes one way; resolves when `from` is closed. */
function carry(from: Duplex, to: Duplex): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // Said by `close`; an unheard error would end the process.
  from.on('error', () => undefined);
  from.once('close', () => {
    // lost rather than ended: whoever reads the other side must not take what came for the whole
    if (!from.readableEnded || from.errored) reset(to);
    resolve();
  });
  if (from.destroyed) {
    reset(to);
    resolve();
  } else from.pipe(to);
  return promise;
}

/** As a reset where there is one: not over TLS, and not once the own side has ended (Node then never closes). */
function reset(stream: Duplex): void {
  if (stream.destroyed) return;
  if (stream instanceof Socket && !stream.writableEnded && !('encrypted' in stream)) stream.resetAndDestroy();
  else stream.destroy();
}
