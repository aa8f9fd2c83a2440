import { isRecord } from '@kubeedge-ts/apis';
import { durationMs, type EdgeCoreConfig } from '@kubeedge-ts/apis/config';
import type { ShutdownConfig } from './node/shutdown/shutdown-groups.ts';
import { wholeValue } from './quantity.ts';
import type { PullSettings } from './runtime/image-puller.ts';
import { CPU_PERIOD_US } from './runtime/resources.ts';
import { IDS } from './runtime/sub-ids.ts';

export interface Taint {
  readonly key: string;
  readonly value?: string | undefined;
  readonly effect: string;
}

/** Unused images go when the disk they are on is fuller than `high`, until it is as full as `low`. */
export interface ImageGcConfig {
  readonly highPercent: number;
  readonly lowPercent: number;
  readonly minAgeMs: number;
  /** 0: no image is too old. */
  readonly maxAgeMs: number;
}

/** What edged acts on of `modules.edged` (spec/keadm-and-config.md §4.1). */
export interface EdgedConfig {
  readonly nodeName: string;
  /** Empty: found by looking at the machine. */
  readonly nodeIP: string;
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly nodeLabels: Readonly<Record<string, string>>;
  /** Folder of static pod manifests; empty: none. */
  readonly staticPodDir: string;
  readonly registerNode: boolean;
  readonly registerSchedulable: boolean;
  /** Events of pods and node go to the cloud. */
  readonly reportEvents: boolean;
  readonly taints: readonly Taint[];
  readonly controllerAttachDetach: boolean;
  /** Of the kubelet endpoint on 127.0.0.1; 0: none. */
  readonly readOnlyPort: number;
  /** True: logs, exec and the like are open on loopback as upstream's are; false: closed for everyone. */
  readonly debuggingHandlers: boolean | undefined;
  readonly streamIdleMs: number;
  /** The sync loop counts as stuck when it was last seen so long ago. */
  readonly syncStaleMs: number;
  /** How old a measured directory may get. */
  readonly volumeStatsMs: number;
  readonly containerLogs: ContainerLogsConfig;
  readonly maxPods: number;
  readonly podsPerCore: number;
  readonly systemReserved: Readonly<Record<string, string>>;
  readonly kubeReserved: Readonly<Record<string, string>>;
  readonly evictionHard: Readonly<Record<string, string>>;
  readonly evictionSoft: Readonly<Record<string, string>>;
  readonly evictionSoftGracePeriod: Readonly<Record<string, string>>;
  readonly evictionMinimumReclaim: Readonly<Record<string, string>>;
  /** A pressure condition stays at least that long after what caused it. */
  readonly evictionTransitionMs: number;
  /** Most grace a pod gets that a soft threshold evicts. */
  readonly evictionMaxPodGraceSeconds: number;
  /** All pods together are held to what is not reserved, and their memory is watched. */
  readonly enforceAllocatable: boolean;
  /** Allocatable resources are not lessened by the eviction thresholds. */
  readonly ignoreEvictionThreshold: boolean;
  /** Pods that use more local storage than their limits say are evicted. */
  readonly localStorageIsolation: boolean;
  /** Images in the node's status; -1: all. */
  readonly statusMaxImages: number;
  readonly imageGc: ImageGcConfig;
  /** Never removed as unused. */
  readonly sandboxImage: string;
  /** Ended containers of the whole node that are kept; -1: no limit but each pod's. */
  readonly maxDeadContainers: number;
  readonly minimumGcAgeMs: number;
  /** Dead containers are looked for so often (spec/edged.md §13: every minute). */
  readonly containerGcMs: number;
  /** How long a shutdown of the machine waits for pods to end. */
  readonly shutdown: ShutdownConfig;
  readonly clusterDNS: readonly string[];
  readonly clusterDomain: string;
  readonly resolvConf: string;
  readonly cgroupsPerQOS: boolean;
  /** Used only when the runtime does not say which one it uses (LESSONS O4). */
  readonly cgroupDriver: string;
  /** Cgroup below which `kubepods` lies; empty or `/`: the root. */
  readonly cgroupRoot: string;
  readonly cpuCfsQuota: boolean;
  /** Microseconds. */
  readonly cpuPeriodUs: number;
  /** Processes of one pod; not positive: unlimited. */
  readonly podPidsLimit: number;
  /** Out of memory, all processes of a container die together (cgroup v2). */
  readonly oomGroup: boolean;
  /** Burstable pods may swap in proportion to their memory request (cgroup v2). */
  readonly limitedSwap: boolean;
  /** Ids of a pod that has a user namespace of its own; a multiple of 65,536. */
  readonly idsPerPod: number;
  readonly imagePulls: PullSettings;
  /** Of edgecore itself: when memory runs out, its pods go first. Undefined: left as it is. */
  readonly oomScoreAdj: number | undefined;
  /** Addresses of pods where the cluster gives none; empty: none. */
  readonly podCidr: string;
  readonly seccompDefault: boolean;
  /** Unsafe sysctls that pods may set; a trailing `*` matches any rest. */
  readonly allowedSysctls: readonly string[];
  readonly statusIntervalMs: number;
  readonly statusReportMs: number;
  readonly leaseSeconds: number;
  /** The kubelet's section as it was read, to be shown. */
  readonly kubelet: Readonly<Record<string, unknown>>;
}

export interface ContainerLogsConfig {
  /** Negative: never rotated. */
  readonly maxBytes: number;
  /** With the one that is written to; at least 2. */
  readonly maxFiles: number;
  readonly maxWorkers: number;
  readonly intervalMs: number;
}

const MIN_SYNC_STALE_MS = 300_000;

