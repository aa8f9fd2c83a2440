import type { Pod } from '@kubeedge-ts/apis';
import type { CriClient } from '@kubeedge-ts/cri';
import { type Clock, sleep } from '@kubeedge-ts/runtime';
import { defaultRouteInterface } from '../node/addresses.ts';
import type { CgroupUsage, Level } from './cgroup-usage.ts';
import { createCgroups } from './cgroups.ts';
import { type CollectCri, createCollector } from './collect.ts';
import { createCpuRates } from './cpu-rates.ts';
import { createDiskMeter } from './disk-meter.ts';
import type { Figures } from './figures.ts';
import type { KernelFiles } from './kernel-files.ts';
import type { CgroupTree } from './locate.ts';
import { measureDirectory } from './measure-directory.ts';
import type { ContainerUsage, PodUsage } from './pod-usage.ts';
import { createStorageReader, type Disks, type Storage } from './storage.ts';
import { rateKey, summaryOf } from './summary.ts';

export interface StatsOptions {
  readonly nodeName: string;
  readonly rootDir: string;
  readonly podLogsDir: string;
  /** How old the measured size of a directory may get. */
  readonly volumeStatsMs: number;
  readonly cri: CollectCri & Pick<CriClient, 'imageFsInfo'>;
  /** The pods of the store, for their volumes. */
  readonly pods: () => readonly Pod[];
  readonly cgroupSettings: () => CgroupTree;
  /** Name of the volume a claim is bound to; undefined when it is not known (yet). */
  readonly volumeOf?: (namespace: string, claim: string) => string | undefined;
  readonly kernel: KernelFiles;
  readonly disks: Disks;
  readonly clock: Clock;
}

/**
 * What the node, its pods and containers use (spec/edged.md §16). Read when somebody asks and kept for a few seconds;
 * nothing is sampled in between. All reject with CRI_UNAVAILABLE or CRI_FAILED while the runtime is away.
 */
export interface Stats {
  /** `/stats/summary` */
  summary(options: { readonly onlyCpuAndMemory: boolean }): Promise<object>;
  /** For metrics: `full` has limits, throttling and input/output. */
  figures(level: Level): Promise<Figures>;
  storage(): Promise<Storage>;
  /**
   * By uid, running pods only. `storage`: with what they have on disk, measured within the last minute or now.
   * `pods`: only these; default all.
   */
  podUsage(options?: {
    readonly storage?: boolean;
    readonly pods?: readonly Pod[];
  }): Promise<ReadonlyMap<string, PodUsage>>;
  /** Gives up measuring. */
  close(): void;
}

const FRESH_MS = 5_000;
/** Directories that take longer to measure are in the next answer. */
const SHOW_WAIT_MS = 300;
/** Who must choose can wait longer. */
const CHOOSE_WAIT_MS = 5_000;
/** Between the two looks for the CPU use of what has not been looked at before. */
const RATE_SPAN_MS = 250;

export function createStats(options: StatsOptions): Stats {
  const { nodeName, rootDir, podLogsDir, cri, pods, kernel, disks, clock } = options;
  const closing = new AbortController();
  const cgroups = createCgroups(kernel);
  const collect = createCollector({
    cri,
    kernel,
    cgroups,
    cgroupSettings: options.cgroupSettings,
    now: () => clock.now(),
  });
  const meter = createDiskMeter({
    measure: (path) => measureDirectory(path, closing.signal),
    periodMs: options.volumeStatsMs,
    clock,
  });
  const readStorage = createStorageReader({
    rootDir,
    podLogsDir,
    cri,
    pods,
    disks,
    meter,
    volumeOf: options.volumeOf ?? (() => undefined),
    defaultInterface: () => defaultRouteInterface(kernel.read('/proc/net/route') ?? ''),
    clock,
  });
  const rates = createCpuRates();

  const basic = remember(clock, () => collect('basic'));
  const full = remember(clock, () => collect('full'));
  const figures = (level: Level): Promise<Figures> =>
    level === 'full' ? full.get() : (full.fresh() ?? basic.get());
  const storage = remember(clock, async () =>
    readStorage({ figures: (await figures('basic')).pods, whole: true, waitMs: SHOW_WAIT_MS }),
  );

  const cpuRates = async (seen: Figures): Promise<ReadonlyMap<string, number>> => {
    const known = new Map<string, number>();
    const observe = (key: string, usageNs: number, at: number): boolean => {
      const rate = rates.observe(key, usageNs, at);
      if (rate !== undefined) known.set(key, rate);
      return rate !== undefined;
    };
    const sources = cpuSources(seen);
    rates.retain(new Set(sources.map(({ key }) => key)));
    const unknown = sources.filter(
      ({ key, usage }) => usage.cpu !== undefined && !observe(key, usage.cpu.usageNs, usage.at),
    );
    if (unknown.length === 0) return known;
    await sleep(clock, RATE_SPAN_MS, closing.signal).catch(() => undefined);
    for (const { key, path } of unknown) {
      const at = clock.now();
      const usageNs = path === undefined ? undefined : cgroups.usage(path, 'basic', at)?.cpu?.usageNs;
      if (usageNs !== undefined) observe(key, usageNs, at);
    }
    return known;
  };

  return {
    figures,
    storage: () => storage.get(),
    async summary({ onlyCpuAndMemory }) {
      const seen = await figures('basic');
      const disk = onlyCpuAndMemory ? {} : { storage: await storage.get() };
      return summaryOf({ nodeName, figures: seen, rates: await cpuRates(seen), ...disk });
    },
    async podUsage({ storage: wanted = false, pods: only } = {}) {
      const uids = only && new Set(only.map(({ metadata }) => metadata.uid));
      const seen = (await figures('basic')).pods.filter(({ pod }) => uids === undefined || uids.has(pod.uid));
      const disk = wanted
        ? await readStorage({ figures: seen, whole: uids === undefined, waitMs: CHOOSE_WAIT_MS })
        : undefined;
      return new Map(seen.map((pod) => [pod.pod.uid, podUsageOf(pod, disk)]));
    },
    close: () => closing.abort(new Error('edged is stopping')),
  };
}

