import type { Clock } from '@kubeedge-ts/runtime';
import { createTurns } from '../turns.ts';
import type { DiskUsage } from './pod-usage.ts';

export interface Measured extends DiskUsage {
  /** When it was measured, ms since the epoch. */
  readonly at: number;
}

/** What directories take, remembered: measuring one may take long, and is done for one at a time. */
export interface DiskMeter {
  /** Undefined until it has been measured. */
  get(path: string): Measured | undefined;
  /**
   * Measures those whose figure is older than the period. Resolves when all are done; a path that is not there, or
   * cannot be read, stays without a figure. Never rejects.
   */
  refresh(paths: readonly string[]): Promise<void>;
  /** Forgets everything else. */
  retain(paths: ReadonlySet<string>): void;
}

export interface DiskMeterOptions {
  readonly measure: (path: string) => Promise<DiskUsage>;
  readonly periodMs: number;
  readonly clock: Clock;
}

/** Measuring takes at most this share of the time. */
const MAX_SHARE = 0.02;

export function createDiskMeter({ measure, periodMs, clock }: DiskMeterOptions): DiskMeter {
  const figures = new Map<string, Measured & { readonly dueAt: number }>();
  const underWay = new Map<string, Promise<void>>();
  const turns = createTurns();

  const remeasure = async (path: string): Promise<void> => {
    const started = clock.monotonic();
    try {
      const usage = await measure(path);
      const ended = clock.monotonic();
      const dueAt = ended + Math.max(periodMs, (ended - started) / MAX_SHARE);
      figures.set(path, { ...usage, at: clock.now(), dueAt });
    } catch {
      figures.delete(path);
    } finally {
      underWay.delete(path);
    }
  };

  return {
    get: (path) => figures.get(path),
    async refresh(paths) {
      const now = clock.monotonic();
      await Promise.all(
        paths.map((path) => {
          const known = figures.get(path);
          if (known !== undefined && now < known.dueAt) return undefined;
          const measuring = underWay.get(path) ?? turns.run(() => remeasure(path));
          underWay.set(path, measuring);
          return measuring;
        }),
      );
    },
    retain(paths) {
      for (const path of figures.keys()) if (!paths.has(path)) figures.delete(path);
    },
  };
}
