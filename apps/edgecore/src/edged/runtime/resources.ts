import type { Container, Pod } from '@kubeedge-ts/apis';
import type { Init, LinuxContainerResources } from '@kubeedge-ts/cri';
import type { QosClass } from '../pod/qos.ts';
import { allContainersOf, initContainersOf, isSidecar, mainContainersOf } from '../pod/spec.ts';
import { milliValue, wholeValue } from '../quantity.ts';

export const CPU_PERIOD_US = 100_000;
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const MIN_QUOTA_US = 1_000;
/** Pods at or above this priority are critical to the node (`system-node-critical`). */
const NODE_CRITICAL = 2_000_001_000;

/** spec/edged.md §4.1 */
export function cpuShares(milliCpu: number): number {
  if (milliCpu === 0) return MIN_SHARES;
  return Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((milliCpu * 1024) / 1000)));
}

/** 0: unlimited. */
export function cpuQuota(milliCpu: number): number {
  return milliCpu === 0 ? 0 : Math.max(MIN_QUOTA_US, Math.floor((milliCpu * CPU_PERIOD_US) / 1000));
}

export interface Amounts {
  /** The request, or the limit where none is given, in thousandths of a core. */
  readonly cpuRequest: number;
  readonly cpuLimit: number;
  readonly memoryRequest: number;
  readonly memoryLimit: number;
}

export function amountsOf(container: Container): Amounts {
  const { requests = {}, limits = {} } = container.resources ?? {};
  return {
    cpuRequest: milliValue(requests['cpu'] ?? limits['cpu']),
    cpuLimit: milliValue(limits['cpu']),
    memoryRequest: wholeValue(requests['memory'] ?? limits['memory']),
    memoryLimit: wholeValue(limits['memory']),
  };
}

export interface ResourceContext {
  readonly pod: Pod;
  readonly qos: QosClass;
  /** Bytes. */
  readonly memoryCapacity: number;
  readonly cpuCfsQuota: boolean;
  readonly cgroupV2: boolean;
}

export function containerResources(
  container: Container,
  context: ResourceContext,
): Init<LinuxContainerResources> {
  const amounts = amountsOf(container);
  return {
    cpuPeriod: CPU_PERIOD_US,
    cpuQuota: context.cpuCfsQuota ? cpuQuota(amounts.cpuLimit) : 0,
    cpuShares: cpuShares(amounts.cpuRequest),
    memoryLimitInBytes: amounts.memoryLimit,
    oomScoreAdj: oomScoreAdj(container, context),
    ...(context.cgroupV2 ? { unified: { 'memory.oom.group': '1' } } : {}),
  };
}

export function oomScoreAdj(
  container: Container,
  { pod, qos, memoryCapacity }: Pick<ResourceContext, 'pod' | 'qos' | 'memoryCapacity'>,
): number {
  if ((pod.spec?.priority ?? 0) >= NODE_CRITICAL || qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const score = (one: Container): number => {
    const share = memoryCapacity > 0 ? Math.floor((1000 * amountsOf(one).memoryRequest) / memoryCapacity) : 0;
    return Math.min(999, Math.max(3, 1000 - share));
  };
  if (!initContainersOf(pod).some((init) => init.name === container.name && isSidecar(init))) {
    return score(container);
  }
  return Math.min(score(container), ...mainContainersOf(pod).map(score));
}

export interface PodLimits {
  readonly cpuShares: number;
  /** 0: unlimited. */
  readonly cpuQuota: number;
  readonly memoryLimit: number;
}

/** Limits of the pod's own cgroup (spec/edged.md §4.2): what all containers may use together. */
export function podLimits(pod: Pod, qos: QosClass): PodLimits {
  if (qos === 'BestEffort') return { cpuShares: MIN_SHARES, cpuQuota: 0, memoryLimit: 0 };
  const lasting = [...mainContainersOf(pod), ...initContainersOf(pod).filter(isSidecar)];
  const passing = initContainersOf(pod).filter((container) => !isSidecar(container));
  const total = (pick: (amounts: Amounts) => number): number =>
    Math.max(
      lasting.reduce((sum, container) => sum + pick(amountsOf(container)), 0),
      ...passing.map((container) => pick(amountsOf(container))),
    );
  const everyOneHas = (pick: (amounts: Amounts) => number): boolean =>
    allContainersOf(pod).every((container) => pick(amountsOf(container)) > 0);
  return {
    cpuShares: cpuShares(total(({ cpuRequest }) => cpuRequest)),
    cpuQuota: everyOneHas(({ cpuLimit }) => cpuLimit) ? cpuQuota(total(({ cpuLimit }) => cpuLimit)) : 0,
    memoryLimit: everyOneHas(({ memoryLimit }) => memoryLimit) ? total(({ memoryLimit }) => memoryLimit) : 0,
  };
}
