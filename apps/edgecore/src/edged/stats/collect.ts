import { setImmediate as turn } from 'node:timers/promises';
import {
  type Container,
  ContainerState,
  type ContainerStats,
  type CriClient,
  type PodSandbox,
  PodSandboxState,
} from '@kubeedge-ts/cri';
import { LABEL, podOf } from '../runtime/labels.ts';
import type { CgroupUsage, Level } from './cgroup-usage.ts';
import type { Cgroups } from './cgroups.ts';
import type { ContainerFigures, Figures, NodeFigures, PodFigures, SystemContainer } from './figures.ts';
import type { KernelFiles } from './kernel-files.ts';
import { type CgroupTree, createCgroupLocator } from './locate.ts';
import { bootTimeMs, type InterfaceCounters, meminfoBytes, networkCounters, taskCount } from './proc.ts';

export type CollectCri = Pick<
  CriClient,
  'listPodSandbox' | 'listContainers' | 'containerStatus' | 'listContainerStats'
>;

export interface CollectorOptions {
  readonly cri: CollectCri;
  readonly kernel: KernelFiles;
  readonly cgroups: Cgroups;
  readonly cgroupSettings: () => CgroupTree;
  /** ms since the epoch. */
  readonly now: () => number;
}

export type Collect = (level: Level) => Promise<Figures>;

const CRI_TIMEOUT_MS = 10_000;

/**
 * Reads what everything uses, from the kernel (spec/edged.md §16): the counters the runtime would read for us, at the
 * price of a call into every container's shim. It is asked for containers whose cgroup is not on this machine, those
 * in virtual machines. @throws CRI_UNAVAILABLE, CRI_FAILED
 */
export function createCollector(options: CollectorOptions): Collect {
  const { cri, kernel, cgroups, cgroupSettings, now } = options;
  const locate = createCgroupLocator(cgroups, cgroupSettings, cri);
  const ownNetwork = kernel.link('/proc/self/ns/net');

  const containerFigures = async (
    { id, labels, metadata, image, createdAt }: Container,
    podPath: string | undefined,
    level: Level,
  ): Promise<ContainerFigures> => {
    const path = await locate.container(id, podPath);
    const usage = path === undefined ? undefined : cgroups.usage(path, level, now());
    return {
      id,
      name: labels[LABEL.containerName] ?? metadata?.name ?? '',
      attempt: metadata?.attempt ?? 0,
      image: image?.image ?? '',
      createdAt: createdAt / 1e6,
      path,
      usage,
      processes: path === undefined || usage === undefined ? undefined : cgroups.processes(path).length,
    };
  };

  const networkOf = (paths: readonly (string | undefined)[]): readonly InterfaceCounters[] | undefined => {
    for (const path of paths) {
      const pid = path === undefined ? undefined : cgroups.processes(path)[0];
      if (pid === undefined) continue;
      const namespace = kernel.link(`/proc/${pid}/ns/net`);
      if (namespace === undefined || namespace === ownNetwork) return undefined;
      return networkCounters(kernel.read(`/proc/${pid}/net/dev`) ?? '');
    }
    return undefined;
  };

  const podFigures = async (
    { id, labels, createdAt }: PodSandbox,
    running: readonly Container[],
    level: Level,
  ): Promise<PodFigures | undefined> => {
    const pod = podOf(labels);
    if (pod === undefined) return undefined;
    const path = locate.pod(pod.uid);
    const usage = path === undefined ? undefined : cgroups.usage(path, level, now());
    const sandboxPath = locate.sandbox(id, path);
    const sandboxUsage =
      sandboxPath === undefined || level !== 'full' ? undefined : cgroups.usage(sandboxPath, level, now());
    const containers: ContainerFigures[] = [];
    for (const container of running) containers.push(await containerFigures(container, path, level));
    return {
      pod,
      sandboxId: id,
      createdAt: createdAt / 1e6,
      cgroup: path === undefined || usage === undefined ? undefined : { path, usage },
      sandbox:
        sandboxPath === undefined || sandboxUsage === undefined
          ? undefined
          : { path: sandboxPath, usage: sandboxUsage },
      network: networkOf([sandboxPath, ...containers.map((container) => container.path)]),
      containers,
    };
  };

  return async (level) => {
    const limits = { timeoutMs: CRI_TIMEOUT_MS };
    const [{ items }, { containers }] = await Promise.all([
      cri.listPodSandbox({ filter: { state: { state: PodSandboxState.SANDBOX_READY } } }, limits),
      cri.listContainers({ filter: { state: { state: ContainerState.CONTAINER_RUNNING } } }, limits),
    ]);
    locate.retain(new Set(containers.map(({ id }) => id)));
    const bySandbox = Map.groupBy(containers, ({ podSandboxId }) => podSandboxId);
    const pods: PodFigures[] = [];
    for (const sandbox of items) {
      const figures = await podFigures(sandbox, bySandbox.get(sandbox.id) ?? [], level);
      if (figures !== undefined) pods.push(figures);
      // reading a pod takes a fraction of a millisecond; others must not wait for a hundred of them
      await turn();
    }
    const node = nodeFigures(kernel, cgroups, locate.allPods, level, now());
    const hidden = pods.some((pod) => pod.containers.some(({ usage }) => usage === undefined));
    if (!hidden) return { at: now(), node, pods };
    const { stats } = await cri.listContainerStats({}, limits);
    return { at: now(), node, pods: pods.map((pod) => withRuntimeStats(pod, stats)) };
  };
}

