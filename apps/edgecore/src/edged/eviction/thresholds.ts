import { durationMs } from '@kubeedge-ts/apis/config';
import { parseQuantity } from '../quantity.ts';
import { isSignal, type Observations, type Signal } from './signals.ts';

/** Below this amount of a signal the node is short of it. */
export interface Threshold {
  readonly signal: Signal;
  /** A quantity or a percentage of the capacity. */
  readonly value: string;
  /** How long it must last; 0: a hard threshold, acted upon at once. */
  readonly graceMs: number;
  /** How much more than the threshold is to be freed before all is well again. */
  readonly minimumReclaim?: string;
}

export interface EvictionConfig {
  readonly evictionHard: Readonly<Record<string, string>>;
  readonly evictionSoft: Readonly<Record<string, string>>;
  readonly evictionSoftGracePeriod: Readonly<Record<string, string>>;
  readonly evictionMinimumReclaim: Readonly<Record<string, string>>;
  /** Pods together may not use more than what is allocatable: their memory is watched apart. */
  readonly enforceAllocatable: boolean;
}

/** Signals that are configured and not watched: containers share a file system with images or with the node. */
const SAME_AS_OTHERS = new Set(['containerfs.available', 'containerfs.inodesFree']);

/** The thresholds of a configuration; `refuse` hears of what cannot be one, which is then left out. */
export function thresholdsOf(
  config: EvictionConfig,
  refuse: (path: string, value: string, problem: string) => void,
): readonly Threshold[] {
  const thresholds: Threshold[] = [];
  const take = (
    kind: 'evictionHard' | 'evictionSoft',
    graceOf: (signal: string) => number | undefined,
  ): void => {
    for (const [signal, value] of Object.entries(config[kind])) {
      const path = `${kind}.${signal}`;
      if (SAME_AS_OTHERS.has(signal) || OFF.has(value)) continue;
      if (!isSignal(signal)) refuse(path, value, 'is no eviction signal');
      else if (!isAmount(value)) refuse(path, value, 'is neither a quantity above 0 nor a percentage');
      else {
        const graceMs = graceOf(signal);
        const reclaim = config.evictionMinimumReclaim[signal];
        if (reclaim !== undefined && !isAmount(reclaim))
          refuse(`evictionMinimumReclaim.${signal}`, reclaim, 'is no amount');
        if (graceMs === undefined) refuse(path, value, 'has no duration in evictionSoftGracePeriod');
        else
          thresholds.push({
            signal,
            value,
            graceMs,
            ...(reclaim !== undefined && isAmount(reclaim) ? { minimumReclaim: reclaim } : {}),
          });
      }
    }
  };
  take('evictionHard', () => 0);
  take('evictionSoft', (signal) => durationOf(config.evictionSoftGracePeriod[signal]));
  const memory = thresholds.find(({ signal, graceMs }) => signal === 'memory.available' && graceMs === 0);
  if (config.enforceAllocatable && memory !== undefined)
    thresholds.push({ ...memory, signal: 'allocatableMemory.available' });
  return thresholds;
}

/** Percentages that switch a threshold off. */
const OFF = new Set(['0%', '100%']);
const PERCENTAGE = /^(\d+\.?\d*|\.\d+)%$/;

function isAmount(value: string): boolean {
  const percentage = PERCENTAGE.exec(value);
  if (percentage !== null) return Number(percentage[1]) <= 100;
  return (parseQuantity(value) ?? 0) > 0;
}

const DURATION = /^(\d+(\.\d+)?(ns|us|\u00b5s|ms|s|m|h))+$/;

/** No grace at all would make it a hard threshold. */
function durationOf(text: string | undefined): number | undefined {
  return text !== undefined && DURATION.test(text) ? Math.max(1, durationMs(text)) : undefined;
}

/** A threshold as an amount; a percentage is kept by upstream as a 32-bit float. */
export function thresholdAmount(value: string | undefined, capacity: number): number {
  if (value === undefined) return 0;
  if (value.endsWith('%')) return Math.trunc(Math.fround(Number(value.slice(0, -1)) / 100) * capacity) || 0;
  return parseQuantity(value) ?? 0;
}

/** The thresholds that are crossed; with `reclaimed` those that are not yet met by as much as is to be freed. */
export function crossed(
  thresholds: readonly Threshold[],
  observations: Observations,
  reclaimed = false,
): readonly Threshold[] {
  return thresholds.filter(({ signal, value, minimumReclaim }) => {
    const seen = observations.get(signal);
    if (seen === undefined) return false;
    const more = reclaimed ? thresholdAmount(minimumReclaim, seen.capacity) : 0;
    return seen.available < thresholdAmount(value, seen.capacity) + more;
  });
}
