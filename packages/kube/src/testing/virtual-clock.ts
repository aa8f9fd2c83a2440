import type { Clock } from '@kubeedge-ts/runtime';

/** A clock that only moves when told to. */
export interface VirtualClock extends Clock {
  /** Moves on by `ms`, running due timers in order, and lets promises settle between them. */
  advance(ms: number): Promise<void>;
  /** Timers that have not fired. */
  readonly pending: number;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function createVirtualClock(startMs = Date.UTC(2026, 0, 1)): VirtualClock {
  let now = startMs;
  let order = 0;
  const timers = new Map<number, { at: number; task: () => void }>();
  const due = (until: number): [number, { at: number; task: () => void }] | undefined =>
    [...timers]
      .filter(([, timer]) => timer.at <= until)
      .sort(([a, x], [b, y]) => x.at - y.at || a - b)
      .at(0);
  return {
    now: () => now,
    monotonic: () => now - startMs,
    after(ms, task) {
      const id = order++;
      timers.set(id, { at: now + Math.max(0, ms), task });
      return () => timers.delete(id);
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let next = due(until); next !== undefined; next = due(until)) {
        timers.delete(next[0]);
        now = Math.max(now, next[1].at);
        next[1].task();
        await settle();
      }
      now = until;
      await settle();
    },
    get pending() {
      return timers.size;
    },
  };
}
