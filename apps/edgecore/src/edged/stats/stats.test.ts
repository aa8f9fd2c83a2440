import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import { type CriMethods, createCriCodec, METHODS } from '@kubeedge-ts/cri';
import { criErrors } from '@kubeedge-ts/errors';
import { systemClock } from '@kubeedge-ts/runtime';
import { pod } from '../testing/pods.ts';
import type { CgroupTree } from './locate.ts';
import { createStats, type Stats, type StatsOptions } from './stats.ts';
import { type Disks, systemDisks } from './storage.ts';
import { below, kernelTree } from './testing/kernel-tree.ts';
import { V1_CONTAINER, V2_CONTAINER } from './testing/recorded-cgroups.ts';

/** Of the recorded container. */
const USAGE_NS = 615_706_505;
const WORKING_SET = 3_641_344 - 3_145_728;
const NOW = Date.parse('2026-11-22T14:08:49Z');
const web: Pod = pod('web', { volumes: [{ name: 'scratch', emptyDir: {} }] });
const uid = web.metadata.uid as string;
const labels = {
  'io.kubernetes.pod.name': 'web',
  'io.kubernetes.pod.namespace': 'default',
  'io.kubernetes.pod.uid': uid,
};
const NET = 'a\nb\n  eth0: 100 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0\n';
const MACHINE = {
  '/proc/meminfo': 'MemTotal: 1000000 kB\nMemFree: 400000 kB\nSwapTotal: 1000 kB\nSwapFree: 900 kB\n',
  '/proc/stat': 'btime 1795860000\n',
  '/proc/net/dev': NET.replace('eth0', 'ens3'),
  '/proc/net/route':
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\nens3\t00000000\t010200C0\t3\t0\t0\t0\t00000000\n',
  '/proc/loadavg': '0.1 0.2 0.3 1/321 5\n',
  '/proc/sys/kernel/pid_max': '32768\n',
  '/proc/self/ns/net': '-> net:[1]',
  '/proc/10/ns/net': '-> net:[2]',
  '/proc/10/net/dev': NET,
};
const V1 = {
  ...MACHINE,
  ...below(
    '/sys/fs/cgroup',
    Object.fromEntries(Object.entries(V1_CONTAINER).filter(([path]) => !/^(blkio|pids)/.test(path))),
  ),
  '/sys/fs/cgroup/memory/cgroup.procs': '1\n',
};
/** The files of a container at a path of the v1 hierarchies. */
const v1At = (path: string, procs: string) =>
  Object.fromEntries([
    ...Object.entries(V1_CONTAINER).map(([name, content]) => {
      const [controller, file] = name.split('/') as [string, string];
      return [`/sys/fs/cgroup/${controller}${path}/${file}`, content];
    }),
    [`/sys/fs/cgroup/memory${path}/cgroup.procs`, procs],
  ]);

let dir: string;
let stats: Stats | undefined;
const calls: string[] = [];
const codec = createCriCodec();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kets-stats-'));
  calls.length = 0;
});
afterEach(async () => {
  stats?.close();
  await rm(dir, { recursive: true, force: true });
});

interface Rig {
  readonly files: Record<string, string>;
  readonly tree?: CgroupTree;
  readonly answers?: { [M in keyof CriMethods]?: () => object };
  readonly disks?: Disks;
  readonly clock?: StatsOptions['clock'];
}

