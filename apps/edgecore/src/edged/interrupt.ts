import type { Clock } from '@kubeedge-ts/runtime';

/** How far an interruption goes. */
export interface StepSignals {
  /** Aborts at once: for waiting, such as an image that is being pulled. */
  readonly soft: AbortSignal;
  /**
   * Aborts only after a while: for calls that take a moment and whose half-done result is harder to clean up than
   * the whole one.
   */
  readonly firm: AbortSignal;
}

export interface Interrupt {
  readonly signals: StepSignals;
  readonly aborted: boolean;
  abort(): void;
}

const PATIENCE_MS = 5_000;

/** Both signals also abort with `stopping`. */
export function createInterrupt(clock: Clock, stopping: AbortSignal): Interrupt {
  const soft = new AbortController();
  const firm = new AbortController();
  const reason = new Error('overtaken by a newer pod');
  return {
    signals: {
      soft: AbortSignal.any([stopping, soft.signal]),
      firm: AbortSignal.any([stopping, firm.signal]),
    },
    get aborted() {
      return soft.signal.aborted;
    },
    abort() {
      if (soft.signal.aborted) return;
      soft.abort(reason);
      const cancel = clock.after(PATIENCE_MS, () => firm.abort(reason));
      stopping.addEventListener('abort', cancel, { once: true, signal: firm.signal });
    },
  };
}
