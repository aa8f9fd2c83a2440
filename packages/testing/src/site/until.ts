import { errorText } from '@kubeedge-ts/errors';

export interface UntilOptions {
  readonly timeoutMs: number;
  /** Pause between two looks; default 100 ms. */
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Waits for a condition: calls `look` until it returns something else than undefined or false.
 * A look that throws counts as "not yet"; the last reason is part of the error after the deadline.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs, everyMs = 100, signal }: UntilOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last = 'the condition stayed false';
  for (;;) {
    signal?.throwIfAborted();
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = errorText(error);
    }
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what} (last: ${last})`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
