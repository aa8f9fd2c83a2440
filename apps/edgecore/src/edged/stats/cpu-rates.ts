/** CPU use per cgroup between the last two looks, in nanoseconds per second (`usageNanoCores`). */
export interface CpuRates {
  /** Undefined while there is only one look, or the one before is too long ago to speak of now. */
  observe(key: string, usageNs: number, at: number): number | undefined;
  /** Forgets everything else. */
  retain(keys: ReadonlySet<string>): void;
}

/** Nearer looks than that say more about the scheduler than about the load. */
const MIN_MS = 200;
const MAX_MS = 120_000;

export function createCpuRates(): CpuRates {
  const looks = new Map<string, { usageNs: number; at: number; rate: number | undefined }>();
  return {
    observe(key, usageNs, at) {
      const before = looks.get(key);
      const span = before === undefined ? Number.POSITIVE_INFINITY : at - before.at;
      if (before !== undefined && span >= 0 && span < MIN_MS) return before.rate;
      const usable = before !== undefined && span >= MIN_MS && span <= MAX_MS && usageNs >= before.usageNs;
      const rate = usable ? Math.round((usageNs - before.usageNs) / (span / 1_000)) : undefined;
      looks.set(key, { usageNs, at, rate });
      return rate;
    },
    retain(keys) {
      for (const key of looks.keys()) if (!keys.has(key)) looks.delete(key);
    },
  };
}
