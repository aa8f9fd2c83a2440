/** What one cgroup uses, itself and everything below it. Absent: the kernel or its controllers do not tell. */
export interface CgroupUsage {
  /** When it was read, ms since the epoch. */
  readonly at: number;
  readonly cpu?: CpuUsage;
  readonly memory?: MemoryUsage;
  /** Threads, as the pids controller counts. */
  readonly threads?: number;
  readonly maxThreads?: number;
  /** By `major:minor`. */
  readonly io?: readonly DeviceIo[];
}

export interface CpuUsage {
  readonly usageNs: number;
  readonly userNs?: number;
  readonly systemNs?: number;
  readonly periods?: number;
  readonly throttledPeriods?: number;
  readonly throttledNs?: number;
  /** Limits as cgroup v1 has them; v2's weight is turned back into shares. */
  readonly shares?: number;
  readonly periodUs?: number;
  /** Absent: none. */
  readonly quotaUs?: number;
}

export interface MemoryUsage {
  readonly usageBytes: number;
  /** Usage less what the kernel would give back first: inactive file pages. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  readonly cacheBytes: number;
  readonly mappedFileBytes: number;
  readonly activeFileBytes: number;
  readonly inactiveFileBytes: number;
  readonly swapBytes?: number;
  readonly maxUsageBytes?: number;
  readonly limitHits?: number;
  /** Absent: none. */
  readonly limitBytes?: number;
  readonly swapLimitBytes?: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly oomKills?: number;
}

export interface DeviceIo {
  readonly device: string;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly reads: number;
  readonly writes: number;
}

/** Content of a cgroup's file; undefined when there is none. */
export type ReadFile = (name: string) => string | undefined;

/** `basic`: CPU time, memory and the number of threads; `full`: limits, throttling and input/output as well. */
export type Level = 'basic' | 'full';
