import type { NodeResources } from '../runtime/container-resources.ts';

/** A machine of 1 GiB with cgroup v1 and nothing special. */
export function nodeResources(fields: Partial<NodeResources> = {}): NodeResources {
  return {
    memoryCapacity: 2 ** 30,
    swapCapacity: 0,
    swapAccounting: false,
    limitedSwap: false,
    cpuCfsQuota: true,
    cpuPeriodUs: 100_000,
    cgroupV2: false,
    oomGroup: true,
    hugepageSizes: [],
    ...fields,
  };
}
