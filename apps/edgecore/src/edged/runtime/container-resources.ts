import type { Container, Pod } from '@kubeedge-ts/apis';
import type { Init, LinuxContainerResources, LinuxPodSandboxConfig } from '@kubeedge-ts/cri';
import { mostOf } from '../pod/most-of.ts';
import { type QosClass, qosOf } from '../pod/qos.ts';
import { initContainersOf, isSidecar, mainContainersOf } from '../pod/spec.ts';
import { type Amounts, amountsOf, cpuQuota, cpuShares, hugepagesOf, overheadOf } from './resources.ts';

/** What of the machine and the configuration decides how requests and limits are enforced. */
export interface NodeResources {
  /** Bytes. */
  readonly memoryCapacity: number;
  readonly swapCapacity: number;
  /** The kernel counts swap per cgroup. */
  readonly swapAccounting: boolean;
  /** Burstable pods may swap in proportion to their request; otherwise none does. */
  readonly limitedSwap: boolean;
  readonly cpuCfsQuota: boolean;
  /** Microseconds. */
  readonly cpuPeriodUs: number;
  readonly cgroupV2: boolean;
  /** Out of memory, all processes of a container die together; cgroup v2. */
  readonly oomGroup: boolean;
  /** Sizes of huge pages of this machine, `2MB`. */
  readonly hugepageSizes: readonly string[];
}

/** Pods at or above this priority are critical to the node (`system-node-critical`). */
const NODE_CRITICAL = 2_000_001_000;
/** And at or above this one to the cluster. */
const CRITICAL = 2_000_000_000;

/** spec/edged.md §4.1 */
export function containerResources(
  container: Container,
  pod: Pod,
  node: NodeResources,
): Init<LinuxContainerResources> {
  const qos = qosOf(pod);
  const limits = hugepagesOf(container);
  const base = enforced(amountsOf(container), node);
  const swap = swapOf(container, pod, qos, node);
  return {
    ...base,
    oomScoreAdj: oomScoreAdj(container, { pod, qos, memoryCapacity: node.memoryCapacity }),
    hugepageLimits: node.hugepageSizes.map((pageSize) => ({ pageSize, limit: limits.get(pageSize) ?? 0 })),
    ...(swap === undefined || node.cgroupV2 ? {} : { memorySwapLimitInBytes: swap }),
    ...(swap === undefined || !node.cgroupV2
      ? {}
      : { unified: { ...base.unified, 'memory.swap.max': String(swap) } }),
  };
}

/** What the containers need together, and what the runtime needs besides (spec/edged.md §3.3). */
export function sandboxResources(
  pod: Pod,
  node: NodeResources,
): Pick<Init<LinuxPodSandboxConfig>, 'resources' | 'overhead'> {
  const most = (pick: (amounts: Amounts) => number): number =>
    mostOf(pod, (container) => pick(amountsOf(container)));
  const together: Amounts = {
    cpuRequest: most(({ cpuRequest }) => cpuRequest),
    cpuLimit: most(({ cpuLimit }) => cpuLimit),
    memoryRequest: most(({ memoryRequest }) => memoryRequest),
    memoryLimit: most(({ memoryLimit }) => memoryLimit),
  };
  return {
    resources: enforced(together, node),
    overhead: pod.spec?.overhead === undefined ? {} : enforced(overheadOf(pod), node),
  };
}

function enforced(amounts: Amounts, node: NodeResources): Init<LinuxContainerResources> {
  return {
    cpuShares: cpuShares(amounts.cpuRequest),
    memoryLimitInBytes: amounts.memoryLimit,
    ...(node.cpuCfsQuota
      ? { cpuPeriod: node.cpuPeriodUs, cpuQuota: cpuQuota(amounts.cpuLimit, node.cpuPeriodUs) }
      : {}),
    ...(node.cgroupV2 && node.oomGroup ? { unified: { 'memory.oom.group': '1' } } : {}),
  };
}

/** Version 1: bytes of memory and swap together; version 2: of swap alone. Undefined: nothing can be said of it. */
function swapOf(container: Container, pod: Pod, qos: QosClass, node: NodeResources): number | undefined {
  if (!node.swapAccounting) return undefined;
  const { memoryLimit } = amountsOf(container);
  if (!node.cgroupV2) return memoryLimit;
  const request = amountsOf(container).memoryRequest;
  const critical = (pod.spec?.priority ?? 0) >= CRITICAL;
  if (!node.limitedSwap || critical || qos !== 'Burstable' || request === 0 || request === memoryLimit)
    return 0;
  return Math.floor((Math.min(request, node.memoryCapacity) / node.memoryCapacity) * node.swapCapacity);
}

/** Who goes first when the machine is out of memory: -1000 never, 1000 first. */
export function oomScoreAdj(
  container: Container,
  {
    pod,
    qos,
    memoryCapacity,
  }: { readonly pod: Pod; readonly qos: QosClass; readonly memoryCapacity: number },
): number {
  if ((pod.spec?.priority ?? 0) >= NODE_CRITICAL || qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const score = (one: Container): number => {
    const share = memoryCapacity > 0 ? Math.floor((1000 * amountsOf(one).memoryRequest) / memoryCapacity) : 0;
    return Math.min(999, Math.max(3, 1000 - share));
  };
  const sidecar = initContainersOf(pod).some((init) => init.name === container.name && isSidecar(init));
  // A sidecar outlives at least the smallest of the containers it serves.
  return sidecar
    ? Math.min(score(container), Math.max(...mainContainersOf(pod).map(score)))
    : score(container);
}
