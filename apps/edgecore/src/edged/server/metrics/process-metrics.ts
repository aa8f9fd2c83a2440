import type { KernelFiles } from '../../stats/index.ts';
import { family, type Sample } from './exposition.ts';

const one = (value: number | undefined): Sample[] => (value === undefined ? [] : [{ labels: '', value }]);

/** What every Prometheus client says of its process. `startedAt`: ms since the epoch. */
export function processMetrics(kernel: KernelFiles, startedAt: number): string {
  const { user, system } = process.cpuUsage();
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  const [, virtualKib] = /^VmSize:\s+(\d+) kB$/m.exec(kernel.read('/proc/self/status') ?? '') ?? [];
  const [, maxFiles] = /^Max open files\s+(\d+)/m.exec(kernel.read('/proc/self/limits') ?? '') ?? [];
  return [
    family(
      'process_cpu_seconds_total',
      'counter',
      'Total user and system CPU time spent in seconds.',
      one((user + system) / 1e6),
    ),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', one(rss)),
    family(
      'process_virtual_memory_bytes',
      'gauge',
      'Virtual memory size in bytes.',
      one(virtualKib === undefined ? undefined : Number(virtualKib) * 1_024),
    ),
    family(
      'process_start_time_seconds',
      'gauge',
      'Start time of the process since unix epoch in seconds.',
      one(startedAt / 1_000),
    ),
    family(
      'process_open_fds',
      'gauge',
      'Number of open file descriptors.',
      one(kernel.count('/proc/self/fd')),
    ),
    family(
      'process_max_fds',
      'gauge',
      'Maximum number of open file descriptors.',
      one(maxFiles === undefined ? undefined : Number(maxFiles)),
    ),
    family('nodejs_heap_size_total_bytes', 'gauge', 'Size of the JavaScript heap in bytes.', one(heapTotal)),
    family(
      'nodejs_heap_size_used_bytes',
      'gauge',
      'Used part of the JavaScript heap in bytes.',
      one(heapUsed),
    ),
    family(
      'nodejs_external_memory_bytes',
      'gauge',
      'Memory of buffers outside the JavaScript heap in bytes.',
      one(external),
    ),
  ].join('');
}
