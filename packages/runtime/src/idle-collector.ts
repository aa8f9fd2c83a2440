import type { Clock } from './clock.ts';

/** What an idle collector looks at and does. */
export interface IdleCollectorPorts {
  readonly clock: Pick<Clock, 'after'>;
  /** Work done since the start, in any unit that only grows; `busyAbove` is in the same unit. */
  readonly work: () => number;
  /** Work per period above which the program is not idle. */
  readonly busyAbove: number;
  /** Memory that a collection may lower, bytes. */
  readonly size: () => number;
  readonly collect: () => void;
}

const PERIOD_MS = 5_000;
/** A collection happens again when memory has grown by this much since the last one. */
const GROWTH_BYTES = 4_000_000;

/**
 * Collects garbage thoroughly in the first idle period after the start, and after every load that made memory grow:
 * V8 by itself keeps what start and load needed (docs/adr/032). Ends with the signal.
 */
export function collectWhenIdle(ports: IdleCollectorPorts, signal: AbortSignal): void {
  let before = ports.work();
  let collectedAt = 0;
  const look = (): void => {
    const now = ports.work();
    const idle = now - before <= ports.busyAbove;
    before = now;
    if (idle && ports.size() > collectedAt + GROWTH_BYTES) {
      ports.collect();
      collectedAt = ports.size();
      before = ports.work();
    }
    if (!signal.aborted) cancel = ports.clock.after(PERIOD_MS, look);
  };
  let cancel = ports.clock.after(PERIOD_MS, look);
  signal.addEventListener('abort', () => cancel(), { once: true });
}

/** V8's most thorough collection, which also gives pages back; undefined unless node runs with --expose-gc. */
export function thoroughCollection(): (() => void) | undefined {
  const { gc } = globalThis as { gc?: (options: object) => void };
  return gc && (() => gc({ type: 'major', flavor: 'last-resort', execution: 'sync' }));
}