function rig({
  files,
  tree = { driver: 'cgroupfs', root: '', perQos: true },
  answers = {},
  disks = systemDisks,
  clock,
}: Rig): Stats {
  const known: { [M in keyof CriMethods]?: () => object } = {
    ListPodSandbox: () => ({ items: [{ id: 's1', labels, createdAt: (NOW - 60_000) * 1e6 }] }),
    ListContainers: () => ({
      containers: [
        {
          id: 'c1',
          podSandboxId: 's1',
          labels: { ...labels, 'io.kubernetes.container.name': 'main' },
          metadata: { name: 'main', attempt: 2 },
          image: { image: 'sha256:1' },
          createdAt: (NOW - 50_000) * 1e6,
        },
      ],
    }),
    ContainerStatus: () => ({ info: { info: JSON.stringify({ pid: 10 }) } }),
    ListContainerStats: () => ({
      stats: [
        {
          attributes: { id: 'c1' },
          cpu: { timestamp: NOW * 1e6, usageCoreNanoSeconds: { value: 77 } },
          memory: { timestamp: NOW * 1e6, workingSetBytes: { value: 88 } },
          writableLayer: { usedBytes: { value: 4_096 }, inodesUsed: { value: 2 } },
        },
      ],
    }),
    ImageFsInfo: () => ({
      imageFilesystems: [{ fsId: { mountpoint: dir }, usedBytes: { value: 9 }, inodesUsed: { value: 3 } }],
    }),
    ...answers,
  };
  const cri = Object.fromEntries(
    Object.entries(METHODS).map(([method, [, , response]]) => [
      `${method.charAt(0).toLowerCase()}${method.slice(1)}`,
      async () => {
        calls.push(method);
        const answer = known[method as keyof CriMethods];
        if (answer === undefined) throw new Error(`unexpected ${method}`);
        return codec.decode(response, codec.encode(response, answer()));
      },
    ]),
  ) as unknown as StatsOptions['cri'];
  stats = createStats({
    nodeName: 'edge-a',
    rootDir: dir,
    podLogsDir: join(dir, 'logs'),
    volumeStatsMs: 60_000,
    cri,
    pods: () => [web],
    cgroupSettings: () => tree,
    kernel: kernelTree(files),
    disks,
    clock: clock ?? { ...systemClock, now: () => NOW },
  });
  return stats;
}

interface Summary {
  readonly node: Record<string, never>;
  readonly pods: readonly Record<string, never>[];
}
const summary = async (onlyCpuAndMemory: boolean): Promise<Summary> =>
  (await stats?.summary({ onlyCpuAndMemory })) as Summary;
const PODS = `/kubepods/besteffort/pod${uid}`;
const PERQOS = {
  ...V1,
  ...v1At('/kubepods', ''),
  ...v1At(PODS, ''),
  ...v1At(`${PODS}/s1`, '10\n'),
  ...v1At(`${PODS}/c1`, '11\n12\n'),
};

