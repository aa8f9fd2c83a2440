import type { Pod } from '@kubeedge-ts/apis';
import { type QosClass, qosOf } from '../pod/qos.ts';
import { parseQuantity } from '../quantity.ts';
import type { CgroupLimits } from './cgroup-limits.ts';
import { cpuShares, podCpuRequest, podLimits } from './resources.ts';

/** Limits of `kubepods` and of the classes below it. */
export interface HierarchyLimits {
  readonly all: CgroupLimits;
  readonly burstable: CgroupLimits;
  readonly bestEffort: CgroupLimits;
}

/** What the machine has, and what of it is not for pods. */
export interface NodeCapacity {
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly pids: number;
  /** Quantities by resource, from the configuration. */
  readonly reserved: readonly Readonly<Record<string, string>>[];
  /** Pods are held to what is not reserved (`enforceNodeAllocatable: [pods]`); otherwise to what there is. */
  readonly enforced: boolean;
}

/**
 * Pods together never have more than the machine without its reserves. Eviction needs room below that to act in, so its
 * thresholds are not taken off here. Burstable pods weigh together what they ask for, best-effort ones nothing.
 */
export function hierarchyLimits(pods: readonly Pod[], node: NodeCapacity): HierarchyLimits {
  const left = (resource: string, capacity: number): number => {
    if (!node.enforced) return capacity;
    const reserved = node.reserved.reduce((sum, one) => sum + (parseQuantity(one[resource]) ?? 0), 0);
    return Math.max(0, capacity - reserved);
  };
  const burstableCpu = pods
    .filter((pod) => qosOf(pod) === 'Burstable')
    .reduce((sum, pod) => sum + podCpuRequest(pod), 0);
  const memory = left('memory', node.memory);
  const pids = left('pid', node.pids);
  return {
    all: {
      cpuShares: cpuShares(Math.round(left('cpu', node.cpus) * 1000)),
      ...(memory > 0 ? { memory } : {}),
      ...(pids > 0 ? { pids } : {}),
    },
    burstable: { cpuShares: cpuShares(burstableCpu) },
    bestEffort: { cpuShares: cpuShares(0) },
  };
}

export interface PodLimitSettings {
  readonly cpuCfsQuota: boolean;
  readonly cpuPeriodUs: number;
  readonly podPids: number;
  readonly hugepageSizes: readonly string[];
}

/** Limits of one pod's cgroup (spec/edged.md §4.2). */
export function podCgroupLimits(pod: Pod, qos: QosClass, settings: PodLimitSettings): CgroupLimits {
  const { cpuPeriodUs: periodUs, cpuCfsQuota, podPids, hugepageSizes } = settings;
  const { cpuShares, cpuQuota, memoryLimit, hugepages } = podLimits(pod, qos, periodUs);
  return {
    cpuShares,
    ...(cpuCfsQuota && cpuQuota > 0 ? { cpu: { quotaUs: cpuQuota, periodUs } } : {}),
    ...(memoryLimit > 0 ? { memory: memoryLimit } : {}),
    ...(podPids > 0 ? { pids: podPids } : {}),
    hugepages: new Map(hugepageSizes.map((size) => [size, hugepages.get(size) ?? 0])),
  };
}
