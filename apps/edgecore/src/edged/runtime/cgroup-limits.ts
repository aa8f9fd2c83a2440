import { cpuWeight } from './resources.ts';

/** What one cgroup holds everything in it to; what is absent stays as it is. */
export interface CgroupLimits {
  readonly cpuShares?: number;
  /** Microseconds of CPU per period. */
  readonly cpu?: { readonly quotaUs: number; readonly periodUs: number };
  /** Bytes. */
  readonly memory?: number;
  readonly pids?: number;
  /** Bytes by page size, `2MB`. */
  readonly hugepages?: ReadonlyMap<string, number>;
}

export interface CgroupFile {
  readonly controller: string;
  readonly name: string;
  readonly value: string;
}

/** Files of version 1, each below the directory of its controller, in the order they are to be written. */
export function filesV1({ cpuShares, cpu, memory, pids, hugepages }: CgroupLimits): CgroupFile[] {
  return [
    ...(cpuShares === undefined ? [] : [file('cpu', 'cpu.shares', cpuShares)]),
    ...(cpu === undefined
      ? []
      : [file('cpu', 'cpu.cfs_period_us', cpu.periodUs), file('cpu', 'cpu.cfs_quota_us', cpu.quotaUs)]),
    ...(memory === undefined ? [] : [file('memory', 'memory.limit_in_bytes', memory)]),
    ...(pids === undefined ? [] : [file('pids', 'pids.max', pids)]),
    ...[...(hugepages ?? [])].map(([size, bytes]) =>
      file('hugetlb', `hugetlb.${size}.limit_in_bytes`, bytes),
    ),
  ];
}

/** Files of version 2, all in the one directory. */
export function filesV2({ cpuShares, cpu, memory, pids, hugepages }: CgroupLimits): CgroupFile[] {
  return [
    ...(cpuShares === undefined ? [] : [file('cpu', 'cpu.weight', cpuWeight(cpuShares))]),
    ...(cpu === undefined ? [] : [file('cpu', 'cpu.max', `${cpu.quotaUs} ${cpu.periodUs}`)]),
    ...(memory === undefined ? [] : [file('memory', 'memory.max', memory)]),
    ...(pids === undefined ? [] : [file('pids', 'pids.max', pids)]),
    ...[...(hugepages ?? [])].map(([size, bytes]) => file('hugetlb', `hugetlb.${size}.max`, bytes)),
  ];
}

function file(controller: string, name: string, value: string | number): CgroupFile {
  return { controller, name, value: String(value) };
}

/** One property of a systemd unit: name, D-Bus signature, value. */
export type UnitProperty = readonly [name: string, signature: 'b' | 't', value: string];

/** systemd keeps a quota as whole percents of a CPU; a child must never find less than it asks for. */
const PERCENT_US = 10_000;

/** The same as properties of a slice; systemd has none for huge pages. Version 1 knows its own names only exactly. */
export function sliceProperties(
  { cpuShares, cpu, memory, pids }: CgroupLimits,
  version: 1 | 2,
): UnitProperty[] {
  const shares = version === 1 ? 'CPUShares' : 'CPUWeight';
  const weight = (value: number): number => (version === 1 ? value : cpuWeight(value));
  const perSecond = (quotaUs: number, periodUs: number): number =>
    Math.ceil(Math.floor((quotaUs * 1_000_000) / periodUs) / PERCENT_US) * PERCENT_US;
  return [
    ...(cpuShares === undefined ? [] : [property(shares, weight(cpuShares))]),
    ...(cpu === undefined
      ? []
      : [
          property('CPUQuotaPeriodUSec', cpu.periodUs),
          property('CPUQuotaPerSecUSec', perSecond(cpu.quotaUs, cpu.periodUs)),
        ]),
    ...(memory === undefined ? [] : [property(version === 1 ? 'MemoryLimit' : 'MemoryMax', memory)]),
    ...(pids === undefined ? [] : [property('TasksMax', pids)]),
  ];
}

function property(name: string, value: number): UnitProperty {
  return [name, 't', String(value)];
}