describe('figures of pods', () => {
  test('v1, cgroupfs: from the cgroups of pod and container, the network from the sandbox', async () => {
    const { pods, node } = await rig({ files: PERQOS }).figures('full');
    const [figures] = pods;
    assert.equal(figures?.cgroup?.path, PODS);
    assert.deepEqual(
      figures?.network?.map(({ name, rxBytes }) => [name, rxBytes]),
      [['eth0', 100]],
    );
    assert.equal(figures?.sandbox?.path, `${PODS}/s1`);
    const [main] = figures?.containers ?? [];
    assert.deepEqual([main?.name, main?.attempt, main?.path, main?.processes], ['main', 2, `${PODS}/c1`, 2]);
    assert.equal(main?.usage?.memory?.limitBytes, 67_108_864);
    assert.deepEqual([...node.systemContainers.keys()], ['pods']);
    assert.deepEqual(calls, ['ListPodSandbox', 'ListContainers'], 'the runtime is asked for what runs only');
  });

  test('v2, systemd: slices and scopes (a recorded container put where systemd has it: these machines have v1)', async () => {
    const slice = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`;
    const at = (path: string, procs: string) =>
      below(`/sys/fs/cgroup${path}`, { ...V2_CONTAINER, 'cgroup.procs': procs });
    const files = {
      ...MACHINE,
      '/sys/fs/cgroup/cgroup.controllers': 'cpu memory',
      '/sys/fs/cgroup/cgroup.procs': '',
      '/sys/fs/cgroup/cpu.stat': 'usage_usec 7\n',
      '/proc/self/cgroup': '0::/system.slice/edgecore.service\n',
      ...at('/system.slice/edgecore.service', '5\n'),
      ...at('/kubepods.slice', ''),
      ...at(slice, ''),
      ...at(`${slice}/cri-containerd-s1.scope`, '10\n'),
      ...at(`${slice}/cri-containerd-c1.scope`, '11\n'),
    };
    const { pods, node } = await rig({ files, tree: { driver: 'systemd', root: '', perQos: true } }).figures(
      'basic',
    );
    assert.equal(pods[0]?.cgroup?.path, slice);
    assert.equal(pods[0]?.containers[0]?.path, `${slice}/cri-containerd-c1.scope`);
    assert.equal(pods[0]?.network?.[0]?.txBytes, 200);
    assert.deepEqual(
      [...node.systemContainers].map(([name, { path }]) => [name, path]),
      [
        ['kubelet', '/system.slice/edgecore.service'],
        ['pods', '/kubepods.slice'],
      ],
    );
    assert.equal(node.usage?.memory?.usageBytes, 600_000 * 1_024);
  });

  test('pods without cgroups of their own: each container is found by its process', async () => {
    const files = { ...V1, ...v1At('/elsewhere/c1', '10\n'), '/proc/10/cgroup': '4:memory:/elsewhere/c1\n' };
    const it = rig({ files, tree: { driver: 'cgroupfs', root: '', perQos: false } });
    const [figures] = (await it.figures('basic')).pods;
    assert.equal(figures?.cgroup, undefined);
    assert.equal(figures?.containers[0]?.path, '/elsewhere/c1');
    assert.deepEqual(
      figures?.network?.map(({ name }) => name),
      ['eth0'],
    );
    const shown = (await summary(true)).pods[0] as unknown as { cpu: { usageCoreNanoSeconds: number } };
    assert.equal(shown.cpu.usageCoreNanoSeconds, USAGE_NS);
  });

  test('a container whose cgroup is not on this machine: what the runtime says', async () => {
    const answers = { ContainerStatus: () => ({ info: {} }) };
    const [figures] = (await rig({ files: V1, answers }).figures('basic')).pods;
    assert.equal(figures?.containers[0]?.usage?.cpu?.usageNs, 77);
    assert.equal(figures?.containers[0]?.usage?.memory?.workingSetBytes, 88);
  });

  test('a pod on the node’s network has none of its own', async () => {
    const [figures] = (await rig({ files: { ...PERQOS, '/proc/10/ns/net': '-> net:[1]' } }).figures('basic'))
      .pods;
    assert.equal(figures?.network, undefined);
  });

  test('one look serves all who ask within seconds; a failure is not kept', async () => {
    let away = true;
    const answers = {
      ListPodSandbox() {
        if (away) throw criErrors.create('CRI_UNAVAILABLE', { endpoint: 'e', method: 'm', problem: 'p' });
        return { items: [] };
      },
    };
    const it = rig({ files: PERQOS, answers });
    await assert.rejects(it.figures('basic'), { code: 'CRI_UNAVAILABLE' });
    away = false;
    calls.length = 0;
    await Promise.all([it.figures('basic'), it.podUsage(), summary(true)]);
    assert.deepEqual(calls, ['ListPodSandbox', 'ListContainers']);
  });
});

describe('/stats/summary', () => {
  test('node and pods as the kubelet shows them', async () => {
    await mkdir(join(dir, `pods/${uid}/volumes/kubernetes.io~empty-dir/scratch`), { recursive: true });
    await writeFile(
      join(dir, `pods/${uid}/volumes/kubernetes.io~empty-dir/scratch/f`),
      Buffer.alloc(50_000, 1),
    );
    await mkdir(join(dir, `logs/default_web_${uid}/main`), { recursive: true });
    await writeFile(join(dir, `logs/default_web_${uid}/main/2.log`), Buffer.alloc(9_000, 1));
    rig({ files: PERQOS });
    const shown = (await summary(false)) as unknown as {
      node: Record<string, Record<string, unknown>>;
      pods: [
        Record<string, unknown> & {
          containers: [Record<string, Record<string, unknown>>];
          volume: [Record<string, unknown>];
        },
      ];
    };
    const { node, pods } = shown;
    assert.equal(node['nodeName'], 'edge-a');
    assert.equal(node['startTime'], '2026-11-28T10:00:00Z');
    assert.deepEqual(node['swap'], {
      time: '2026-11-22T14:08:49Z',
      swapAvailableBytes: 921_600,
      swapUsageBytes: 102_400,
    });
    assert.equal(node['network']?.['name'], 'ens3');
    assert.deepEqual(node['rlimit'], { time: '2026-11-22T14:08:49Z', maxpid: 32_768, curproc: 321 });
    assert.ok(Number(node['fs']?.['capacityBytes']) > 0);
    assert.equal((node['runtime']?.['imageFs'] as Record<string, unknown> | undefined)?.['usedBytes'], 9);
    const [web_] = pods;
    assert.deepEqual(web_['podRef'], { name: 'web', namespace: 'default', uid });
    assert.equal(web_['startTime'], '2026-11-22T14:07:49Z');
    assert.deepEqual(web_['process_stats'], { process_count: 2 });
    const [main] = web_.containers;
    assert.equal(main['memory']?.['availableBytes'], 67_108_864 - WORKING_SET);
    assert.equal(main['rootfs']?.['usedBytes'], 4_096);
    assert.ok(Number(main['logs']?.['usedBytes']) >= 9_000);
    const [volume] = web_.volume;
    assert.equal(volume['name'], 'scratch');
    assert.ok(Number(volume['usedBytes']) >= 50_000);
    const whole = web_['ephemeral-storage'] as Record<string, number>;
    assert.equal(
      whole['usedBytes'],
      4_096 + Number(main['logs']?.['usedBytes']) + Number(volume['usedBytes']),
    );
  });

  test('only CPU and memory: nothing else is asked for or shown', async () => {
    rig({ files: PERQOS });
    const { node, pods } = await summary(true);
    assert.deepEqual(Object.keys(node), [
      'nodeName',
      'systemContainers',
      'startTime',
      'cpu',
      'memory',
      'swap',
    ]);
    assert.deepEqual(Object.keys(pods[0] ?? {}), [
      'podRef',
      'startTime',
      'containers',
      'cpu',
      'memory',
      'swap',
      'process_stats',
    ]);
    assert.deepEqual(calls, ['ListPodSandbox', 'ListContainers']);
  });

  test('CPU use of the first answer comes from a second look a moment later', async () => {
    const files = { ...PERQOS };
    let now = NOW;
    const clock = {
      now: () => now,
      monotonic: () => now,
      after: (ms: number, task: () => void) => {
        now += ms;
        files[`/sys/fs/cgroup/cpuacct${PODS}/c1/cpuacct.usage`] = `${USAGE_NS + 100_000_000}\n`;
        queueMicrotask(task);
        return () => undefined;
      },
    };
    rig({ files, clock });
    const { pods } = (await summary(true)) as unknown as {
      pods: [{ containers: [{ cpu: { usageNanoCores: number } }] }];
    };
    assert.equal(pods[0].containers[0].cpu.usageNanoCores, 400_000_000);
  });
});

describe('what pods use, for eviction', () => {
  test('memory and processes without a look at disks; of all, or of some', async () => {
    const it = rig({ files: PERQOS });
    const usage = (await it.podUsage()).get(uid);
    assert.equal(usage?.memoryWorkingSetBytes, WORKING_SET);
    assert.equal(usage?.processes, 2);
    assert.equal(usage?.containers.get('main')?.memoryWorkingSetBytes, WORKING_SET);
    assert.equal(usage?.ephemeralStorage, undefined);
    assert.equal((await it.podUsage({ pods: [pod('other')] })).size, 0);
    assert.ok(!calls.includes('ListContainerStats'));
  });

  test('with disks: writable layer, logs and volumes, and all together', async () => {
    await mkdir(join(dir, `pods/${uid}/volumes/kubernetes.io~empty-dir/scratch`), { recursive: true });
    await mkdir(join(dir, `logs/default_web_${uid}/main`), { recursive: true });
    const it = rig({ files: PERQOS });
    const usage = (await it.podUsage({ storage: true, pods: [web] })).get(uid);
    const main = usage?.containers.get('main');
    assert.deepEqual(main?.rootfs, { bytes: 4_096, inodes: 2 });
    const parts = [main?.rootfs, main?.logs, usage?.volumes.get('scratch')];
    assert.equal(
      usage?.ephemeralStorage?.bytes,
      parts.reduce((sum, part) => sum + (part?.bytes ?? 0), 0),
    );
  });

  test('a volume that is a file system of its own is asked, not walked', async () => {
    const volume = join(dir, `pods/${uid}/volumes/kubernetes.io~empty-dir/scratch`);
    await mkdir(join(dir, `logs/default_web_${uid}/main`), { recursive: true });
    const disks: Disks = {
      fileSystem: async (path) =>
        path === volume
          ? { capacityBytes: 1_000, freeBytes: 400, availableBytes: 300, inodes: 10, inodesFree: 4 }
          : undefined,
      device: async (path) => (path === volume ? 2 : path.startsWith(dir) ? 1 : undefined),
    };
    const it = rig({ files: PERQOS, disks });
    const usage = (await it.podUsage({ storage: true })).get(uid);
    assert.deepEqual(usage?.volumes.get('scratch'), { bytes: 600, inodes: 6 });
  });
});
