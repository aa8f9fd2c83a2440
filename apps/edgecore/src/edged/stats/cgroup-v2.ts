import { keyValues, limitIn, numberIn, present } from './cgroup-text.ts';
import type { CgroupUsage, CpuUsage, DeviceIo, Level, MemoryUsage, ReadFile } from './cgroup-usage.ts';

/** Reads one cgroup of the unified hierarchy. The root has no `memory.current`: see `rootMemoryV2`. */
export function readCgroupV2(read: ReadFile, level: Level, at: number): CgroupUsage {
  return {
    at,
    ...present({
      cpu: cpuOf(read, level),
      memory: memoryOf(read, level),
      threads: numberIn(read('pids.current')),
      maxThreads: level === 'full' ? limitIn(read('pids.max')) : undefined,
      io: level === 'full' ? ioOf(read('io.stat')) : undefined,
    }),
  };
}

/** The whole machine: what `/proc/meminfo` says is not free, and the root's `memory.stat`. */
export function rootMemoryV2(stat: string | undefined, totalBytes: number, freeBytes: number): MemoryUsage {
  return memoryFrom(totalBytes - freeBytes, keyValues(stat));
}

function cpuOf(read: ReadFile, level: Level): CpuUsage | undefined {
  const stat = keyValues(read('cpu.stat'));
  const nanoseconds = (key: string): number | undefined => {
    const microseconds = stat.get(key);
    return microseconds === undefined ? undefined : microseconds * 1_000;
  };
  const usageNs = nanoseconds('usage_usec');
  if (usageNs === undefined) return undefined;
  if (level === 'basic') return { usageNs };
  const [quota, period] = (read('cpu.max') ?? '').trim().split(' ');
  const weight = numberIn(read('cpu.weight'));
  return {
    usageNs,
    ...present({
      userNs: nanoseconds('user_usec'),
      systemNs: nanoseconds('system_usec'),
      periods: stat.get('nr_periods'),
      throttledPeriods: stat.get('nr_throttled'),
      throttledNs: nanoseconds('throttled_usec'),
      // the way back of spec/edged.md §4.1
      shares: weight === undefined ? undefined : Math.round(2 + ((weight - 1) * 262_142) / 9_999),
      periodUs: numberIn(period),
      quotaUs: limitIn(quota),
    }),
  };
}

function memoryOf(read: ReadFile, level: Level): MemoryUsage | undefined {
  const usageBytes = numberIn(read('memory.current'));
  if (usageBytes === undefined) return undefined;
  const full = level === 'full';
  const events = full ? keyValues(read('memory.events')) : undefined;
  const limitBytes = limitIn(read('memory.max'));
  const swapLimit = full ? limitIn(read('memory.swap.max')) : undefined;
  return {
    ...memoryFrom(usageBytes, keyValues(read('memory.stat'))),
    ...present({
      swapBytes: numberIn(read('memory.swap.current')),
      limitBytes,
      maxUsageBytes: full ? numberIn(read('memory.peak')) : undefined,
      limitHits: events?.get('max'),
      // v1 counts memory and swap together
      swapLimitBytes:
        swapLimit === undefined || limitBytes === undefined ? undefined : swapLimit + limitBytes,
      oomKills: events?.get('oom_kill'),
    }),
  };
}

function memoryFrom(usageBytes: number, stat: ReadonlyMap<string, number>): MemoryUsage {
  const of = (key: string): number => stat.get(key) ?? 0;
  return {
    usageBytes,
    workingSetBytes: Math.max(0, usageBytes - of('inactive_file')),
    rssBytes: of('anon'),
    cacheBytes: of('file'),
    mappedFileBytes: of('file_mapped'),
    activeFileBytes: of('active_file'),
    inactiveFileBytes: of('inactive_file'),
    pageFaults: of('pgfault'),
    majorPageFaults: of('pgmajfault'),
  };
}

/** `8:0 rbytes=… wbytes=… rios=… wios=… …` */
function ioOf(text: string | undefined): DeviceIo[] | undefined {
  if (text === undefined) return undefined;
  return text.split('\n').flatMap((line) => {
    const [device, ...fields] = line.trim().split(' ');
    const values = new Map(fields.map((field) => field.split('=') as [string, string]));
    if (!device || values.size === 0) return [];
    const of = (key: string): number => Number(values.get(key)) || 0;
    return [
      { device, readBytes: of('rbytes'), writtenBytes: of('wbytes'), reads: of('rios'), writes: of('wios') },
    ];
  });
}