function nodeFigures(
  kernel: KernelFiles,
  cgroups: Cgroups,
  allPods: string,
  level: Level,
  at: number,
): NodeFigures {
  const text = (path: string): string => kernel.read(path) ?? '';
  const meminfo = text('/proc/meminfo');
  const maxPid = Number(text('/proc/sys/kernel/pid_max'));
  const own = cgroups.ofProcess('self');
  const candidates: (readonly [string, string | undefined])[] = [
    ['kubelet', own === '/' ? undefined : own],
    ['pods', allPods],
  ];
  const systemContainers = new Map<string, SystemContainer>();
  for (const [name, path] of candidates) {
    const usage = path === undefined ? undefined : cgroups.usage(path, level, at);
    if (path !== undefined && usage !== undefined) systemContainers.set(name, { path, usage });
  }
  return {
    usage: cgroups.usage('/', level, at),
    memoryBytes: meminfoBytes(meminfo, 'MemTotal'),
    swapBytes: meminfoBytes(meminfo, 'SwapTotal'),
    swapFreeBytes: meminfoBytes(meminfo, 'SwapFree'),
    bootAt: bootTimeMs(text('/proc/stat')),
    network: networkCounters(text('/proc/net/dev')),
    tasks: taskCount(text('/proc/loadavg')),
    maxPid: maxPid > 0 ? maxPid : undefined,
    systemContainers,
  };
}

function withRuntimeStats(pod: PodFigures, stats: readonly ContainerStats[]): PodFigures {
  const containers = pod.containers.map((container) => {
    const said = stats.find(({ attributes }) => attributes?.id === container.id);
    if (container.usage !== undefined || said === undefined) return container;
    return { ...container, usage: usageFromRuntime(said) };
  });
  return { ...pod, containers };
}

function usageFromRuntime({ cpu, memory }: ContainerStats): CgroupUsage {
  const of = (field: { readonly value: number } | undefined): number => field?.value ?? 0;
  return {
    at: (cpu?.timestamp ?? memory?.timestamp ?? 0) / 1e6,
    ...(cpu?.usageCoreNanoSeconds === undefined ? {} : { cpu: { usageNs: of(cpu.usageCoreNanoSeconds) } }),
    ...(memory?.workingSetBytes === undefined
      ? {}
      : {
          memory: {
            usageBytes: of(memory.usageBytes ?? memory.workingSetBytes),
            workingSetBytes: of(memory.workingSetBytes),
            rssBytes: of(memory.rssBytes),
            cacheBytes: 0,
            mappedFileBytes: 0,
            activeFileBytes: 0,
            inactiveFileBytes: 0,
            pageFaults: of(memory.pageFaults),
            majorPageFaults: of(memory.majorPageFaults),
          },
        }),
  };
}
