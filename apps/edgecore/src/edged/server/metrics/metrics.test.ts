import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CriClient, METHODS } from '@kubeedge-ts/cri';
import { createManualClock } from '../../../edgehub/testing/manual-clock.ts';
import { readCgroupV2 } from '../../stats/cgroup-v2.ts';
import type { Figures } from '../../stats/index.ts';
import { V2_CONTAINER } from '../../stats/testing/recorded-cgroups.ts';
import { pod } from '../../testing/pods.ts';
import { cadvisorMetrics } from './cadvisor-metrics.ts';
import { createKubeletMetrics } from './kubelet-metrics.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { mountedDevice, subjectsOf } from './subjects.ts';

const AT = 1_795_860_000_000;
const usage = readCgroupV2((name) => V2_CONTAINER[name], 'full', AT);
const counters = {
  rxBytes: 1,
  rxPackets: 2,
  rxErrors: 3,
  rxDropped: 4,
  txBytes: 5,
  txPackets: 6,
  txErrors: 7,
  txDropped: 8,
};
const figures: Figures = {
  at: AT,
  node: {
    usage,
    memoryBytes: 1_000,
    swapBytes: 100,
    swapFreeBytes: 90,
    bootAt: AT - 1_000_000,
    network: [{ name: 'ens3', ...counters }],
    tasks: 5,
    maxPid: 100,
    systemContainers: new Map([['pods', { path: '/kubepods', usage }]]),
  },
  pods: [
    {
      pod: { name: 'web', namespace: 'default', uid: 'u' },
      sandboxId: 's1',
      createdAt: AT - 60_000,
      cgroup: { path: '/kubepods/podu', usage },
      sandbox: { path: '/kubepods/podu/s1', usage },
      network: [{ name: 'eth0', ...counters }],
      containers: [
        {
          id: 'c1',
          name: 'main',
          attempt: 0,
          image: 'sha256:1',
          createdAt: AT - 50_500,
          path: '/kubepods/podu/c1',
          usage,
          processes: 2,
        },
      ],
    },
  ],
};
/** Every line is a comment or a sample, each family is announced once and its samples stand together. */
function assertWellFormed(text: string): void {
  const announced = new Set<string>();
  let current = '';
  for (const line of text.split('\n').slice(0, -1)) {
    const [, name] = /^# TYPE (\S+) (?:counter|gauge|histogram)$/.exec(line) ?? [];
    if (name !== undefined) {
      assert.ok(!announced.has(name), `${name} twice`);
      announced.add(name);
      current = name;
    } else if (!line.startsWith('# HELP ')) {
      assert.match(
        line,
        /^[a-z_]+(\{[a-z_A-Z]+="(?:[^"\\]|\\.)*"(?:,[a-z_A-Z]+="(?:[^"\\]|\\.)*")*\})? -?[0-9.e+-]+( \d+)?$/,
      );
      assert.ok(line.startsWith(current), `${line} below ${current}`);
    }
  }
}

describe('/metrics/resource', () => {
  test('has what metrics-server reads, with the times of the figures', () => {
    const text = resourceMetrics(figures);
    assertWellFormed(text);
    for (const line of [
      'node_cpu_usage_seconds_total 1.94 1795860000000',
      'node_memory_working_set_bytes 561152 1795860000000',
      'node_swap_usage_bytes 10 1795860000000',
      'container_cpu_usage_seconds_total{container="main",namespace="default",pod="web"} 1.94 1795860000000',
      'container_memory_working_set_bytes{container="main",namespace="default",pod="web"} 561152 1795860000000',
      'container_start_time_seconds{container="main",namespace="default",pod="web"} 1795859949.5',
      'pod_cpu_usage_seconds_total{namespace="default",pod="web"} 1.94 1795860000000',
      'pod_memory_working_set_bytes{namespace="default",pod="web"} 561152 1795860000000',
      'resource_scrape_error 0',
      'scrape_error 0',
    ])
      assert.ok(text.includes(`\n${line}\n`), line);
  });

  test('says so when there are no figures', () => {
    const text = resourceMetrics(undefined);
    assert.match(text, /^resource_scrape_error 1$/m);
    assert.ok(!text.includes('node_cpu'));
  });
});

