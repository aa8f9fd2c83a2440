import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Clock, systemClock } from '@kubeedge-ts/runtime';
import { Lane, type LinkFaults } from './lane.ts';
import { seeded } from './random.ts';

export interface Faults extends LinkFaults {
  /** New connections are reset at once. */
  readonly refuse: boolean;
  /** Each new connection is reset after so many bytes, both ways together, by chance between the two. */
  readonly resetAfter: { readonly min: number; readonly max: number } | undefined;
}

export interface FaultProxyOptions {
  /** Where connections lead; a function is asked for each. */
  readonly target: Target | (() => Target);
  /** Decides everything that is left to chance, connection by connection in order of arrival. */
  readonly seed: number;
  readonly host?: string;
  readonly port?: number;
  readonly faults?: Partial<Faults>;
  readonly clock?: Clock;
}

export type Target = { readonly host?: string; readonly port: number } | { readonly path: string };

/** A TCP relay that can be made a bad link. */
export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** Open ones. */
  readonly connections: number;
  /** Since the start. */
  readonly accepted: number;
  /** Changes some; for the bytes of open connections, too. */
  set(faults: Partial<Faults>): void;
  /** No faults any more; what was held goes on. Connections that are half open stay so. */
  heal(): void;
  /** Every open connection gets a RST on both sides. */
  reset(): void;
  /**
   * The other side of every open connection vanishes without a word: it is closed, and the side named here never hears of
   * it; its bytes go nowhere. New connections are as always.
   */
  abandon(side: 'client' | 'server'): void;
  /** Every open connection falls silent, both ways, and nobody is told. New connections are as always. */
  silence(): void;
  /** Every open connection is reset after so many more bytes, both ways together: in the middle of whatever is sent then. */
  resetAfter(bytes: number): void;
  close(): Promise<void>;
}

const NONE: Faults = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: 0,
  blackhole: false,
  refuse: false,
  resetAfter: undefined,
};

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { seed, host = '127.0.0.1', port = 0, clock = systemClock } = options;
  let faults: Faults = { ...NONE, ...options.faults };
  let accepted = 0;
  const links = new Set<Link>();

  const server = createServer({ allowHalfOpen: true }, (client) => {
    accepted += 1;
    client.on('error', () => client.destroy());
    if (faults.refuse) {
      client.resetAndDestroy();
      return;
    }
    const target = typeof options.target === 'function' ? options.target() : options.target;
    const link = new Link({
      client,
      server: connect({ allowHalfOpen: true, ...('path' in target ? target : { host, ...target }) }),
      random: seeded(seed + accepted * 7919),
      faults: () => faults,
      clock,
      onClose: () => links.delete(link),
    });
    links.add(link);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });

  const set = (changes: Partial<Faults>): void => {
    faults = { ...faults, ...changes };
    for (const link of links) link.flush();
  };
  return {
    host,
    port: (server.address() as AddressInfo).port,
    get connections() {
      return links.size;
    },
    get accepted() {
      return accepted;
    },
    set,
    heal: () => set(NONE),
    reset: () => {
      for (const link of [...links]) link.reset();
    },
    abandon: (side) => {
      for (const link of [...links]) link.abandon(side);
    },
    silence: () => {
      for (const link of links) link.silence();
    },
    resetAfter: (bytes) => {
      for (const link of links) link.resetAfter(bytes);
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const link of [...links]) link.destroy();
      return closed;
    },
  };
}

class Link {
  readonly #sides: { readonly client: Socket; readonly server: Socket };
  readonly #lanes: readonly Lane[];
  /** What happens to one side is not told to the other. */
  #apart = false;
  #left: number;

  constructor(options: {
    readonly client: Socket;
    readonly server: Socket;
    readonly random: () => number;
    readonly faults: () => Faults;
    readonly clock: Clock;
    readonly onClose: () => void;
  }) {
    const { client, server, random, faults, clock, onClose } = options;
    this.#sides = { client, server };
    const { resetAfter } = faults();
    this.#left =
      resetAfter === undefined
        ? Number.POSITIVE_INFINITY
        : resetAfter.min + Math.floor(random() * (resetAfter.max - resetAfter.min + 1));
    const onBytes = (count: number): void => {
      this.#left -= count;
      if (this.#left < 0) this.reset();
    };
    const common = { faults, random, clock, onBytes };
    this.#lanes = [
      new Lane({ from: client, to: server, ...common }),
      new Lane({ from: server, to: client, ...common }),
    ];
    for (const [side, other] of [
      [client, server],
      [server, client],
    ] as const) {
      // A peer that is reset, or cannot be reached, resets the other one.
      side.on('error', () => {
        side.destroy();
        if (!this.#apart) other.resetAndDestroy();
      });
      side.on('close', () => {
        if (client.destroyed && server.destroyed) onClose();
      });
    }
  }

  flush(): void {
    for (const lane of this.#lanes) lane.flush();
  }

  reset(): void {
    for (const lane of this.#lanes) lane.kill();
    this.#sides.client.resetAndDestroy();
    this.#sides.server.resetAndDestroy();
  }

  abandon(side: 'client' | 'server'): void {
    this.silence();
    this.#sides[side === 'client' ? 'server' : 'client'].destroy();
  }

  silence(): void {
    this.#apart = true;
    for (const lane of this.#lanes) lane.kill();
  }

  resetAfter(bytes: number): void {
    this.#left = bytes;
  }

  destroy(): void {
    for (const lane of this.#lanes) lane.kill();
    this.#sides.client.destroy();
    this.#sides.server.destroy();
  }
}
