import type { Clock } from '@kubeedge-ts/runtime';

/** Lets so many tasks begin at once; the others wait in order. */
export interface Slots {
  run(task: () => Promise<void>): void;
  /** Tasks that wait; for tests. */
  readonly waiting: number;
}

export interface SlotsOptions {
  readonly limit: number;
  /**
   * A task that takes longer than this has given its slot back: it waits for somebody who does not answer, and does
   * no work that would have to be bounded. So a probe that hangs delays no other. Milliseconds.
   */
  readonly patienceMs: number;
  readonly clock: Clock;
}

/** Tasks must not reject. */
export function createSlots({ limit, patienceMs, clock }: SlotsOptions): Slots {
  /** Begin of each task that holds a slot, in order. */
  const holders = new Map<symbol, number>();
  const queue: (() => Promise<void>)[] = [];
  let cancelTimer: (() => void) | undefined;

  const release = (holder: symbol): void => {
    if (holders.delete(holder)) advance();
  };

  const advance = (): void => {
    while (queue.length > 0 && holders.size < limit) {
      const task = queue.shift()!;
      const holder = Symbol('slot');
      holders.set(holder, clock.monotonic());
      void task().finally(() => release(holder));
    }
    watch();
  };

  /** A timer only while somebody waits. */
  const watch = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    const [oldest] = holders;
    if (queue.length === 0 || oldest === undefined) return;
    const [holder, since] = oldest;
    cancelTimer = clock.after(Math.max(0, since + patienceMs - clock.monotonic()), () => release(holder));
  };

  return {
    run(task) {
      queue.push(task);
      advance();
    },
    get waiting() {
      return queue.length;
    },
  };
}
