import type { Random } from './random.ts';

export interface BackoffOptions {
  /** First delay, ms. */
  readonly initialMs: number;
  /** Upper bound of the delay before jitter, ms. */
  readonly maxMs: number;
  /** Multiplier per failure; default 2. */
  readonly factor?: number;
  /** Share of the delay that is random, 0 … 1; default 0.5: the delay lies in [d/2, d]. */
  readonly jitter?: number;
}

export interface Backoff {
  /** The delay before the next attempt, ms; grows with every call. */
  next(): number;
  /** After a success the next delay is the first one again. */
  reset(): void;
}

/** Exponential back-off with jitter. */
export function createBackoff(options: BackoffOptions, random: Random): Backoff {
  const factor = options.factor ?? 2;
  const jitter = options.jitter ?? 0.5;
  let failures = 0;
  return {
    next: () => {
      const base = Math.min(options.maxMs, options.initialMs * factor ** failures);
      failures += 1;
      return base * (1 - jitter * random.next());
    },
    reset: () => {
      failures = 0;
    },
  };
}
