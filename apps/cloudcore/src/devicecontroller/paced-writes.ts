import { errorText } from '@kubeedge-ts/errors';
import { type Backoff, type Clock, createBackoff, type Logger, type Random } from '@kubeedge-ts/runtime';
import { createTokenBucket, type Rate, type TokenBucket } from '../controllers/token-bucket.ts';

export interface PacedWritesOptions {
  /**
   * Writes what is to be written for `key` now; resolves with whether the next write has to keep its distance. It is
   * called at least once after the last `request`. A rejection is retried with back-off.
   */
  readonly write: (key: string) => Promise<boolean>;
  /** Between two writes of one key, ms. */
  readonly minIntervalMs: number;
  readonly perNode: Rate;
  readonly global: Rate;
  /** Writes at the same time. */
  readonly concurrency: number;
}

export interface PacedPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Writes that must not overload the API server: paced per key, per node and in all, the last one always made. */
export interface PacedWrites {
  request(key: string, node: string): void;
  /** Nothing more is written for this key. */
  forget(key: string): void;
  /** Begins no more writes and resolves when those under way have ended. */
  stop(): Promise<void>;
}

interface Entry {
  node: string;
  state: 'idle' | 'later' | 'ready' | 'writing';
  /** Asked for while it was being written. */
  again: boolean;
  notBefore: number;
  backoff: Backoff | undefined;
  cancel: () => void;
}

const RETRY = { initialMs: 500, maxMs: 60_000 };

export function createPacedWrites(
  options: PacedWritesOptions,
  { clock, random, log }: PacedPorts,
): PacedWrites {
  const entries = new Map<string, Entry>();
  const ready = new Set<string>();
  const buckets = new Map<string, TokenBucket>();
  const global = createTokenBucket(options.global, clock.monotonic);
  const idlers: (() => void)[] = [];
  let writing = 0;
  let stopped = false;
  let cancelPump: (() => void) | undefined;

  const bucketOf = (node: string): TokenBucket => {
    const known = buckets.get(node) ?? createTokenBucket(options.perNode, clock.monotonic);
    buckets.set(node, known);
    return known;
  };
  const pumpLater = (ms: number): void => {
    cancelPump?.();
    cancelPump = clock.after(ms, () => {
      cancelPump = undefined;
      pump();
    });
  };

  /** In the order of becoming ready; who has no budget lets the others pass. */
  const pump = (): void => {
    let wait = Number.POSITIVE_INFINITY;
    for (const key of ready) {
      if (stopped || writing >= options.concurrency) return;
      if (!global.has()) {
        pumpLater(global.waitMs());
        return;
      }
      const entry = entries.get(key);
      const bucket = bucketOf(entry?.node ?? '');
      if (entry === undefined) ready.delete(key);
      else if (bucket.has()) {
        ready.delete(key);
        bucket.take();
        global.take();
        void run(key, entry);
      } else wait = Math.min(wait, bucket.waitMs());
    }
    if (wait < Number.POSITIVE_INFINITY) pumpLater(wait);
  };

  const schedule = (key: string, entry: Entry): void => {
    const wait = entry.notBefore - clock.monotonic();
    if (wait <= 0) {
      entry.state = 'ready';
      ready.add(key);
      pump();
      return;
    }
    entry.state = 'later';
    entry.cancel = clock.after(wait, () => {
      entry.state = 'ready';
      ready.add(key);
      pump();
    });
  };

  const run = async (key: string, entry: Entry): Promise<void> => {
    entry.state = 'writing';
    entry.again = false;
    writing += 1;
    let wait = options.minIntervalMs;
    try {
      if (!(await options.write(key))) wait = 0;
      entry.backoff = undefined;
    } catch (error) {
      entry.backoff ??= createBackoff(RETRY, random);
      entry.again = true;
      wait = Math.max(wait, entry.backoff.next());
      if (!stopped) log.warn({ key, err: errorText(error) }, 'device write failed, will retry');
    }
    writing -= 1;
    entry.state = 'idle';
    entry.notBefore = clock.monotonic() + wait;
    if (stopped) {
      if (writing === 0) for (const resolve of idlers.splice(0)) resolve();
      return;
    }
    if (entry.again && entries.get(key) === entry) schedule(key, entry);
    pump();
  };

  return {
    request(key, node) {
      if (stopped) return;
      const entry: Entry = entries.get(key) ?? {
        node,
        state: 'idle',
        again: false,
        notBefore: clock.monotonic(),
        backoff: undefined,
        cancel: () => {},
      };
      entries.set(key, entry);
      entry.node = node;
      if (entry.state === 'writing') entry.again = true;
      else if (entry.state === 'idle') schedule(key, entry);
    },
    forget(key) {
      entries.get(key)?.cancel();
      entries.delete(key);
      ready.delete(key);
    },
    stop() {
      stopped = true;
      cancelPump?.();
      for (const { cancel } of entries.values()) cancel();
      ready.clear();
      return writing === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve));
    },
  };
}
