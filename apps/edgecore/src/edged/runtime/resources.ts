import type { Container, Pod } from '@kubeedge-ts/apis';
import { mostOf } from '../pod/most-of.ts';
import type { QosClass } from '../pod/qos.ts';
import { initContainersOf, isSidecar, mainContainersOf } from '../pod/spec.ts';
import { milliValue, wholeValue } from '../quantity.ts';

export const CPU_PERIOD_US = 100_000;
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const MIN_QUOTA_US = 1_000;
const HUGEPAGES = 'hugepages-';

/** spec/edged.md §4.1 */
export function cpuShares(milliCpu: number): number {
  if (milliCpu === 0) return MIN_SHARES;
  return Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((milliCpu * 1024) / 1000)));
}

/** Microseconds per period; 0: unlimited. */
export function cpuQuota(milliCpu: number, periodUs: number = CPU_PERIOD_US): number {
  return milliCpu === 0 ? 0 : Math.max(MIN_QUOTA_US, Math.floor((milliCpu * periodUs) / 1000));
}

/** The weight that cgroup v2 has in place of shares. */
export function cpuWeight(shares: number): number {
  return shares >= MAX_SHARES ? 10_000 : 1 + Math.floor(((shares - MIN_SHARES) * 9999) / 262_142);
}

export interface Amounts {
  /** The request, or the limit where none is given, in thousandths of a core. */
  readonly cpuRequest: number;
  readonly cpuLimit: number;
  readonly memoryRequest: number;
  readonly memoryLimit: number;
}

export function amountsOf({ resources }: Pick<Container, 'resources'>): Amounts {
  const { requests = {}, limits = {} } = resources ?? {};
  return {
    cpuRequest: milliValue(requests['cpu'] ?? limits['cpu']),
    cpuLimit: milliValue(limits['cpu']),
    memoryRequest: wholeValue(requests['memory'] ?? limits['memory']),
    memoryLimit: wholeValue(limits['memory']),
  };
}

/** Huge page limits of one container by the kernel's name of the page size, `2MB`. */
export function hugepagesOf({ resources }: Pick<Container, 'resources'>): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [resource, quantity] of Object.entries(resources?.limits ?? {})) {
    if (resource.startsWith(HUGEPAGES))
      found.set(pageSizeName(resource.slice(HUGEPAGES.length)), wholeValue(quantity));
  }
  return found;
}

/** `2Mi` → `2MB`, as cgroup files call it. */
export function pageSizeName(quantity: string): string {
  return quantity.replace(/i$/, 'B');
}

/** Nothing of the pod can run without that limit. */
function isLimited(pod: Pod, pick: (amounts: Amounts) => number): boolean {
  let sidecars = 0;
  for (const container of initContainersOf(pod)) {
    const own = pick(amountsOf(container));
    if (isSidecar(container)) sidecars += own;
    if ((isSidecar(container) ? sidecars : sidecars + own) === 0) return false;
  }
  return mainContainersOf(pod).every((container) => pick(amountsOf(container)) > 0);
}

/** CPU the pod asks for with its runtime's overhead, thousandths of a core. */
export function podCpuRequest(pod: Pod): number {
  return mostOf(pod, (container) => amountsOf(container).cpuRequest) + overheadOf(pod).cpuLimit;
}

/** What the runtime needs for itself, counted as request and limit. */
export function overheadOf(pod: Pod): Amounts {
  return amountsOf({ resources: { limits: pod.spec?.overhead ?? {} } });
}

export interface PodLimits {
  readonly cpuShares: number;
  /** Microseconds per period; 0: unlimited. */
  readonly cpuQuota: number;
  /** Bytes; 0: unlimited. */
  readonly memoryLimit: number;
  /** By page size, `2MB`; a size that is not named is not for this pod. */
  readonly hugepages: ReadonlyMap<string, number>;
}

/** Limits of the pod's own cgroup (spec/edged.md §4.2): what all containers may use together. */
export function podLimits(pod: Pod, qos: QosClass, periodUs: number = CPU_PERIOD_US): PodLimits {
  const hugepages = podHugepages(pod);
  if (qos === 'BestEffort') return { cpuShares: MIN_SHARES, cpuQuota: 0, memoryLimit: 0, hugepages };
  const overhead = overheadOf(pod);
  const limit = (pick: (amounts: Amounts) => number): number => {
    const limited = qos === 'Guaranteed' || isLimited(pod, pick);
    return limited ? mostOf(pod, (container) => pick(amountsOf(container))) + pick(overhead) : 0;
  };
  return {
    cpuShares: cpuShares(podCpuRequest(pod)),
    cpuQuota: cpuQuota(
      limit(({ cpuLimit }) => cpuLimit),
      periodUs,
    ),
    memoryLimit: limit(({ memoryLimit }) => memoryLimit),
    hugepages,
  };
}

function podHugepages(pod: Pod): ReadonlyMap<string, number> {
  const all = [...mainContainersOf(pod), ...initContainersOf(pod)].map(hugepagesOf);
  const sizes = new Set(all.flatMap((limits) => [...limits.keys()]));
  return new Map(
    [...sizes].map((size) => [size, mostOf(pod, (container) => hugepagesOf(container).get(size) ?? 0)]),
  );
}
