import type { Clock } from '@kubeedge-ts/runtime';

/** One timer that is put off often and fires seldom: moving it costs no system timer. */
export interface Alarm {
  set(ms: number): void;
  clear(): void;
}

export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let due: number | undefined;
  let fires: number | undefined;
  let cancel: (() => void) | undefined;

  const fire = (): void => {
    fires = undefined;
    cancel = undefined;
    if (due === undefined) return;
    const early = due - clock.monotonic();
    if (early > 0) {
      arm(early);
      return;
    }
    due = undefined;
    ring();
  };
  const arm = (ms: number): void => {
    fires = clock.monotonic() + ms;
    cancel = clock.after(ms, fire);
  };

  return {
    set(ms) {
      due = clock.monotonic() + ms;
      if (fires !== undefined && fires <= due) return;
      cancel?.();
      arm(ms);
    },
    clear() {
      due = undefined;
      fires = undefined;
      cancel?.();
      cancel = undefined;
    },
  };
}