describe('/metrics/cadvisor', () => {
  const fs = { capacityBytes: 1_000, freeBytes: 600, availableBytes: 500, inodes: 10, inodesFree: 8 };
  const web = pod('web', {}, { uid: 'u' });
  const status = { containerStatuses: [{ name: 'main', image: 'docker.io/library/busybox:1' }] };
  const subjects = subjectsOf({
    figures,
    storage: {
      nodeFs: fs,
      imageFs: fs,
      imageUsage: undefined,
      containerFs: undefined,
      containerUsage: undefined,
      defaultInterface: undefined,
      pods: new Map([
        [
          'u',
          {
            containers: new Map([['main', { rootfs: { bytes: 42, inodes: 1 } }]]),
            volumes: [],
            ephemeral: undefined,
          },
        ],
      ]),
    },
    pods: [{ ...web, status } as never],
    sandboxImage: 'pause:3.6',
    nodeDevice: '/dev/vda1',
  });
  const text = [
    ...cadvisorMetrics({
      at: AT,
      subjects,
      machine: {
        bootId: 'b',
        machineId: 'm',
        systemUuid: 's',
        cpuCount: 2,
        memoryBytes: 1_000,
        swapBytes: 0,
      },
      deviceName: () => '/dev/vda',
    }),
  ].join('');
  const main =
    'container="main",id="/kubepods/podu/c1",image="docker.io/library/busybox:1",name="c1",namespace="default",pod="web"';
  const pause =
    'container="",id="/kubepods/podu/s1",image="pause:3.6",name="s1",namespace="default",pod="web"';

  test('is well formed', () => assertWellFormed(text));

  test('has the series of dashboards, with cAdvisor’s labels', () => {
    for (const line of [
      `container_cpu_usage_seconds_total{cpu="total",${main}} 1.94 1795860000000`,
      `container_cpu_cfs_throttled_periods_total{${main}} 89 1795860000000`,
      `container_memory_working_set_bytes{${main}} 561152 1795860000000`,
      `container_memory_rss{${main}} 98304 1795860000000`,
      `container_memory_cache{${main}} 3149824 1795860000000`,
      `container_memory_failures_total{failure_type="pgmajfault",scope="hierarchy",${main}} 5 1795860000000`,
      `container_spec_memory_limit_bytes{${main}} 67108864 1795860000000`,
      `container_spec_cpu_quota{${main}} 20000 1795860000000`,
      `container_start_time_seconds{${main}} 1795859949.5 1795860000000`,
      `container_fs_writes_bytes_total{device="/dev/vda",${main}} 3152896 1795860000000`,
      `container_fs_usage_bytes{device="/dev/vda1",${main}} 42 1795860000000`,
      `container_network_receive_bytes_total{interface="eth0",${pause}} 1 1795860000000`,
      `container_network_transmit_packets_dropped_total{interface="eth0",${pause}} 8 1795860000000`,
      'container_memory_working_set_bytes{container="",id="/kubepods/podu",image="",name="",namespace="default",pod="web"} 561152 1795860000000',
      'container_cpu_usage_seconds_total{cpu="total",container="",id="/",image="",name="",namespace="",pod=""} 1.94 1795860000000',
      'container_network_receive_bytes_total{interface="ens3",container="",id="/",image="",name="",namespace="",pod=""} 1 1795860000000',
      'container_fs_limit_bytes{device="/dev/vda1",container="",id="/",image="",name="",namespace="",pod=""} 1000 1795860000000',
      'machine_cpu_cores{boot_id="b",machine_id="m",system_uuid="s"} 2',
    ])
      assert.ok(text.includes(`\n${line}\n`), line);
  });

  test('the device of a path is the one mounted nearest', () => {
    const table = [
      '22 1 254:0 / / rw - ext4 /dev/vda1 rw',
      '23 22 254:1 / /var/lib rw shared:1 - xfs /dev/vdb rw',
      '24 22 0:5 / /var/library rw - tmpfs tmpfs rw',
      'odd',
    ].join('\n');
    assert.equal(mountedDevice(table, '/var/lib/kubelet'), '/dev/vdb');
    assert.equal(mountedDevice(table, '/opt'), '/dev/vda1');
    assert.equal(mountedDevice('', '/opt'), '');
  });
});

