import { rfc3339 } from '@kubeedge-ts/runtime';
import { present } from './cgroup-text.ts';
import type { CgroupUsage } from './cgroup-usage.ts';
import type { Figures, PodFigures } from './figures.ts';
import type { DiskUsage } from './pod-usage.ts';
import type { InterfaceCounters } from './proc.ts';
import type { FileSystem, Storage } from './storage.ts';

export interface SummaryInputs {
  readonly nodeName: string;
  readonly figures: Figures;
  /** Nanoseconds of CPU per second, by `rateKey`. */
  readonly rates: ReadonlyMap<string, number>;
  /** Absent: only CPU and memory are asked for. */
  readonly storage?: Storage;
}

/** Things whose CPU use is remembered between two looks. */
export const rateKey = {
  node: 'node',
  system: (name: string): string => `system/${name}`,
  pod: (uid: string): string => `pod/${uid}`,
  container: (id: string): string => `container/${id}`,
};

/** `/stats/summary` as the kubelet gives it (spec/edged.md §16). */
export function summaryOf({ nodeName, figures, rates, storage }: SummaryInputs): object {
  const { node, pods } = figures;
  const time = rfc3339(figures.at);
  const full = storage !== undefined;
  return {
    node: {
      nodeName,
      systemContainers: [...node.systemContainers].map(([name, { usage }]) => ({
        name,
        startTime: node.bootAt === undefined ? null : rfc3339(node.bootAt),
        ...usageOf(usage, rates.get(rateKey.system(name)), undefined),
      })),
      startTime: node.bootAt === undefined ? null : rfc3339(node.bootAt),
      ...usageOf(node.usage, rates.get(rateKey.node), node.memoryBytes),
      swap: {
        time,
        swapAvailableBytes: node.swapFreeBytes,
        swapUsageBytes: node.swapBytes - node.swapFreeBytes,
      },
      ...(full
        ? {
            network: networkOf(node.network, storage.defaultInterface, time),
            ...fileSystems(storage, time),
            rlimit: { time, ...present({ maxpid: node.maxPid, curproc: node.tasks }) },
          }
        : {}),
    },
    pods: pods.map((pod) => podOf(pod, rates, storage, time)),
  };
}

function podOf(
  figures: PodFigures,
  rates: ReadonlyMap<string, number>,
  storage: Storage | undefined,
  time: string,
): object {
  const { pod, createdAt, cgroup, containers, network } = figures;
  const disk = storage?.pods.get(pod.uid);
  const shown = containers.map((container) => ({
    name: container.name,
    startTime: rfc3339(container.createdAt),
    ...usageOf(container.usage, rates.get(rateKey.container(container.id)), undefined),
    ...(storage === undefined
      ? {}
      : present({
          rootfs: fsStats(storage.imageFs, disk?.containers.get(container.name)?.rootfs, time),
          logs: fsStats(storage.nodeFs, disk?.containers.get(container.name)?.logs, time),
        })),
  }));
  const whole =
    cgroup === undefined
      ? summed(figures, rates)
      : usageOf(cgroup.usage, rates.get(rateKey.pod(pod.uid)), undefined);
  const counted = containers.flatMap(({ processes }) => (processes === undefined ? [] : [processes]));
  return {
    podRef: pod,
    startTime: rfc3339(createdAt),
    containers: shown,
    ...whole,
    ...(storage === undefined
      ? {}
      : {
          ...(network === undefined ? {} : { network: networkOf(network, 'eth0', time) }),
          ...(disk === undefined || disk.volumes.length === 0
            ? {}
            : {
                volume: disk.volumes.map(({ name, claim, ...fs }) =>
                  volumeStats(name, claim, pod.namespace, fs, time),
                ),
              }),
          ...present({ 'ephemeral-storage': fsStats(storage.nodeFs, disk?.ephemeral, time) }),
        }),
    process_stats: { process_count: counted.reduce((sum, count) => sum + count, 0) },
  };
}

