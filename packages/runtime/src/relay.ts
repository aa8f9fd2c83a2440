import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from './clock.ts';

/** Pairs of byte streams, each on its own: what ends one touches no other. */
export interface Relays {
  /**
   * Carries bytes both ways until both have ended, in each direction no faster than it is taken. An end goes on as an
   * end, a loss as a reset. Resolves when nothing of it is left.
   */
  join(client: Duplex, server: Duplex): Promise<void>;
  readonly open: number;
  /** Ends all of them. */
  close(): void;
}

export interface RelaysOptions {
  readonly clock: Clock;
  /** No byte in either direction for so long ends a pair; 0: never. */
  readonly idleMs: number;
}

interface Relay {
  readonly client: Duplex;
  readonly server: Duplex;
  /** Bytes carried; as many when last looked at, and since when there have been no more. */
  carried: number;
  seen: number;
  since: number;
}

const SWEEP_MS = 15_000;
/** One side has said all it had, the other neither says anything nor ends. */
const HALF_OPEN_MS = 60_000;

export function createRelays({ clock, idleMs }: RelaysOptions): Relays {
  const relays = new Set<Relay>();
  let stopSweeping: (() => void) | undefined;

  const cut = ({ client, server }: Relay): void => {
    reset(client);
    reset(server);
  };

  /** One timer for all; none while there is no stream. */
  const sweepLater = (): void => {
    stopSweeping ??= clock.after(SWEEP_MS, () => {
      stopSweeping = undefined;
      const now = clock.monotonic();
      for (const relay of relays) {
        const { client, server, carried } = relay;
        if (carried !== relay.seen) Object.assign(relay, { seen: carried, since: now });
        const half = client.readableEnded || server.readableEnded;
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
    async join(client, server) {
      const relay: Relay = { client, server, carried: 0, seen: 0, since: clock.monotonic() };
      relays.add(relay);
      sweepLater();
      for (const side of [client, server]) if (side instanceof Socket) side.setNoDelay(true);
      await Promise.all([carry(client, server, relay), carry(server, client, relay)]);
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
function carry(from: Duplex, to: Duplex, relay: Relay): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // Said by `close`; an unheard error would end the process.
  from.on('error', () => undefined);
  from.once('close', () => {
    // lost rather than ended: whoever reads the other side must not take what came for the whole
    if (!from.readableEnded || from.errored) reset(to);
    resolve();
  });
  // a stream that knows no half-close is gone with its end: nobody is left to hear what the other side has to say
  to.once('close', () => {
    if (!from.readableEnded) reset(from);
  });
  if (from.destroyed) {
    reset(to);
    resolve();
  } else {
    from.on('data', (chunk: Buffer) => {
      relay.carried += chunk.length;
    });
    from.pipe(to);
  }
  return promise;
}

/** As a reset where there is one: not over TLS, and not once the own side has ended (Node then never closes). */
function reset(stream: Duplex): void {
  if (stream.destroyed) return;
  if (stream instanceof Socket && !stream.writableEnded && !('encrypted' in stream)) stream.resetAndDestroy();
  else stream.destroy();
}
