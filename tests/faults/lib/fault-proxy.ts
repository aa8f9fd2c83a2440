import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from '@kubeedge-ts/runtime';

/** A TCP relay on loopback that fails on command. Directions are kept in order whatever the latency. */
export interface FaultProxy {
  readonly port: number;
  /** Connections that are relayed now, silent ones included. */
  readonly connections: number;
  /** Every chunk is held for `ms`, plus up to `jitterMs` more. */
  latency(ms: number, jitterMs?: number): void;
  /** Present connections end with a reset; new ones are relayed. */
  reset(): void;
  /** As `reset`, when so many more bytes have passed towards the target: in the middle of whatever is sent then. */
  resetAfter(bytes: number): void;
  /** Present connections fall silent in both directions and nobody is told; new ones are relayed. */
  halfOpen(): void;
  /** Everything is silent: new connections are accepted, nothing passes. */
  blackhole(): void;
  /** Takes back latency, `resetAfter` and `blackhole`; connections that fell silent stay so. */
  heal(): void;
  close(): Promise<void>;
}

interface Link {
  readonly near: Socket;
  readonly far: Socket | undefined;
  silent: boolean;
}

/** Bytes held per direction before its source is read no further. */
const MAX_HELD = 262_144;

export async function startFaultProxy(targetPort: number, random: Random): Promise<FaultProxy> {
  const links = new Set<Link>();
  let delay = { ms: 0, jitterMs: 0 };
  let swallows = false;
  let bytesUntilReset: number | undefined;

  const end = (link: Link, reset: boolean): void => {
    links.delete(link);
    for (const socket of [link.near, link.far]) {
      if (reset) socket?.resetAndDestroy();
      else socket?.destroy();
    }
  };

  /** Moves chunks in their order, each after its delay. */
  const relay = (link: Link, from: Socket, to: Socket, towardsTarget: boolean): void => {
    let held = 0;
    let last = 0;
    from.on('data', (chunk: Buffer) => {
      if (link.silent) return;
      const due = Math.max(last, performance.now() + delay.ms + random.next() * delay.jitterMs);
      last = due;
      held += chunk.length;
      if (held > MAX_HELD) from.pause();
      const pass = (): void => {
        held -= chunk.length;
        if (held <= MAX_HELD) from.resume();
        if (link.silent || !links.has(link)) return;
        to.write(chunk);
        if (!towardsTarget || bytesUntilReset === undefined) return;
        bytesUntilReset -= chunk.length;
        if (bytesUntilReset > 0) return;
        bytesUntilReset = undefined;
        end(link, true);
      };
      const wait = due - performance.now();
      if (wait <= 0 && held === chunk.length) pass();
      else setTimeout(pass, Math.max(0, wait));
    });
    from.on('error', () => end(link, true));
    // What is silent does not even tell that one end has gone.
    from.on('close', () => {
      if (!link.silent) end(link, false);
    });
  };

  const server: Server = createServer((near) => {
    const far = swallows ? undefined : connect(targetPort, '127.0.0.1');
    const link: Link = { near, far, silent: swallows };
    links.add(link);
    near.on('error', () => undefined);
    if (far === undefined) return;
    relay(link, near, far, true);
    relay(link, far, near, false);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return links.size;
    },
    latency(ms, jitterMs = 0) {
      delay = { ms, jitterMs };
    },
    reset() {
      for (const link of links) end(link, true);
    },
    resetAfter(bytes) {
      bytesUntilReset = bytes;
    },
    halfOpen() {
      for (const link of links) link.silent = true;
    },
    blackhole() {
      swallows = true;
      for (const link of links) link.silent = true;
    },
    heal() {
      swallows = false;
      bytesUntilReset = undefined;
      delay = { ms: 0, jitterMs: 0 };
    },
    async close() {
      for (const link of links) end(link, false);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
