import { type Backoff, type Clock, createBackoff, type Random } from '@kubeedge-ts/runtime';

/** Keeps what has failed from being tried again at once, however often somebody asks. */
export interface RetryLimits {
  /** Runs the task, or fails as it last did while its pause lasts. */
  run<T>(key: string, task: () => Promise<T>): Promise<T>;
  forget(key: string): void;
}

const FIRST_MS = 500;
/** As the kubelet: 2 min 2 s. */
const MAX_MS = 122_000;

export function createRetryLimits(clock: Pick<Clock, 'now'>, random: Random): RetryLimits {
  const failed = new Map<string, { readonly backoff: Backoff; error: unknown; until: number }>();
  return {
    async run(key, task) {
      const before = failed.get(key);
      if (before !== undefined && clock.now() < before.until) throw before.error;
      try {
        const result = await task();
        failed.delete(key);
        return result;
      } catch (error) {
        const backoff = before?.backoff ?? createBackoff({ initialMs: FIRST_MS, maxMs: MAX_MS }, random);
        failed.set(key, { backoff, error, until: clock.now() + backoff.next() });
        throw error;
      }
    },
    forget: (key) => void failed.delete(key),
  };
}
