interface Trouble<F> {
  failures: number;
  failure: F | undefined;
  delayMs: number;
  hang: boolean;
  lies: number;
}

/** How a call is to go on: as always, or by saying yes and doing nothing. */
export type Passed = 'honest' | 'lie';

/** What goes wrong with a call, by method; `F` is what a call is refused with. */
export interface Faults<M extends string, F> {
  fail(method: M, failure: F, times: number): void;
  delay(method: M, ms: number): void;
  hang(method: M): void;
  lie(method: M, times: number): void;
  /** Calls that hang go on. */
  heal(method: M): void;
  healAll(): void;
  /** Lets a call pass when its time has come, or throws what `refuse` makes. A caller that leaves is let pass at once. */
  pass(method: M, signal: AbortSignal): Promise<Passed>;
}

export function createFaults<M extends string, F>(refuse: (failure: F) => Error): Faults<M, F> {
  const troubles = new Map<M, Trouble<F>>();
  const waiting = new Map<M, Set<() => void>>();
  const troubleOf = (method: M): Trouble<F> => {
    const trouble = troubles.get(method) ?? {
      failures: 0,
      failure: undefined,
      delayMs: 0,
      hang: false,
      lies: 0,
    };
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
      if (trouble === undefined) return 'honest';
      if (trouble.delayMs > 0) await pause(method, trouble.delayMs, signal);
      if (trouble.hang) await pause(method, Number.POSITIVE_INFINITY, signal);
      if (signal.aborted) return 'honest';
      if (trouble.failures > 0) {
        trouble.failures -= 1;
        throw refuse(trouble.failure as F);
      }
      if (trouble.lies <= 0) return 'honest';
      trouble.lies -= 1;
      return 'lie';
    },
  };
}
