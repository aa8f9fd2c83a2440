import type { Pressure } from '../admission/index.ts';
import { type Observations, SIGNALS } from './signals.ts';
import { crossed, type Threshold } from './thresholds.ts';

/** What one look leaves for the next. */
export interface PressureMemory {
  /** Since when each threshold has been crossed without a break, ms. */
  readonly since: ReadonlyMap<Threshold, number>;
  /** When each pressure was last caused, ms. */
  readonly causedAt: ReadonlyMap<Pressure, number>;
  /** Thresholds that were acted upon and whose minimum reclaim is not reached yet. */
  readonly open: readonly Threshold[];
}

export const NO_PRESSURE: PressureMemory = { since: new Map(), causedAt: new Map(), open: [] };

export interface Assessment {
  readonly memory: PressureMemory;
  /** In the order of the node's conditions. */
  readonly pressures: readonly Pressure[];
  /** Crossed for longer than their grace: something must go. What memory is short of comes first. */
  readonly due: readonly Threshold[];
}

const ORDER: readonly Pressure[] = ['MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** What the node is short of, from one look at it and the one before (spec/edged.md §13). Times are monotonic. */
export function assess(
  thresholds: readonly Threshold[],
  observations: Observations,
  before: PressureMemory,
  now: number,
  transitionMs: number,
): Assessment {
  const unresolved = crossed(before.open, observations, true);
  const met = [...new Set([...crossed(thresholds, observations), ...unresolved])];
  const since = new Map(met.map((threshold) => [threshold, before.since.get(threshold) ?? now]));
  const causedAt = new Map(before.causedAt);
  for (const { signal } of met) causedAt.set(SIGNALS[signal].pressure, now);
  for (const [pressure, at] of causedAt) if (now > at && now - at >= transitionMs) causedAt.delete(pressure);
  const due = met.filter((threshold) => now - (since.get(threshold) ?? now) >= threshold.graceMs);
  return {
    memory: { since, causedAt, open: due },
    pressures: ORDER.filter((pressure) => causedAt.has(pressure)),
    due: due.toSorted((a, b) => rank(a) - rank(b)),
  };
}

function rank({ signal }: Threshold): number {
  return SIGNALS[signal].resource === 'memory' ? 0 : 1;
}
