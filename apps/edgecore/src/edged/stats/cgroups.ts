import { join } from 'node:path';
import type { CgroupUsage, Level } from './cgroup-usage.ts';
import { readCgroupV1 } from './cgroup-v1.ts';
import { readCgroupV2, rootMemoryV2 } from './cgroup-v2.ts';
import type { KernelFiles } from './kernel-files.ts';
import { meminfoBytes } from './proc.ts';

/** The cgroups of this machine, whichever version it has; paths as in `/proc/<pid>/cgroup`. */
export interface Cgroups {
  /** Undefined when there is no such cgroup. `/` is the machine. */
  usage(path: string, level: Level, at: number): CgroupUsage | undefined;
  /** Names of the cgroups directly below; empty when there is none. */
  children(path: string): readonly string[];
  /** Ids of its own processes, without those of cgroups below. */
  processes(path: string): readonly number[];
  /** The cgroup a process is in; undefined when it has gone. */
  ofProcess(pid: number | 'self'): string | undefined;
}

/** Where v1 is looked at for existence: the controllers every kubelet node has. */
const V1_BASES = ['memory', 'cpuacct', 'pids'];

export function createCgroups(kernel: KernelFiles, mountPoint = '/sys/fs/cgroup'): Cgroups {
  const isV2 = kernel.read(join(mountPoint, 'cgroup.controllers')) !== undefined;
  const base = isV2
    ? mountPoint
    : join(
        mountPoint,
        V1_BASES.find((name) => kernel.read(join(mountPoint, name, 'cgroup.procs')) !== undefined) ??
          'memory',
      );
  const exists = (path: string): boolean => kernel.read(join(base, path, 'cgroup.procs')) !== undefined;

  const machineV2 = (level: Level, at: number): CgroupUsage => {
    const usage = readCgroupV2((name) => kernel.read(join(mountPoint, name)), level, at);
    const meminfo = kernel.read('/proc/meminfo') ?? '';
    const stat = kernel.read(join(mountPoint, 'memory.stat'));
    const total = meminfoBytes(meminfo, 'MemTotal');
    return { ...usage, memory: rootMemoryV2(stat, total, meminfoBytes(meminfo, 'MemFree')) };
  };

  return {
    usage(path, level, at) {
      if (!exists(path)) return undefined;
      if (!isV2) {
        const read = (name: string): string | undefined => {
          const slash = name.indexOf('/');
          return kernel.read(join(mountPoint, name.slice(0, slash), path, name.slice(slash + 1)));
        };
        return readCgroupV1(read, level, at);
      }
      if (path === '/') return machineV2(level, at);
      return readCgroupV2((name) => kernel.read(join(mountPoint, path, name)), level, at);
    },
    children: (path) => kernel.directories(join(base, path)),
    processes: (path) =>
      (kernel.read(join(base, path, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number),
    ofProcess(pid) {
      const lines = (kernel.read(`/proc/${pid}/cgroup`) ?? '').split('\n');
      const controller = isV2 ? '' : base.slice(mountPoint.length + 1);
      for (const line of lines) {
        const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
        if (controllers?.split(',').includes(controller)) return path;
      }
      return undefined;
    },
  };
}
