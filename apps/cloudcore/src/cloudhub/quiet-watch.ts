import type { Clock } from '@kubeedge-ts/runtime';

export interface QuietWatchOptions {
  readonly clock: Clock;
  /** How long nothing may have happened, ms. */
  readonly afterMs: number;
  /** Most keys reported per second. */
  readonly perSecond: number;
  readonly quiet: (key: string) => void;
}

/** Reports keys that nobody touched for a while, once per touch, a few at a time. */
export interface QuietWatch {
  touch(key: string): void;
  forget(key: string): void;
  stop(): void;
}

export function createQuietWatch({ clock, afterMs, perSecond, quiet }: QuietWatchOptions): QuietWatch {
  /** Due times, in the order of the last touch and so ascending. */
  const due = new Map<string, number>();
  let cancel: (() => void) | undefined;
  let stopped = false;

  const schedule = (): void => {
    const [first] = due.values();
    if (first === undefined || cancel !== undefined || stopped) return;
    cancel = clock.after(Math.max(1_000, first - clock.monotonic()), () => {
      cancel = undefined;
      sweep();
    });
  };
  const sweep = (): void => {
    const ripe: string[] = [];
    for (const [key, at] of due) {
      if (at > clock.monotonic() || ripe.length >= perSecond) break;
      ripe.push(key);
    }
    for (const key of ripe) {
      due.delete(key);
      quiet(key);
    }
    schedule();
  };

  return {
    touch(key) {
      due.delete(key);
      due.set(key, clock.monotonic() + afterMs);
      schedule();
    },
    forget: (key) => {
      due.delete(key);
    },
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}
