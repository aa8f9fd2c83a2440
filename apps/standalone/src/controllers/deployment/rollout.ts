/** The arithmetic of rollouts, on plain numbers. */

export interface RolloutLimits {
  /** Pods that may exist above the wanted number. */
  readonly maxSurge: number;
  /** Pods that may be missing from the wanted number. */
  readonly maxUnavailable: number;
}

export interface SetSize {
  readonly name: string;
  /** Pods asked for. */
  readonly replicas: number;
  /** Pods that serve. */
  readonly available: number;
}

/** New sizes by ReplicaSet name; sets that are not in it stay as they are. */
export type Sizes = ReadonlyMap<string, number>;

/** Resolves numbers and percentages of the wanted number; surge rounds up, unavailability down, never both 0. */
export function rolloutLimits(
  replicas: number,
  rollingUpdate: { maxSurge?: number | string; maxUnavailable?: number | string } = {},
): RolloutLimits {
  const share = (value: number | string, round: (n: number) => number): number => {
    if (typeof value === 'number') return Math.max(0, value);
    const percent = /^(\d+)%$/.exec(value);
    return percent === null ? 0 : round((Number(percent[1]) * replicas) / 100);
  };
  const maxSurge = share(rollingUpdate.maxSurge ?? '25%', Math.ceil);
  const maxUnavailable = share(rollingUpdate.maxUnavailable ?? '25%', Math.floor);
  if (maxSurge === 0 && maxUnavailable === 0) return { maxSurge, maxUnavailable: 1 };
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}

const sum = (sizes: readonly SetSize[], field: 'replicas' | 'available'): number =>
  sizes.reduce((total, size) => total + size[field], 0);

/**
 * The next step of a rolling update: first the current set grows as far as the surge allows, otherwise the old ones
 * shrink as far as availability allows; unhealthy pods of old sets go first. `old` is ordered oldest first. Empty
 * when only time or pods becoming available can bring it on.
 */
export function rollingUpdateStep(
  wanted: number,
  limits: RolloutLimits,
  current: SetSize,
  old: readonly SetSize[],
): Sizes {
  const all = [current, ...old];
  const next = currentSizeStep(wanted, limits, current, sum(all, 'replicas'));
  if (next !== current.replicas) return new Map([[current.name, next]]);
  return shrinkOld(wanted, limits, current, old);
}

function currentSizeStep(wanted: number, limits: RolloutLimits, current: SetSize, total: number): number {
  if (current.replicas >= wanted) return wanted;
  const room = Math.max(0, wanted + limits.maxSurge - total);
  return current.replicas + Math.min(room, wanted - current.replicas);
}

function shrinkOld(wanted: number, limits: RolloutLimits, current: SetSize, old: readonly SetSize[]): Sizes {
  const sizes = new Map(old.map((set) => [set.name, set.replicas]));
  const all = [current, ...old];
  const minAvailable = wanted - limits.maxUnavailable;
  const currentUnavailable = Math.max(0, current.replicas - current.available);
  const removable = sum(all, 'replicas') - minAvailable - currentUnavailable;
  const take = (budget: number, fromSet: (set: SetSize, size: number) => number): number => {
    let left = budget;
    for (const set of old) {
      const size = sizes.get(set.name) ?? 0;
      const count = Math.max(0, Math.min(left, fromSet(set, size)));
      sizes.set(set.name, size - count);
      left -= count;
    }
    return budget - left;
  };
  if (removable > 0) {
    take(removable, (set, size) => size - set.available);
    const spare = sum(all, 'available') - minAvailable;
    if (spare > 0) take(spare, (_set, size) => size);
  }
  return new Map(
    [...sizes].filter(([name, size]) => old.find((set) => set.name === name)?.replicas !== size),
  );
}

export interface ScaledSet extends SetSize {
  /** The total (wanted plus surge) at which `replicas` was chosen. */
  readonly max: number;
}

/**
 * Spreads a change of the wanted number over the sets of a rollout in progress, in proportion to their sizes.
 * `active` is ordered newest first and holds at least two sets.
 */
export function proportionalSizes(
  wanted: number,
  limits: RolloutLimits,
  active: readonly ScaledSet[],
): Sizes {
  const allowed = wanted > 0 ? wanted + limits.maxSurge : 0;
  let left = allowed - sum(active, 'replicas');
  const growing = left > 0;
  const sizes = new Map<string, number>();
  const largestFirst = [...active].sort((a, b) => b.replicas - a.replicas);
  for (const set of growing ? largestFirst : largestFirst.reverse()) {
    const ideal = allowed === 0 ? 0 : Math.round((set.replicas * allowed) / (set.max || allowed));
    const change = ideal - set.replicas;
    const bounded = growing ? Math.min(Math.max(0, change), left) : Math.max(Math.min(0, change), left);
    sizes.set(set.name, set.replicas + bounded);
    left -= bounded;
  }
  // What rounding leaves over goes to the first sets that can take it.
  for (const set of largestFirst) {
    const size = sizes.get(set.name) ?? set.replicas;
    const next = Math.max(0, size + left);
    left -= next - size;
    sizes.set(set.name, next);
    if (left === 0) break;
  }
  return new Map(
    [...sizes].filter(([name, size]) => active.find((set) => set.name === name)?.replicas !== size),
  );
}
