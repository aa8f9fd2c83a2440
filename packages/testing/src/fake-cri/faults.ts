import { CANCELLED, Refusal, UNKNOWN } from './refusal.ts';

/** A refusal's words, with a gRPC status number where UNKNOWN does not do. */
export type Failure = string | { readonly code: number; readonly details: string };

interface Trouble {
  failures: number;
  failure: Failure;
  delayMs: number;
  hang: boolean;
  lies: number;
}

/** What goes wrong with a call, by method. */
export interface Faults<M extends string> {
  fail(method: M, failure: Failure, times: number): void;
  delay(method: M, ms: number): void;
  hang(method: M): void;
  lie(method: M, times: number): void;
  /** Calls that hang go on. */
  heal(method: M): void;
  healAll(): void;
  /**
   * Lets a call pass, or not. True: say yes and do nothing.
   *
   * @throws Refusal
   */
  pass(method: M, signal: AbortSignal): Promise<boolean>;
}

export function createFaults<M extends string>(): Faults<M> {
  const troubles = new Map<M, Trouble>();
  const waiting = new Map<M, Set<() => void>>();
  const troubleOf = (method: M): Trouble => {
    const trouble = troubles.get(method) ?? { failures: 0, failure: '', delayMs: 0, hang: false, lies: 0 };
    troubles.set(method, trouble);
    return trouble;
  };
  const heal = (method: M): void => {
    troubles.delete(method);
    for (const wake of waiting.get(method) ?? []) wake();
  };
  /** Until `ms` are over, the method is healed, or the caller is gone. */
  const pause = (method: M, ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const timer = Number.isFinite(ms) ? setTimeout(() => wake(), ms) : undefined;
      const sleepers = waiting.get(method) ?? new Set();
      waiting.set(method, sleepers);
      const wake = (): void => {
        clearTimeout(timer);
        sleepers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      sleepers.add(wake);
      signal.addEventListener('abort', wake);
    });

  return {
    fail: (method, failure, times) => void Object.assign(troubleOf(method), { failure, failures: times }),
    delay: (method, ms) => {
      troubleOf(method).delayMs = ms;
    },
    hang: (method) => {
      troubleOf(method).hang = true;
    },
    lie: (method, times) => {
      troubleOf(method).lies = times;
    },
    heal,
    healAll: () => {
      for (const method of [...troubles.keys()]) heal(method);
    },
    async pass(method, signal) {
      const trouble = troubles.get(method);
      if (trouble === undefined) return false;
      if (trouble.delayMs > 0) await pause(method, trouble.delayMs, signal);
      if (trouble.hang) await pause(method, Number.POSITIVE_INFINITY, signal);
      if (signal.aborted) throw new Refusal(CANCELLED, 'cancelled');
      if (trouble.failures > 0) {
        trouble.failures -= 1;
        const { failure } = trouble;
        throw typeof failure === 'string'
          ? new Refusal(UNKNOWN, failure)
          : new Refusal(failure.code, failure.details);
      }
      if (trouble.lies <= 0) return false;
      trouble.lies -= 1;
      return true;
    },
  };
}