export function edgedConfigOf({ modules: { edged } }: Pick<EdgeCoreConfig, 'modules'>): EdgedConfig {
  const kubelet = edged.tailoredKubeletConfig;
  return {
    nodeName: edged.hostnameOverride.toLowerCase(),
    nodeIP: edged.nodeIP,
    rootDir: edged.rootDirectory,
    podLogsDir: kubelet.podLogsDir,
    nodeLabels: edged.nodeLabels,
    staticPodDir: kubelet.staticPodPath,
    registerNode: kubelet.registerNode && edged.registerNode !== false,
    registerSchedulable: edged.registerSchedulable,
    reportEvents: edged.reportEvent,
    taints: kubelet.registerWithTaints.map(({ key, value, effect }) => ({ key, value, effect })),
    controllerAttachDetach: kubelet.enableControllerAttachDetach,
    readOnlyPort: kubelet.readOnlyPort,
    debuggingHandlers: kubelet.enableDebuggingHandlers,
    streamIdleMs: durationMs(kubelet.streamingConnectionIdleTimeout),
    syncStaleMs: Math.max(2 * durationMs(kubelet.syncFrequency), MIN_SYNC_STALE_MS),
    volumeStatsMs: durationMs(kubelet.volumeStatsAggPeriod),
    containerLogs: {
      maxBytes: wholeValue(kubelet.containerLogMaxSize),
      maxFiles: Math.max(2, kubelet.containerLogMaxFiles),
      maxWorkers: Math.max(1, kubelet.containerLogMaxWorkers),
      intervalMs: Math.max(1_000, durationMs(kubelet.containerLogMonitorInterval)),
    },
    maxPods: kubelet.maxPods,
    podsPerCore: kubelet.podsPerCore,
    systemReserved: kubelet.systemReserved,
    kubeReserved: kubelet.kubeReserved,
    evictionHard: kubelet.evictionHard,
    evictionSoft: kubelet.evictionSoft ?? {},
    evictionSoftGracePeriod: kubelet.evictionSoftGracePeriod ?? {},
    evictionMinimumReclaim: kubelet.evictionMinimumReclaim ?? {},
    evictionTransitionMs: durationMs(kubelet.evictionPressureTransitionPeriod),
    evictionMaxPodGraceSeconds: kubelet.evictionMaxPodGracePeriod,
    enforceAllocatable:
      kubelet.enforceNodeAllocatable.includes('pods') &&
      !edged.experimentalNodeAllocatableIgnoreEvictionThreshold,
    ignoreEvictionThreshold: edged.experimentalNodeAllocatableIgnoreEvictionThreshold,
    localStorageIsolation: kubelet.localStorageCapacityIsolation,
    statusMaxImages: kubelet.nodeStatusMaxImages,
    imageGc: {
      highPercent: kubelet.imageGCHighThresholdPercent,
      lowPercent: kubelet.imageGCLowThresholdPercent,
      minAgeMs: durationMs(kubelet.imageMinimumGCAge),
      maxAgeMs: durationMs(kubelet.imageMaximumGCAge),
    },
    sandboxImage: edged.podSandboxImage,
    maxDeadContainers: edged.maxContainerCount,
    minimumGcAgeMs: durationMs(edged.minimumGCAge),
    containerGcMs: 60_000,
    shutdown: {
      graceMs: durationMs(kubelet.shutdownGracePeriod),
      criticalMs: durationMs(kubelet.shutdownGracePeriodCriticalPods),
      byPriority: kubelet.shutdownGracePeriodByPodPriority,
    },
    clusterDNS: kubelet.clusterDNS,
    clusterDomain: kubelet.clusterDomain,
    resolvConf: kubelet.resolvConf,
    cgroupsPerQOS: kubelet.cgroupsPerQOS,
    cgroupDriver: kubelet.cgroupDriver,
    cgroupRoot: kubelet.cgroupRoot,
    cpuCfsQuota: kubelet.cpuCFSQuota,
    cpuPeriodUs: hasGate(kubelet.featureGates, 'CPUCFSQuotaPeriod', 'CustomCPUCFSQuotaPeriod')
      ? Math.round(durationMs(kubelet.cpuCFSQuotaPeriod) * 1000)
      : CPU_PERIOD_US,
    podPidsLimit: kubelet.podPidsLimit,
    oomGroup: kubelet.singleProcessOOMKill !== true,
    limitedSwap: kubelet.memorySwap.swapBehavior === 'LimitedSwap',
    idsPerPod: idsPerPodOf(kubelet.userNamespaces),
    oomScoreAdj: kubelet.oomScoreAdj,
    podCidr: kubelet.podCIDR,
    imagePulls: {
      parallel: kubelet.serializeImagePulls ? 1 : (kubelet.maxParallelImagePulls ?? Number.POSITIVE_INFINITY),
      perSecond: kubelet.registryPullQPS,
      burst: kubelet.registryBurst,
    },
    seccompDefault: kubelet.seccompDefault || edged.seccompDefault,
    allowedSysctls: kubelet.allowedUnsafeSysctls,
    statusIntervalMs: durationMs(kubelet.nodeStatusUpdateFrequency),
    statusReportMs: durationMs(kubelet.nodeStatusReportFrequency),
    leaseSeconds: kubelet.nodeLeaseDurationSeconds,
    kubelet,
  };
}

function hasGate(gates: Readonly<Record<string, boolean>> | undefined, ...names: readonly string[]): boolean {
  return names.some((name) => gates?.[name] === true);
}

/** `userNamespaces: {idsPerPod}` of newer kubelets; what is no whole number of id ranges is not taken. */
function idsPerPodOf(userNamespaces: unknown): number {
  const ids = isRecord(userNamespaces) ? Number(userNamespaces['idsPerPod'] ?? IDS) : IDS;
  return Number.isSafeInteger(ids) && ids >= IDS && ids % IDS === 0 ? ids : IDS;
}