/** A pod without a cgroup of its own uses what its containers use. */
function summed({ containers }: PodFigures, rates: ReadonlyMap<string, number>): object {
  const all = containers.flatMap(({ usage }) => (usage === undefined ? [] : [usage]));
  const at = all.at(-1)?.at;
  if (at === undefined) return {};
  const sum = (of: (usage: CgroupUsage) => number | undefined): number =>
    all.reduce((total, usage) => total + (of(usage) ?? 0), 0);
  const known = containers.flatMap(({ id }) => rates.get(rateKey.container(id)) ?? []);
  const rate = known.reduce((total, value) => total + value, 0);
  const memory = {
    usageBytes: sum(({ memory: of }) => of?.usageBytes),
    workingSetBytes: sum(({ memory: of }) => of?.workingSetBytes),
    rssBytes: sum(({ memory: of }) => of?.rssBytes),
    pageFaults: sum(({ memory: of }) => of?.pageFaults),
    majorPageFaults: sum(({ memory: of }) => of?.majorPageFaults),
  };
  return {
    cpu: {
      time: rfc3339(at),
      ...(known.length === 0 ? {} : { usageNanoCores: rate }),
      usageCoreNanoSeconds: sum(({ cpu }) => cpu?.usageNs),
    },
    memory: { time: rfc3339(at), ...memory },
  };
}

function usageOf(
  usage: CgroupUsage | undefined,
  rate: number | undefined,
  capacityBytes: number | undefined,
): object {
  if (usage === undefined) return {};
  const { cpu, memory } = usage;
  const time = rfc3339(usage.at);
  const limit = memory?.limitBytes ?? capacityBytes;
  return present({
    cpu:
      cpu === undefined
        ? undefined
        : { time, ...present({ usageNanoCores: rate }), usageCoreNanoSeconds: cpu.usageNs },
    memory:
      memory === undefined
        ? undefined
        : {
            time,
            ...(limit === undefined ? {} : { availableBytes: Math.max(0, limit - memory.workingSetBytes) }),
            usageBytes: memory.usageBytes,
            workingSetBytes: memory.workingSetBytes,
            rssBytes: memory.rssBytes,
            pageFaults: memory.pageFaults,
            majorPageFaults: memory.majorPageFaults,
          },
    swap:
      capacityBytes !== undefined || memory?.swapBytes === undefined
        ? undefined
        : { time, swapUsageBytes: memory.swapBytes },
  });
}

function networkOf(
  interfaces: readonly InterfaceCounters[],
  preferred: string | undefined,
  time: string,
): object {
  const shown = interfaces.map(({ name, rxBytes, rxErrors, txBytes, txErrors }) => ({
    name,
    rxBytes,
    rxErrors,
    txBytes,
    txErrors,
  }));
  return { time, ...(shown.find(({ name }) => name === preferred) ?? shown[0]), interfaces: shown };
}

function fileSystems(
  { nodeFs, imageFs, imageUsage, containerFs, containerUsage }: Storage,
  time: string,
): object {
  return {
    ...present({ fs: fsStats(nodeFs, nodeFs && usedOf(nodeFs), time) }),
    runtime: present({
      imageFs: fsStats(imageFs, imageUsage, time),
      containerFs: fsStats(containerFs, containerUsage, time),
    }),
  };
}

function usedOf({ capacityBytes, freeBytes, inodes, inodesFree }: FileSystem): DiskUsage {
  return { bytes: capacityBytes - freeBytes, inodes: inodes - inodesFree };
}

/** A file system with how much of it is used by what is spoken of. */
function fsStats(fs: FileSystem | undefined, used: DiskUsage | undefined, time: string): object | undefined {
  if (fs === undefined) return undefined;
  return {
    time,
    availableBytes: fs.availableBytes,
    capacityBytes: fs.capacityBytes,
    ...(used === undefined ? {} : { usedBytes: used.bytes }),
    inodesFree: fs.inodesFree,
    inodes: fs.inodes,
    ...(used === undefined ? {} : { inodesUsed: used.inodes }),
  };
}

function volumeStats(
  name: string,
  claim: string | undefined,
  namespace: string,
  { fs, used }: { readonly fs: FileSystem; readonly used: DiskUsage },
  time: string,
): object {
  return {
    ...fsStats(fs, used, time),
    name,
    ...(claim === undefined ? {} : { pvcRef: { name: claim, namespace } }),
  };
}
