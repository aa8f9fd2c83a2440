import type { Clock } from '@kubeedge-ts/runtime';

/** A signal that aborts after a while, or with its parent. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Time ran out, and not the parent's patience. */
  readonly passed: boolean;
  /** To be called when what it bounds is over. */
  end(): void;
}

/** By hand, since `AbortSignal.any` keeps a trace in a long-lived parent for every short-lived child. */
export function startDeadline(clock: Clock, ms: number, parent: AbortSignal): Deadline {
  const controller = new AbortController();
  let passed = false;
  const onParent = (): void => controller.abort(parent.reason);
  const cancel = clock.after(ms, () => {
    passed = true;
    controller.abort(new Error(`not within ${ms} ms`));
  });
  parent.addEventListener('abort', onParent, { once: true });
  if (parent.aborted) onParent();
  return {
    signal: controller.signal,
    get passed() {
      return passed;
    },
    end() {
      cancel();
      parent.removeEventListener('abort', onParent);
    },
  };
}
