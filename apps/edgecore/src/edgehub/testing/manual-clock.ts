import type { Clock } from '@kubeedge-ts/runtime';

/** A clock that moves when a test says so. */
export interface ManualClock extends Clock {
  /** Fires what is due within `ms`, in order. */
  advance(ms: number): void;
  /** Timers that have not fired. */
  readonly pending: number;
}

export function createManualClock(start = Date.UTC(2026, 10, 22)): ManualClock {
  let now = start;
  let timers: { at: number; task: () => void }[] = [];
  return {
    now: () => now,
    monotonic: () => now - start,
    get pending() {
      return timers.length;
    },
    after(ms, task) {
      const timer = { at: now + ms, task };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        timers = timers.filter((timer) => timer !== next);
        now = Math.max(now, next.at);
        next.task();
      }
      now = end;
    },
  };
}

/** Resolves when the condition holds; fails after twenty seconds of real time. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'condition'): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