describe('/metrics', () => {
  const state = { nodeName: 'edge-a', version: 'v1', pods: [], runtime: undefined, relistedAt: undefined };

  test('counts and times what the runtime is asked, and what fails', async () => {
    const clock = createManualClock();
    const metrics = createKubeletMetrics(clock);
    const methods = Object.keys(METHODS).map((name) => `${name.charAt(0).toLowerCase()}${name.slice(1)}`);
    const client = Object.fromEntries(methods.map((name) => [name, async () => void clock.advance(20)]));
    const cri = metrics.observed({
      ...client,
      endpoint: 'unix:///x',
      close() {},
      stopContainer: async () => {
        throw new Error('no');
      },
    } as unknown as CriClient);
    await cri.runPodSandbox({});
    await cri.runPodSandbox({});
    await assert.rejects(cri.stopContainer({}), /no/);
    assert.equal(cri.endpoint, 'unix:///x');
    const text = metrics.text(state);
    assertWellFormed(text.replace(/^.*_(bucket|sum|count)\b.*\n/gm, ''));
    assert.match(text, /^kubelet_runtime_operations_total\{operation_type="run_podsandbox"\} 2$/m);
    assert.match(text, /^kubelet_runtime_operations_errors_total\{operation_type="stop_container"\} 1$/m);
    assert.match(
      text,
      /^kubelet_runtime_operations_duration_seconds_bucket\{operation_type="run_podsandbox",le="0.03125"\} 2$/m,
    );
    assert.ok(!text.includes('operation_type="exec"'));
  });

  test('how long pods take to run, once each; a pod that goes before is forgotten', () => {
    const clock = createManualClock();
    const metrics = createKubeletMetrics(clock);
    const known = (uid: string) => pod('web', {}, { uid });
    metrics.podReported('a', 'Pending');
    metrics.podReported('gone', 'Pending');
    clock.advance(700);
    metrics.podReported('a', 'Pending');
    metrics.podReported('a', 'Running');
    metrics.podReported('a', 'Running');
    metrics.podReported('adopted', 'Running');
    const text = metrics.text({ ...state, pods: [known('a')] });
    assert.match(text, /^kubelet_pod_start_duration_seconds_bucket\{le="0.5"\} 0$/m);
    assert.match(text, /^kubelet_pod_start_duration_seconds_bucket\{le="1"\} 1$/m);
    assert.match(text, /^kubelet_pod_start_duration_seconds_count 1$/m);
    metrics.podReported('gone', 'Running');
    assert.match(metrics.text(state), /^kubelet_pod_start_duration_seconds_count 1$/m);
  });

  test('pods, containers, relists, requests', () => {
    const clock = createManualClock();
    const metrics = createKubeletMetrics(clock);
    metrics.relisted(3);
    clock.advance(1_000);
    metrics.relisted(4);
    metrics.requested('GET', 'pods', false);
    const fixed = pod('s', {}, { annotations: { 'kubernetes.io/config.source': 'file' } });
    const text = metrics.text({
      ...state,
      pods: [pod('web'), fixed],
      runtime: {
        sandboxes: 3,
        containers: new Map([
          ['running', 5],
          ['exited', 2],
        ]),
      },
      relistedAt: 5_000,
    });
    for (const line of [
      'kubelet_node_name{node="edge-a"} 1',
      'kubelet_running_pods 3',
      'kubelet_running_containers{container_state="exited"} 2',
      'kubelet_desired_pods{static=""} 1',
      'kubelet_desired_pods{static="true"} 1',
      'kubelet_pleg_relist_interval_seconds_bucket{le="1"} 1',
      'kubelet_pleg_relist_duration_seconds_count 2',
      'kubelet_pleg_last_seen_seconds 5',
      'kubelet_http_requests_total{long_running="false",method="GET",path="pods",server_type="readonly"} 1',
    ])
      assert.ok(text.includes(`\n${line}\n`), line);
  });
});