/** One answer for all who ask within a few seconds, or while it is being found. A failure is not kept. */
function remember<T>(clock: Clock, find: () => Promise<T>) {
  let kept: { readonly value: Promise<T>; readonly at: number } | undefined;
  const fresh = (): Promise<T> | undefined =>
    kept !== undefined && clock.monotonic() - kept.at < FRESH_MS ? kept.value : undefined;
  return {
    fresh,
    get(): Promise<T> {
      const known = fresh();
      if (known !== undefined) return known;
      const mine = { value: find(), at: clock.monotonic() };
      kept = mine;
      mine.value.catch(() => {
        if (kept === mine) kept = undefined;
      });
      return mine.value;
    },
  };
}

interface CpuSource {
  readonly key: string;
  readonly path: string | undefined;
  readonly usage: CgroupUsage;
}

function cpuSources({ node, pods }: Figures): CpuSource[] {
  const all: (Omit<CpuSource, 'usage'> & { readonly usage: CgroupUsage | undefined })[] = [
    { key: rateKey.node, path: '/', usage: node.usage },
    ...[...node.systemContainers].map(([name, { path, usage }]) => ({
      key: rateKey.system(name),
      path,
      usage,
    })),
    ...pods.flatMap(({ pod, cgroup, containers }) => [
      { key: rateKey.pod(pod.uid), path: cgroup?.path, usage: cgroup?.usage },
      ...containers.map(({ id, path, usage }) => ({ key: rateKey.container(id), path, usage })),
    ]),
  ];
  return all.flatMap(({ key, path, usage }) => (usage === undefined ? [] : [{ key, path, usage }]));
}

function podUsageOf(figures: Figures['pods'][number], storage: Storage | undefined): PodUsage {
  const disk = storage?.pods.get(figures.pod.uid);
  const workingSets = figures.containers.flatMap(({ usage }) => usage?.memory?.workingSetBytes ?? []);
  const workingSet =
    figures.cgroup?.usage.memory?.workingSetBytes ??
    (workingSets.length === 0 ? undefined : workingSets.reduce((sum, bytes) => sum + bytes, 0));
  const processes = figures.containers.flatMap((container) => container.processes ?? []);
  return {
    ...(workingSet === undefined ? {} : { memoryWorkingSetBytes: workingSet }),
    ...(processes.length === 0 ? {} : { processes: processes.reduce((sum, count) => sum + count, 0) }),
    containers: new Map(
      figures.containers.map(({ name, usage }) => {
        const bytes = usage?.memory?.workingSetBytes;
        const entry: ContainerUsage = {
          ...(bytes === undefined ? {} : { memoryWorkingSetBytes: bytes }),
          ...disk?.containers.get(name),
        };
        return [name, entry] as const;
      }),
    ),
    volumes: new Map(
      (disk?.volumes ?? []).flatMap(({ name, ephemeral, used }) =>
        ephemeral ? [[name, used] as const] : [],
      ),
    ),
    ...(disk?.ephemeral === undefined ? {} : { ephemeralStorage: disk.ephemeral }),
  };
}
