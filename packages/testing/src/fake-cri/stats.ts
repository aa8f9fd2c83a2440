import type { ContainerStats, Init, PodSandboxStats } from '@kubeedge-ts/cri';
import type { FakeContainer, FakeSandbox } from './fake-runtime.ts';

/** What a container uses; what is left out has a small default. Bytes unless it says otherwise. */
export interface FakeUsage {
  readonly cpuNanoseconds?: number;
  readonly cpuNanoCores?: number;
  readonly workingSet?: number;
  readonly memoryUsage?: number;
  readonly rss?: number;
  readonly pageFaults?: number;
  readonly majorPageFaults?: number;
  readonly writableLayer?: number;
  readonly writableInodes?: number;
}

/** What a sandbox's network and processes come to. */
export interface FakeSandboxUsage {
  readonly received?: number;
  readonly sent?: number;
  readonly processes?: number;
}

export interface FakeFilesystem {
  mountpoint: string;
  usedBytes: number | undefined;
  inodesUsed: number;
}

const MIB = 1024 * 1024;

/** One that does not run has only its writable layer, as with containerd. */
export function containerStats(
  { id, config, isRunning }: FakeContainer,
  usage: FakeUsage,
  fs: FakeFilesystem,
  timestamp: number,
): Init<ContainerStats> {
  const { metadata, labels, annotations } = config;
  const { workingSet = 2 * MIB } = usage;
  return {
    attributes: { id, ...(metadata ? { metadata } : {}), labels, annotations },
    ...(isRunning
      ? {
          cpu: {
            timestamp,
            usageCoreNanoSeconds: { value: usage.cpuNanoseconds ?? 1_000_000 },
            usageNanoCores: { value: usage.cpuNanoCores ?? 0 },
          },
          memory: {
            timestamp,
            workingSetBytes: { value: workingSet },
            availableBytes: { value: 0 },
            usageBytes: { value: usage.memoryUsage ?? workingSet },
            rssBytes: { value: usage.rss ?? workingSet },
            pageFaults: { value: usage.pageFaults ?? 1000 },
            majorPageFaults: { value: usage.majorPageFaults ?? 0 },
          },
        }
      : {}),
    writableLayer: {
      timestamp,
      fsId: { mountpoint: fs.mountpoint },
      usedBytes: { value: usage.writableLayer ?? 4096 },
      inodesUsed: { value: usage.writableInodes ?? 1 },
    },
  };
}

export function sandboxStats(
  { id, config }: FakeSandbox,
  containers: readonly Init<ContainerStats>[],
  usage: FakeSandboxUsage,
  timestamp: number,
): Init<PodSandboxStats> {
  const { metadata, labels, annotations } = config;
  const sum = (of: (stats: Init<ContainerStats>) => number | undefined): number =>
    containers.reduce((total, stats) => total + (of(stats) ?? 0), 0);
  const interfaces = [
    {
      name: 'eth0',
      rxBytes: { value: usage.received ?? 0 },
      rxErrors: { value: 0 },
      txBytes: { value: usage.sent ?? 0 },
      txErrors: { value: 0 },
    },
  ];
  return {
    attributes: { id, ...(metadata ? { metadata } : {}), labels, annotations },
    linux: {
      cpu: { timestamp, usageCoreNanoSeconds: { value: sum(({ cpu }) => cpu?.usageCoreNanoSeconds?.value) } },
      memory: {
        timestamp,
        workingSetBytes: { value: sum(({ memory }) => memory?.workingSetBytes?.value) },
        usageBytes: { value: sum(({ memory }) => memory?.usageBytes?.value) },
      },
      network: { timestamp, defaultInterface: interfaces[0] as object, interfaces },
      process: {
        timestamp,
        processCount: { value: usage.processes ?? containers.filter(({ cpu }) => cpu).length + 1 },
      },
      containers,
    },
  };
}
