import type { CgroupUsage, DeviceIo, InterfaceCounters } from '../../stats/index.ts';
import { family, type Kind, type Labels, labelText, type Sample } from './exposition.ts';

/** One cgroup with the labels cAdvisor gives it. */
export interface Subject {
  readonly labels: Labels;
  readonly usage: CgroupUsage | undefined;
  /** ms since the epoch. */
  readonly startedAt: number | undefined;
  readonly processes: number | undefined;
  readonly network: readonly InterfaceCounters[] | undefined;
  readonly fileSystem: SubjectFileSystem | undefined;
}

export interface SubjectFileSystem {
  readonly device: string;
  readonly usedBytes: number;
  readonly capacityBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

export interface MachineFacts {
  readonly bootId: string;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
}

export interface CadvisorInputs {
  /** ms since the epoch. */
  readonly at: number;
  readonly subjects: readonly Subject[];
  readonly machine: MachineFacts;
  /** `8:0` → `/dev/sda` */
  readonly deviceName: (device: string) => string;
}

type Value = (subject: Subject) => number | undefined;
type Row = readonly [name: string, kind: Kind, help: string, value: Value];

const nanos = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : value / 1e9;
const cpu =
  (pick: (usage: NonNullable<CgroupUsage['cpu']>) => number | undefined): Value =>
  ({ usage }) =>
    usage?.cpu === undefined ? undefined : pick(usage.cpu);
const memory =
  (pick: (usage: NonNullable<CgroupUsage['memory']>) => number | undefined): Value =>
  ({ usage }) =>
    usage?.memory === undefined ? undefined : pick(usage.memory);

/** Metrics with one value per cgroup, named as cAdvisor names them. Limits that are not set are 0, as there. */
const ROWS: readonly Row[] = [
  [
    'container_cpu_user_seconds_total',
    'counter',
    'Cumulative user cpu time consumed in seconds.',
    cpu(({ userNs }) => nanos(userNs)),
  ],
  [
    'container_cpu_system_seconds_total',
    'counter',
    'Cumulative system cpu time consumed in seconds.',
    cpu(({ systemNs }) => nanos(systemNs)),
  ],
  [
    'container_cpu_cfs_periods_total',
    'counter',
    'Number of elapsed enforcement period intervals.',
    cpu(({ quotaUs, periods }) => (quotaUs === undefined ? undefined : periods)),
  ],
  [
    'container_cpu_cfs_throttled_periods_total',
    'counter',
    'Number of throttled period intervals.',
    cpu(({ quotaUs, throttledPeriods }) => (quotaUs === undefined ? undefined : throttledPeriods)),
  ],
  [
    'container_cpu_cfs_throttled_seconds_total',
    'counter',
    'Total time duration the container has been throttled.',
    cpu(({ quotaUs, throttledNs }) => (quotaUs === undefined ? undefined : nanos(throttledNs))),
  ],
  [
    'container_memory_cache',
    'gauge',
    'Number of bytes of page cache memory.',
    memory(({ cacheBytes }) => cacheBytes),
  ],
  ['container_memory_rss', 'gauge', 'Size of RSS in bytes.', memory(({ rssBytes }) => rssBytes)],
  [
    'container_memory_mapped_file',
    'gauge',
    'Size of memory mapped files in bytes.',
    memory(({ mappedFileBytes }) => mappedFileBytes),
  ],
  ['container_memory_swap', 'gauge', 'Container swap usage in bytes.', memory(({ swapBytes }) => swapBytes)],
  [
    'container_memory_failcnt',
    'counter',
    'Number of memory usage hits limits',
    memory(({ limitHits }) => limitHits),
  ],
  [
    'container_memory_usage_bytes',
    'gauge',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
    memory(({ usageBytes }) => usageBytes),
  ],
  [
    'container_memory_max_usage_bytes',
    'gauge',
    'Maximum memory usage recorded in bytes',
    memory(({ maxUsageBytes }) => maxUsageBytes),
  ],
  [
    'container_memory_working_set_bytes',
    'gauge',
    'Current working set in bytes.',
    memory(({ workingSetBytes }) => workingSetBytes),
  ],
  [
    'container_memory_total_active_file_bytes',
    'gauge',
    'Current total active file in bytes.',
    memory(({ activeFileBytes }) => activeFileBytes),
  ],
  [
    'container_memory_total_inactive_file_bytes',
    'gauge',
    'Current total inactive file in bytes.',
    memory(({ inactiveFileBytes }) => inactiveFileBytes),
  ],
  [
    'container_oom_events_total',
    'counter',
    'Count of out of memory events observed for the container',
    memory(({ oomKills }) => oomKills),
  ],
  [
    'container_processes',
    'gauge',
    'Number of processes running inside the container.',
    ({ processes }) => processes,
  ],
  [
    'container_threads',
    'gauge',
    'Number of threads running inside the container',
    ({ usage }) => usage?.threads,
  ],
  [
    'container_threads_max',
    'gauge',
    'Maximum number of threads allowed inside the container, infinity if value is zero',
    ({ usage }) => (usage?.threads === undefined ? undefined : (usage.maxThreads ?? 0)),
  ],
  [
    'container_start_time_seconds',
    'gauge',
    'Start time of the container since unix epoch in seconds.',
    ({ startedAt }) => (startedAt === undefined ? undefined : startedAt / 1_000),
  ],
  ['container_spec_cpu_period', 'gauge', 'CPU period of the container.', cpu(({ periodUs }) => periodUs)],
  ['container_spec_cpu_quota', 'gauge', 'CPU quota of the container.', cpu(({ quotaUs }) => quotaUs)],
  ['container_spec_cpu_shares', 'gauge', 'CPU share of the container.', cpu(({ shares }) => shares)],
  [
    'container_spec_memory_limit_bytes',
    'gauge',
    'Memory limit for the container.',
    memory(({ limitBytes }) => limitBytes ?? 0),
  ],
  [
    'container_spec_memory_reservation_limit_bytes',
    'gauge',
    'Memory reservation limit for the container.',
    memory(() => 0),
  ],
  [
    'container_spec_memory_swap_limit_bytes',
    'gauge',
    'Memory swap limit for the container.',
    memory(({ swapLimitBytes }) => swapLimitBytes ?? 0),
  ],
];

const NETWORK: readonly (readonly [string, string, keyof InterfaceCounters])[] = [
  ['container_network_receive_bytes_total', 'Cumulative count of bytes received', 'rxBytes'],
  ['container_network_receive_packets_total', 'Cumulative count of packets received', 'rxPackets'],
  [
    'container_network_receive_packets_dropped_total',
    'Cumulative count of packets dropped while receiving',
    'rxDropped',
  ],
  [
    'container_network_receive_errors_total',
    'Cumulative count of errors encountered while receiving',
    'rxErrors',
  ],
  ['container_network_transmit_bytes_total', 'Cumulative count of bytes transmitted', 'txBytes'],
  ['container_network_transmit_packets_total', 'Cumulative count of packets transmitted', 'txPackets'],
  [
    'container_network_transmit_packets_dropped_total',
    'Cumulative count of packets dropped while transmitting',
    'txDropped',
  ],
  [
    'container_network_transmit_errors_total',
    'Cumulative count of errors encountered while transmitting',
    'txErrors',
  ],
];

const IO: readonly (readonly [string, string, keyof DeviceIo])[] = [
  ['container_fs_reads_bytes_total', 'Cumulative count of bytes read', 'readBytes'],
  ['container_fs_reads_total', 'Cumulative count of reads completed', 'reads'],
  ['container_fs_writes_bytes_total', 'Cumulative count of bytes written', 'writtenBytes'],
  ['container_fs_writes_total', 'Cumulative count of writes completed', 'writes'],
];

const FILE_SYSTEM: readonly (readonly [string, string, keyof SubjectFileSystem])[] = [
  ['container_fs_inodes_free', 'Number of available Inodes', 'inodesFree'],
  ['container_fs_inodes_total', 'Number of Inodes', 'inodes'],
  [
    'container_fs_limit_bytes',
    'Number of bytes that can be consumed by the container on this filesystem.',
    'capacityBytes',
  ],
  [
    'container_fs_usage_bytes',
    'Number of bytes that are consumed by the container on this filesystem.',
    'usedBytes',
  ],
];

/** `/metrics/cadvisor`, metric by metric: the whole may have some megabytes. */
export function* cadvisorMetrics({ at, subjects, machine, deviceName }: CadvisorInputs): Generator<string> {
  const plain = subjects.map((subject) => ({ subject, labels: labelText(subject.labels) }));
  const timed = (labels: string, value: number | undefined, when: number | undefined): Sample[] =>
    value === undefined ? [] : [{ labels, value, at: when ?? at }];
  const extra = ({ labels }: Subject, more: Labels): string => labelText({ ...more, ...labels });

  yield family('cadvisor_version_info', 'gauge', 'Names what gives these metrics.', [
    { labels: labelText({ cadvisorRevision: '', cadvisorVersion: '', dockerVersion: '' }), value: 1 },
  ]);
  yield family(
    'container_cpu_usage_seconds_total',
    'counter',
    'Cumulative cpu time consumed in seconds.',
    plain.flatMap(({ subject }) =>
      timed(extra(subject, { cpu: 'total' }), nanos(subject.usage?.cpu?.usageNs), subject.usage?.at),
    ),
  );
  for (const [name, kind, help, value] of ROWS)
    yield family(
      name,
      kind,
      help,
      plain.flatMap(({ subject, labels }) => timed(labels, value(subject), subject.usage?.at)),
    );
  yield family(
    'container_memory_failures_total',
    'counter',
    'Cumulative count of memory allocation failures.',
    subjects.flatMap((subject) => {
      const used = subject.usage?.memory;
      return [
        ...timed(
          extra(subject, { failure_type: 'pgfault', scope: 'hierarchy' }),
          used?.pageFaults,
          subject.usage?.at,
        ),
        ...timed(
          extra(subject, { failure_type: 'pgmajfault', scope: 'hierarchy' }),
          used?.majorPageFaults,
          subject.usage?.at,
        ),
      ];
    }),
  );
  yield family(
    'container_last_seen',
    'gauge',
    'Last time a container was seen by the exporter',
    plain.flatMap(({ subject, labels }) => timed(labels, Math.floor(at / 1_000), subject.usage?.at)),
  );
  for (const [name, help, field] of NETWORK)
    yield family(
      name,
      'counter',
      help,
      subjects.flatMap((subject) =>
        (subject.network ?? []).flatMap((one) =>
          timed(extra(subject, { interface: one.name }), Number(one[field]), undefined),
        ),
      ),
    );
  for (const [name, help, field] of IO)
    yield family(
      name,
      'counter',
      help,
      subjects.flatMap((subject) =>
        (subject.usage?.io ?? []).flatMap((one) =>
          timed(extra(subject, { device: deviceName(one.device) }), Number(one[field]), subject.usage?.at),
        ),
      ),
    );
  for (const [name, help, field] of FILE_SYSTEM)
    yield family(
      name,
      'gauge',
      help,
      subjects.flatMap((subject) => {
        const fs = subject.fileSystem;
        return fs === undefined
          ? []
          : timed(extra(subject, { device: fs.device }), Number(fs[field]), undefined);
      }),
    );
  yield* machineMetrics(machine);
}

function* machineMetrics(machine: MachineFacts): Generator<string> {
  const labels = labelText({
    boot_id: machine.bootId,
    machine_id: machine.machineId,
    system_uuid: machine.systemUuid,
  });
  yield family('machine_cpu_cores', 'gauge', 'Number of logical CPU cores.', [
    { labels, value: machine.cpuCount },
  ]);
  yield family('machine_memory_bytes', 'gauge', 'Amount of memory installed on the machine.', [
    { labels, value: machine.memoryBytes },
  ]);
  yield family('machine_swap_bytes', 'gauge', 'Amount of swap memory available on the machine.', [
    { labels, value: machine.swapBytes },
  ]);
  yield family(
    'machine_scrape_error',
    'gauge',
    '1 if there was an error while getting machine metrics, 0 otherwise.',
    [{ labels: '', value: 0 }],
  );
  yield family(
    'container_scrape_error',
    'gauge',
    '1 if there was an error while getting container metrics, 0 otherwise',
    [{ labels: '', value: 0 }],
  );
}
