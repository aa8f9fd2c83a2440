import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from './clock.ts';
import type { CommandEnding } from './command-ending.ts';

/** Pairs of byte streams, each on its own: what ends one touches no other. */
export interface Relays {
  /**
   * Carries bytes both ways until both have ended, in each direction no faster than it is taken. An end goes on as an
   * end, a loss as a reset; the client of a command is told of it first (`ending`). Resolves when nothing of it is left.
   */
  join(client: Duplex, server: Duplex, ending?: CommandEnding): Promise<void>;
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
  readonly client: Side;
  readonly server: Side;
  /** Bytes carried; as many when last looked at, and since when there have been no more. */
  carried: number;
  seen: number;
  since: number;
}

interface Side {
  readonly stream: Duplex;
  /** The other side is lost. */
  lose(): void;
  /** It is over, whatever is still on its way. */
  cut(): void;
}

const SWEEP_MS = 15_000;
/** Time for a client to read the last word and to hang up. */
const LAST_WORD_MS = 2_000;
/** One side has said all it had, the other neither says anything nor ends. */
const HALF_OPEN_MS = 60_000;

export function createRelays({ clock, idleMs }: RelaysOptions): Relays {
  const relays = new Set<Relay>();
  let stopSweeping: (() => void) | undefined;

  const cut = ({ client, server }: Relay): void => {
    client.cut();
    server.cut();
  };

  const clientSide = (stream: Duplex, ending: CommandEnding | undefined): Side => {
    let losing = false;
    const hangUp = (): void => {
      if (stream.readableEnded) return void stream.destroy();
      const cancel = clock.after(LAST_WORD_MS, () => stream.destroy());
      stream.once('end', () => stream.destroy());
      stream.once('close', cancel);
    };
    const lose = (): void => {
      if (losing || stream.destroyed) return;
      losing = true;
      if (!stream.writableEnded) {
        const word = ending?.lost();
        if (word === undefined || word.length === 0) {
          reset(stream);
          return;
        }
        stream.end(word);
      }
      // what was written is still on its way
      stream.resume();
      if (stream.writableFinished) hangUp();
      else stream.once('finish', hangUp);
    };
    return { stream, lose, cut: () => (losing ? stream.destroy() : lose()) };
  };

  /** One timer for all; none while there is no stream. */
  const sweepLater = (): void => {
    stopSweeping ??= clock.after(SWEEP_MS, () => {
      stopSweeping = undefined;
      const now = clock.monotonic();
      for (const relay of relays) {
        const { client, server, carried } = relay;
        if (carried !== relay.seen) Object.assign(relay, { seen: carried, since: now });
        const half = client.stream.readableEnded || server.stream.readableEnded;
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
    async join(client, server, ending) {
      const relay: Relay = {
        client: clientSide(client, ending),
        server: { stream: server, lose: () => reset(server), cut: () => reset(server) },
        carried: 0,
        seen: 0,
        since: clock.monotonic(),
      };
      relays.add(relay);
      sweepLater();
      for (const side of [client, server]) if (side instanceof Socket) side.setNoDelay(true);
      await Promise.all([
        carry(relay.client, relay.server, relay),
        carry(relay.server, relay.client, relay, ending),
      ]);
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
function carry(from: Side, to: Side, relay: Relay, ending?: CommandEnding): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // Said by `close`; an unheard error would end the process.
  from.stream.on('error', () => undefined);
  from.stream.once('close', () => {
    // lost rather than ended: whoever reads the other side must not take what came for the whole
    if (!from.stream.readableEnded || from.stream.errored) to.lose();
    resolve();
  });
  // a stream that knows no half-close is gone with its end: nobody is left to hear what the other side has to say
  to.stream.once('close', () => {
    if (!from.stream.readableEnded) from.lose();
  });
  if (from.stream.destroyed) {
    to.lose();
    resolve();
  } else {
    from.stream.on('data', (chunk: Buffer) => {
      relay.carried += chunk.length;
    });
    if (ending === undefined) from.stream.pipe(to.stream);
    else pipeFrames(from.stream, to.stream, ending);
  }
  return promise;
}

/** Like `pipe`, in whole frames; an end that the protocol did not announce is a loss too. */
function pipeFrames(from: Duplex, to: Duplex, ending: CommandEnding): void {
  from.on('data', (chunk: Buffer) => {
    const frames = ending.take(chunk);
    if (frames.length > 0 && to.writable && !to.write(frames)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => {
    if (to.writable) to.end(ending.lost());
  });
}

/** As a reset where there is one: not over TLS, and not once the own side has ended (Node then never closes). */
function reset(stream: Duplex): void {
  if (stream.destroyed) return;
  if (stream instanceof Socket && !stream.writableEnded && !('encrypted' in stream)) stream.resetAndDestroy();
  else stream.destroy();
}
