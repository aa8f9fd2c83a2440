import { statfs as nodeStatfs, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import type { ContainerStats, CriClient, FilesystemUsage } from '@kubeedge-ts/cri';
import { type Clock, sleep } from '@kubeedge-ts/runtime';
import { podLogDirectory } from '../runtime/sandbox-config.ts';
import type { DiskMeter } from './disk-meter.ts';
import type { PodFigures } from './figures.ts';
import type { ContainerUsage, DiskUsage } from './pod-usage.ts';
import { type VolumeDirectory, volumeDirectories } from './volume-directories.ts';

export interface FileSystem {
  readonly capacityBytes: number;
  readonly freeBytes: number;
  /** Free for everyone: without what is kept for root. */
  readonly availableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** The file systems of this machine. Both answer undefined for a path that is not there. */
export interface Disks {
  fileSystem(path: string): Promise<FileSystem | undefined>;
  /** Number of the device a path lies on. */
  device(path: string): Promise<number | undefined>;
}

/** What the node's disks hold, as far as it is known now. */
export interface Storage {
  readonly nodeFs: FileSystem | undefined;
  readonly imageFs: FileSystem | undefined;
  readonly imageUsage: DiskUsage | undefined;
  readonly containerFs: FileSystem | undefined;
  readonly containerUsage: DiskUsage | undefined;
  /** Interface of the default route. */
  readonly defaultInterface: string | undefined;
  /** By uid. */
  readonly pods: ReadonlyMap<string, PodStorage>;
}

export interface PodStorage {
  readonly containers: ReadonlyMap<string, Pick<ContainerUsage, 'rootfs' | 'logs'>>;
  readonly volumes: readonly VolumeStorage[];
  /** Undefined while a part of it has not been measured. */
  readonly ephemeral: DiskUsage | undefined;
}

export interface VolumeStorage {
  readonly name: string;
  readonly claim?: string;
  readonly ephemeral: boolean;
  readonly fs: FileSystem;
  readonly used: DiskUsage;
}

export interface StorageOptions {
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly cri: Pick<CriClient, 'listContainerStats' | 'imageFsInfo'>;
  /** Specs of the pods, for their volumes. */
  readonly pods: () => readonly Pod[];
  readonly disks: Disks;
  readonly meter: DiskMeter;
  /** Name of the volume a claim is bound to, if it is known already. */
  readonly volumeOf: (namespace: string, claim: string) => string | undefined;
  readonly defaultInterface: () => string | undefined;
  readonly clock: Clock;
}

export interface StorageWish {
  readonly figures: readonly PodFigures[];
  /** These are all pods: what has been measured of others may be forgotten. */
  readonly whole: boolean;
  /** How long directories that have not been measured lately are waited for. */
  readonly waitMs: number;
}

export type ReadStorage = (wish: StorageWish) => Promise<Storage>;

const CRI_TIMEOUT_MS = 10_000;
/** So few pods are asked for one by one: the runtime calls into every container it is asked for. */
const FEW_PODS = 4;

export const systemDisks: Disks = {
  async fileSystem(path) {
    try {
      const { bsize, blocks, bfree, bavail, files, ffree } = await nodeStatfs(path);
      return {
        capacityBytes: blocks * bsize,
        freeBytes: bfree * bsize,
        availableBytes: bavail * bsize,
        inodes: files,
        inodesFree: ffree,
      };
    } catch {
      return undefined;
    }
  },
  device: async (path) => (await stat(path).catch(() => undefined))?.dev,
};

interface Located extends VolumeDirectory {
  readonly path: string;
  /** A file system of its own. */
  readonly mounted: boolean;
}

export function createStorageReader(options: StorageOptions): ReadStorage {
  const { rootDir, podLogsDir, cri, pods, disks, meter, volumeOf, defaultInterface, clock } = options;

  const locate = async (volume: VolumeDirectory): Promise<Located | undefined> => {
    for (const path of volume.paths) {
      const device = await disks.device(path);
      if (device === undefined) continue;
      return { ...volume, path, mounted: device !== (await disks.device(dirname(path))) };
    }
    return undefined;
  };

  const volumeStorage = async (
    volume: Located,
    nodeFs: FileSystem | undefined,
  ): Promise<VolumeStorage | undefined> => {
    const { name, claim, ephemeral, path, mounted } = volume;
    const common = { name, ephemeral, ...(claim === undefined ? {} : { claim }) };
    if (!mounted && claim === undefined) {
      const used = meter.get(path);
      return used === undefined || nodeFs === undefined ? undefined : { ...common, fs: nodeFs, used };
    }
    const fs = await disks.fileSystem(path);
    if (fs === undefined) return undefined;
    return {
      ...common,
      fs,
      used: { bytes: fs.capacityBytes - fs.freeBytes, inodes: fs.inodes - fs.inodesFree },
    };
  };

  const fileSystemOf = async (said: FilesystemUsage | undefined) => {
    const mountpoint = said?.fsId?.mountpoint;
    return {
      fs: mountpoint === undefined ? undefined : await disks.fileSystem(mountpoint),
      usage: usageOf(said),
    };
  };

  const containerStats = async (
    figures: readonly PodFigures[],
    whole: boolean,
  ): Promise<readonly ContainerStats[]> => {
    const limits = { timeoutMs: CRI_TIMEOUT_MS };
    const filters =
      !whole && figures.length <= FEW_PODS
        ? figures.map(({ sandboxId }) => ({ filter: { podSandboxId: sandboxId } }))
        : [{}];
    const answers = await Promise.all(
      // without it writable layers are left out; all else is known
      filters.map((filter) => cri.listContainerStats(filter, limits).catch(() => ({ stats: [] }))),
    );
    return answers.flatMap(({ stats }) => stats as readonly ContainerStats[]);
  };

  return async ({ figures, whole, waitMs }) => {
    const [nodeFs, stats, info] = await Promise.all([
      disks.fileSystem(rootDir),
      containerStats(figures, whole),
      cri.imageFsInfo({}, { timeoutMs: CRI_TIMEOUT_MS }).catch(() => undefined),
    ]);
    const layers = new Map(
      stats.map(({ attributes, writableLayer }) => [attributes?.id, usageOf(writableLayer)]),
    );
    const image = await fileSystemOf(info?.imageFilesystems[0]);
    const own = info?.containerFilesystems[0];
    const container = own === undefined ? image : await fileSystemOf(own);

    const specs = new Map(pods().map((pod) => [pod.metadata.uid, pod]));
    const located = new Map<string, readonly Located[]>();
    for (const { pod } of figures) {
      const spec = specs.get(pod.uid);
      if (spec === undefined) continue;
      const directories = volumeDirectories(rootDir, spec, (claim) => volumeOf(pod.namespace, claim));
      located.set(
        pod.uid,
        (await Promise.all(directories.map(locate))).filter((found) => found !== undefined),
      );
    }
    const logsOf = ({ pod }: PodFigures, name: string): string =>
      join(podLogDirectory(podLogsDir, { metadata: pod }), name);
    const paths = new Set([
      ...figures.flatMap((pod) => pod.containers.map(({ name }) => logsOf(pod, name))),
      ...[...located.values()].flat().flatMap(({ mounted, claim, path }) => (mounted || claim ? [] : [path])),
    ]);
    if (whole) meter.retain(paths);
    const enough = new AbortController();
    await Promise.race([
      meter.refresh([...paths]),
      sleep(clock, waitMs, enough.signal).catch(() => undefined),
    ]);
    enough.abort();

    const podStorage = async (pod: PodFigures): Promise<PodStorage> => {
      const containers = new Map(
        pod.containers.map(({ id, name }) => {
          const rootfs = layers.get(id);
          const logs = meter.get(logsOf(pod, name));
          return [name, { ...(rootfs ? { rootfs } : {}), ...(logs ? { logs } : {}) }] as const;
        }),
      );
      const there = located.get(pod.pod.uid) ?? [];
      const volumes = (await Promise.all(there.map((volume) => volumeStorage(volume, nodeFs)))).filter(
        (volume) => volume !== undefined,
      );
      const complete =
        volumes.length === there.length && [...containers.values()].every(({ logs }) => logs !== undefined);
      const parts = [
        ...[...containers.values()].flatMap(({ rootfs, logs }) => [rootfs, logs]),
        ...volumes.flatMap(({ ephemeral, used }) => (ephemeral ? [used] : [])),
      ];
      return { containers, volumes, ephemeral: complete ? total(parts) : undefined };
    };
    return {
      nodeFs,
      imageFs: image.fs,
      imageUsage: image.usage,
      containerFs: container.fs,
      containerUsage: container.usage,
      defaultInterface: defaultInterface(),
      pods: new Map(
        await Promise.all(figures.map(async (pod) => [pod.pod.uid, await podStorage(pod)] as const)),
      ),
    };
  };
}

function usageOf(said: FilesystemUsage | undefined): DiskUsage | undefined {
  if (said?.usedBytes === undefined) return undefined;
  return { bytes: said.usedBytes.value, inodes: said.inodesUsed?.value ?? 0 };
}

function total(parts: readonly (DiskUsage | undefined)[]): DiskUsage {
  return parts.reduce<DiskUsage>(
    (sum, part) => ({ bytes: sum.bytes + (part?.bytes ?? 0), inodes: sum.inodes + (part?.inodes ?? 0) }),
    { bytes: 0, inodes: 0 },
  );
}
