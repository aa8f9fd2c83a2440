import { keyValues, limitIn, numberIn, present } from './cgroup-text.ts';
import type { CgroupUsage, CpuUsage, DeviceIo, Level, MemoryUsage, ReadFile } from './cgroup-usage.ts';

/** `cpuacct.stat` counts in clock ticks, of which Linux shows a hundred a second. */
const TICK_NS = 1e7;

/** Reads one cgroup of the v1 hierarchies; `read` takes `<controller>/<file>`. */
export function readCgroupV1(read: ReadFile, level: Level, at: number): CgroupUsage {
  return {
    at,
    ...present({
      cpu: cpuOf(read, level),
      memory: memoryOf(read, level),
      threads: numberIn(read('pids/pids.current')),
      maxThreads: level === 'full' ? limitIn(read('pids/pids.max')) : undefined,
      io: level === 'full' ? ioOf(read) : undefined,
    }),
  };
}

function cpuOf(read: ReadFile, level: Level): CpuUsage | undefined {
  const usageNs = numberIn(read('cpuacct/cpuacct.usage'));
  if (usageNs === undefined) return undefined;
  if (level === 'basic') return { usageNs };
  const ticks = keyValues(read('cpuacct/cpuacct.stat'));
  const stat = keyValues(read('cpu/cpu.stat'));
  const nanoseconds = (count: number | undefined) => (count === undefined ? undefined : count * TICK_NS);
  return {
    usageNs,
    ...present({
      userNs: nanoseconds(ticks.get('user')),
      systemNs: nanoseconds(ticks.get('system')),
      periods: stat.get('nr_periods'),
      throttledPeriods: stat.get('nr_throttled'),
      throttledNs: stat.get('throttled_time'),
      shares: numberIn(read('cpu/cpu.shares')),
      periodUs: numberIn(read('cpu/cpu.cfs_period_us')),
      quotaUs: limitIn(read('cpu/cpu.cfs_quota_us')),
    }),
  };
}

function memoryOf(read: ReadFile, level: Level): MemoryUsage | undefined {
  const usageBytes = numberIn(read('memory/memory.usage_in_bytes'));
  if (usageBytes === undefined) return undefined;
  const stat = keyValues(read('memory/memory.stat'));
  // the root cgroup of some kernels has no totals: it has nothing but itself
  const total = (key: string): number => stat.get(`total_${key}`) ?? stat.get(key) ?? 0;
  const full = level === 'full';
  return {
    usageBytes,
    workingSetBytes: Math.max(0, usageBytes - total('inactive_file')),
    rssBytes: total('rss'),
    cacheBytes: total('cache'),
    mappedFileBytes: total('mapped_file'),
    activeFileBytes: total('active_file'),
    inactiveFileBytes: total('inactive_file'),
    pageFaults: total('pgfault'),
    majorPageFaults: total('pgmajfault'),
    ...present({
      swapBytes: stat.get('total_swap'),
      limitBytes: limitIn(read('memory/memory.limit_in_bytes')),
      maxUsageBytes: full ? numberIn(read('memory/memory.max_usage_in_bytes')) : undefined,
      limitHits: full ? numberIn(read('memory/memory.failcnt')) : undefined,
      swapLimitBytes: full ? limitIn(read('memory/memory.memsw.limit_in_bytes')) : undefined,
      oomKills: full ? keyValues(read('memory/memory.oom_control')).get('oom_kill') : undefined,
    }),
  };
}

function ioOf(read: ReadFile): DeviceIo[] | undefined {
  const bytes = read('blkio/blkio.throttle.io_service_bytes_recursive');
  const operations = read('blkio/blkio.throttle.io_serviced_recursive');
  if (bytes === undefined) return undefined;
  const devices = new Map<string, { -readonly [K in keyof DeviceIo]: DeviceIo[K] }>();
  const collect = (text: string, fields: { Read: keyof DeviceIo; Write: keyof DeviceIo }): void => {
    for (const line of text.split('\n')) {
      const [device, operation, value] = line.split(' ');
      if (device === undefined || (operation !== 'Read' && operation !== 'Write')) continue;
      const entry = devices.get(device) ?? { device, readBytes: 0, writtenBytes: 0, reads: 0, writes: 0 };
      Object.assign(entry, { [fields[operation]]: Number(value) || 0 });
      devices.set(device, entry);
    }
  };
  collect(bytes, { Read: 'readBytes', Write: 'writtenBytes' });
  collect(operations ?? '', { Read: 'reads', Write: 'writes' });
  return [...devices.values()];
}
