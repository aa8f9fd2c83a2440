import type { Host } from '../host.ts';
import { pageSizeName } from './resources.ts';

/** What of this machine decides which settings of pods can be enforced; it does not change while edgecore runs. */
export interface HostFacts {
  readonly kernelVersion: string;
  readonly apparmor: boolean;
  /** `2MB` */
  readonly hugepageSizes: readonly string[];
  /** Bytes. */
  readonly swapCapacity: number;
  /** The kernel counts swap per cgroup. */
  readonly swapAccounting: boolean;
  /** Most processes and threads there can be. */
  readonly pids: number;
}

const CGROUPS = '/sys/fs/cgroup';

export async function readHostFacts(host: Pick<Host, 'readText' | 'list'>): Promise<HostFacts> {
  const text = async (path: string): Promise<string> => ((await host.readText(path)) ?? '').trim();
  const limits = [await text('/proc/sys/kernel/pid_max'), await text('/proc/sys/kernel/threads-max')];
  const pids = limits.map(Number).filter((limit) => limit > 0);
  const swap = /^SwapTotal:\s+(\d+) kB/m.exec(await text('/proc/meminfo'))?.[1];
  return {
    kernelVersion: await text('/proc/sys/kernel/osrelease'),
    apparmor: (await text('/sys/module/apparmor/parameters/enabled')).startsWith('Y'),
    hugepageSizes: (await host.list('/sys/kernel/mm/hugepages')).flatMap(hugepageSize).sort(),
    swapCapacity: Number(swap ?? 0) * 1024,
    swapAccounting: await countsSwap(host),
    pids: pids.length === 0 ? 0 : Math.min(...pids),
  };
}

/** `hugepages-2048kB` → `2MB` */
function hugepageSize(name: string): string[] {
  const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
  if (!kib) return [];
  if (kib % 1_048_576 === 0) return [pageSizeName(`${kib / 1_048_576}Gi`)];
  return [pageSizeName(kib % 1024 === 0 ? `${kib / 1024}Mi` : `${kib}Ki`)];
}

/** Version 2 has the file in every cgroup but the root. */
async function countsSwap(host: Pick<Host, 'readText'>): Promise<boolean> {
  if ((await host.readText(`${CGROUPS}/cgroup.controllers`)) === undefined)
    return (await host.readText(`${CGROUPS}/memory/memory.memsw.limit_in_bytes`)) !== undefined;
  const own = /^0::(\/.*)$/m.exec((await host.readText('/proc/self/cgroup')) ?? '')?.[1] ?? '/';
  return (await host.readText(`${CGROUPS}${own}/memory.swap.max`)) !== undefined;
}
