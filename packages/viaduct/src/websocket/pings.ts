import { type Deferred, deferred } from '@kubeedge-ts/runtime';

/**
 * Pings that wait for their pong. Payloads are growing numbers: a pong answers its ping and every earlier one, since
 * a peer may answer only the latest (RFC 6455 §5.5.3). A pong nobody asked for is ignored.
 */
export interface PingLedger {
  /** Registers the next ping; the promise settles with its pong, `failAll`, or the signal. */
  next(signal?: AbortSignal): { readonly payload: string; readonly answered: Promise<void> };
  answer(payload: string): void;
  failAll(error: unknown): void;
}

export function createPingLedger(): PingLedger {
  const waiting = new Map<number, Deferred>();
  let last = 0;

  return {
    next(signal) {
      last += 1;
      const number = last;
      const waiter = deferred();
      waiting.set(number, waiter);
      const onAbort = (): void => {
        waiting.delete(number);
        waiter.reject(signal?.reason);
      };
      if (signal?.aborted) onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      const answered = waiter.promise.finally(() => signal?.removeEventListener('abort', onAbort));
      return { payload: String(number), answered };
    },
    answer(payload) {
      const number = /^\d{1,15}$/.test(payload) ? Number(payload) : 0;
      if (number > last) return;
      for (const [candidate, waiter] of waiting) {
        if (candidate > number) break;
        waiting.delete(candidate);
        waiter.resolve();
      }
    },
    failAll(error) {
      for (const waiter of waiting.values()) waiter.reject(error);
      waiting.clear();
    },
  };
}
