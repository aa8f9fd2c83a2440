import type { Clock } from '@kubeedge-ts/runtime';

export interface LazyWritesOptions<V> {
  readonly clock: Clock;
  /** Writes per second over all keys, and how many may come at once after a rest. */
  readonly perSecond: number;
  readonly burst: number;
  /** How long a value waits at least, ms: several changes in a row become one write. */
  readonly delayMs: number;
  readonly concurrency: number;
  /** Carries one write out; never rejects. */
  readonly write: (key: string, value: V) => Promise<void>;
}

/** Writes that can wait, kept off the path of everything else: the newest value per key, under one global rate. */
export interface LazyWrites<V> {
  put(key: string, value: V): void;
  /** Forgets what waits for this key and resolves when none of it is being written. */
  cancel(key: string): Promise<void>;
  /** Writes what waits, without delay but not faster; resolves when all is written or the signal aborts. */
  flush(signal: AbortSignal): Promise<void>;
  readonly size: number;
  stop(): void;
}

export function createLazyWrites<V>(options: LazyWritesOptions<V>): LazyWrites<V> {
  const { clock, perSecond, burst, delayMs, concurrency, write } = options;
  /** In the order in which keys came first. */
  const waiting = new Map<string, { value: V; since: number }>();
  const writing = new Map<string, Promise<void>>();
  const idle = new Set<() => void>();
  let tokens = burst;
  let filledAt = clock.monotonic();
  let cancelTimer: (() => void) | undefined;
  let hurried = false;
  let stopped = false;

  const wake = (ms: number): void => {
    if (cancelTimer !== undefined || stopped) return;
    cancelTimer = clock.after(ms, () => {
      cancelTimer = undefined;
      work();
    });
  };

  const refill = (): void => {
    const now = clock.monotonic();
    tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * perSecond);
    filledAt = now;
  };

  const begin = (key: string, value: V): void => {
    waiting.delete(key);
    tokens -= 1;
    const done = write(key, value).finally(() => {
      writing.delete(key);
      work();
    });
    writing.set(key, done);
  };

  const work = (): void => {
    if (stopped) return;
    refill();
    for (const [key, { value, since }] of waiting) {
      // The one before it has still to be answered: two writes of one key must not overtake each other.
      if (writing.has(key)) continue;
      if (writing.size >= concurrency) return;
      const early = hurried ? 0 : since + delayMs - clock.monotonic();
      if (early > 0) {
        wake(early);
        return;
      }
      if (tokens < 1) {
        wake(((1 - tokens) / perSecond) * 1000);
        return;
      }
      begin(key, value);
    }
    if (waiting.size > 0 || writing.size > 0) return;
    for (const resolve of idle) resolve();
    idle.clear();
  };

  return {
    put(key, value) {
      const known = waiting.get(key);
      if (known === undefined) waiting.set(key, { value, since: clock.monotonic() });
      else known.value = value;
      work();
    },
    async cancel(key) {
      waiting.delete(key);
      await writing.get(key);
    },
    async flush(signal) {
      if (signal.aborted) return;
      hurried = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      idle.add(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
      cancelTimer?.();
      cancelTimer = undefined;
      work();
      await promise;
      hurried = false;
    },
    get size() {
      return waiting.size + writing.size;
    },
    stop() {
      stopped = true;
      cancelTimer?.();
      cancelTimer = undefined;
    },
  };
}
