import type { Clock } from '@kubeedge-ts/runtime';
import { T0 } from './states.ts';

export interface ManualClock extends Clock {
  /** Lets time pass, timer by timer. */
  pass(ms: number): Promise<void>;
  /** Timers that are set. */
  readonly armed: number;
}

/** Wall and monotonic time differ, so that mixing them up is found. */
export function manualClock(): ManualClock {
  let time = 0;
  const timers = new Set<{ readonly at: number; readonly task: () => void }>();
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    now: () => T0 + time,
    monotonic: () => time,
    after(ms, task) {
      const timer = { at: time + ms, task };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async pass(ms) {
      const end = time + ms;
      for (;;) {
        await settle();
        const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        time = Math.max(time, next.at);
        next.task();
      }
      time = end;
    },
    get armed() {
      return timers.size;
    },
  };
}
