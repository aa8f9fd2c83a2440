import type { Host } from '../host.ts';
import { meminfo } from '../node/machine.ts';
import type { Observation, Observations, Signal } from './signals.ts';

export interface SignalSources {
  readonly host: Pick<Host, 'readText' | 'statfs' | 'deviceOf'>;
  readonly rootDir: string;
  readonly cgroupV2: boolean;
  /** Of all pods together, below each hierarchy: `/kubepods`. */
  readonly podsCgroup: string;
  /** What pods together may use: capacity less what is reserved, bytes. */
  readonly podsMemoryBytes: number;
  /** Where the runtime keeps its images; undefined while it does not say. */
  readonly imageFs: string | undefined;
}

export interface Sighting {
  readonly observations: Observations;
  /** Images and containers lie on another file system than the root directory. */
  readonly dedicatedImageFs: boolean;
}

/** Looks at every signal, as the kubelet measures it. What cannot be read is left out. */
export async function observeSignals(sources: SignalSources): Promise<Sighting> {
  const { host, rootDir, imageFs } = sources;
  const observations = new Map<Signal, Observation>();
  const put = (signal: Signal, seen: Observation | undefined): void => {
    if (seen !== undefined && seen.capacity > 0) observations.set(signal, seen);
  };
  put('memory.available', await memoryOfNode(sources));
  put('allocatableMemory.available', await memoryOfPods(sources));
  put('pid.available', await processIds(host));
  const putDisk = async (kind: 'nodefs' | 'imagefs', path: string): Promise<void> => {
    const facts = await host.statfs(path).catch(() => undefined);
    if (facts === undefined) return;
    put(`${kind}.available`, { available: facts.availableBytes, capacity: facts.totalBytes });
    // Some file systems have no fixed number of inodes and say 0.
    put(`${kind}.inodesFree`, { available: facts.inodesFree, capacity: facts.inodes });
  };
  await putDisk('nodefs', rootDir);
  if (imageFs === undefined) return { observations, dedicatedImageFs: false };
  await putDisk('imagefs', imageFs);
  const [own, images] = await Promise.all(
    [rootDir, imageFs].map((path) => host.deviceOf(path).catch(() => undefined)),
  );
  return { observations, dedicatedImageFs: own !== undefined && images !== undefined && own !== images };
}

const CGROUPS = '/sys/fs/cgroup';

/** What may not be read is as good as not there: one signal less. */
const read = (host: SignalSources['host'], path: string): Promise<string | undefined> =>
  host.readText(path).catch(() => undefined);

/** Capacity less the working set of everything: page cache that can go at once counts as available. */
async function memoryOfNode({ host, cgroupV2 }: SignalSources): Promise<Observation | undefined> {
  const table = (await read(host, '/proc/meminfo')) ?? '';
  const capacity = meminfo(table, 'MemTotal');
  // The root of cgroup v2 has no figure of its own.
  const used = cgroupV2
    ? await workingSet(host, CGROUPS, true, capacity - meminfo(table, 'MemFree'))
    : await workingSet(host, `${CGROUPS}/memory`, false);
  if (used !== undefined) return { available: Math.max(0, capacity - used), capacity };
  return { available: meminfo(table, 'MemAvailable'), capacity };
}

async function memoryOfPods(sources: SignalSources): Promise<Observation | undefined> {
  const { host, cgroupV2, podsCgroup, podsMemoryBytes: capacity } = sources;
  const dir = cgroupV2 ? `${CGROUPS}${podsCgroup}` : `${CGROUPS}/memory${podsCgroup}`;
  const used = await workingSet(host, dir, cgroupV2);
  return used === undefined ? undefined : { available: Math.max(0, capacity - used), capacity };
}

async function workingSet(
  host: SignalSources['host'],
  dir: string,
  v2: boolean,
  usage?: number,
): Promise<number | undefined> {
  const used = usage ?? Number(await read(host, `${dir}/${v2 ? 'memory.current' : 'memory.usage_in_bytes'}`));
  const stat = await read(host, `${dir}/memory.stat`);
  if (stat === undefined || !Number.isFinite(used)) return undefined;
  const key = v2 ? 'inactive_file' : 'total_inactive_file';
  const inactive = Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
  return Math.max(0, used - inactive);
}

async function processIds(host: SignalSources['host']): Promise<Observation | undefined> {
  const limitOf = async (name: string): Promise<number> =>
    Number((await read(host, `/proc/sys/kernel/${name}`)) ?? Number.NaN);
  const limits = [await limitOf('pid_max'), await limitOf('threads-max')].filter((limit) => limit > 0);
  const tasks = /^(?:\S+ ){3}\d+\/(\d+)/.exec((await read(host, '/proc/loadavg')) ?? '')?.[1];
  if (limits.length === 0 || tasks === undefined) return undefined;
  const capacity = Math.min(...limits);
  return { available: capacity - Number(tasks), capacity };
}
