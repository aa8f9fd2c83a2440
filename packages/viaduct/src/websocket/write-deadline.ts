import type { Clock } from '@kubeedge-ts/runtime';

/** A link slower than this is treated as dead, bytes per millisecond. */
const SLOWEST_LINK = 16;

export interface WriteDeadline {
  /** Call after a write that did not finish at once. */
  begun(): void;
  /** Call whenever a write has finished. */
  progressed(): void;
  cancel(): void;
}

/**
 * Calls `onStall` when unwritten bytes have not moved for `timeoutMs` plus the time a slow link needs for them: a
 * frame of 32 MiB over a mobile link is slow, not dead. One timer per connection, none while nothing is unwritten.
 */
export function createWriteDeadline(
  clock: Clock,
  timeoutMs: number,
  unwritten: () => number,
  onStall: () => void,
): WriteDeadline {
  let cancelTimer: (() => void) | undefined;
  let since = 0;

  const allowance = (): number => timeoutMs + unwritten() / SLOWEST_LINK;
  const arm = (ms: number): void => {
    cancelTimer = clock.after(ms, () => {
      cancelTimer = undefined;
      if (unwritten() === 0) return;
      const left = since + allowance() - clock.monotonic();
      if (left > 0) arm(left);
      else onStall();
    });
  };

  return {
    begun() {
      if (cancelTimer !== undefined) return;
      since = clock.monotonic();
      arm(allowance());
    },
    progressed() {
      since = clock.monotonic();
    },
    cancel() {
      cancelTimer?.();
      cancelTimer = undefined;
    },
  };
}
