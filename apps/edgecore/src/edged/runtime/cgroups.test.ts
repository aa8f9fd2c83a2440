import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Clock } from '@kubeedge-ts/runtime';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { container, pod } from '../testing/pods.ts';
import { cgroupPath, podCgroup, podUidOf, qosCgroup } from './cgroup-path.ts';
import { openCgroupTree } from './cgroup-tree.ts';
import { type CgroupSettings, createPodCgroups } from './cgroups.ts';
import { hierarchyLimits } from './qos-limits.ts';
import { createSystemdSlices } from './systemd-slices.ts';

const FIXTURE = new URL('../../../../../tests/fixtures/cgroups/gke-e2-medium.txt', import.meta.url);
const settings: CgroupSettings = {
  driver: 'cgroupfs',
  root: '',
  perQos: true,
  cpuCfsQuota: true,
  cpuPeriodUs: 100_000,
  podPids: -1,
  hugepageSizes: [],
};
const node = { cpus: 2, memory: 2 ** 30, pids: 1000, reserved: [], enforced: true };
const burstable = pod(
  'x',
  {
    containers: [
      container('c', { resources: { limits: { cpu: '200m', memory: '256Mi' }, requests: { cpu: '100m' } } }),
    ],
  },
  { uid: 'u' },
);
const bestEffort = pod('y', {}, { uid: 'v' });
/** Waits pass at once. */
const hurried: Clock = { ...systemClock, after: (_ms, task) => systemClock.after(0, task) };

describe('paths', () => {
  test('of both drivers, below a root of our own or the root', () => {
    const path = (
      driver: 'cgroupfs' | 'systemd',
      root: string,
      qos: 'Guaranteed' | 'Burstable' | 'BestEffort',
    ) => cgroupPath(driver, podCgroup(root, qos, 'a-b'));
    assert.equal(path('cgroupfs', '', 'Guaranteed'), '/kubepods/poda-b');
    assert.equal(path('cgroupfs', '/', 'Burstable'), '/kubepods/burstable/poda-b');
    assert.equal(path('cgroupfs', '/site', 'BestEffort'), '/site/kubepods/besteffort/poda-b');
    assert.equal(path('systemd', '', 'Guaranteed'), '/kubepods.slice/kubepods-poda_b.slice');
    assert.equal(
      path('systemd', '', 'Burstable'),
      '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poda_b.slice',
    );
    assert.equal(
      cgroupPath('systemd', qosCgroup('/site-a', 'BestEffort')),
      '/site_a.slice/site_a-kubepods.slice/site_a-kubepods-besteffort.slice',
    );
  });
  test('a pod is found again by the name of its directory', () => {
    assert.equal(podUidOf('cgroupfs', 'poda-b'), 'a-b');
    assert.equal(podUidOf('systemd', 'kubepods-burstable-poda_b.slice'), 'a-b');
    for (const other of ['burstable', 'kubepods-burstable.slice', 'x.scope']) {
      assert.equal(podUidOf('systemd', other), undefined);
    }
    assert.equal(podUidOf('cgroupfs', 'besteffort'), undefined);
  });
});

describe('cgroups of pods', () => {
  let root = '';
  const at = (file: string) => readFile(join(root, file), 'utf8');
  const calls: string[][] = [];
  let killed: number[] = [];
  let onKill: (pid: number) => void = () => {};

  const open = (mountPoint = root) =>
    createPodCgroups({
      tree: () =>
        openCgroupTree({
          clock: hurried,
          mountPoint,
          kill: (pid) => {
            killed.push(pid);
            onKill(pid);
          },
        }),
      slices: createSystemdSlices(async (argv) => {
        calls.push([...argv]);
      }),
      log: silentLogger,
    });
  const layOut = async (text: string): Promise<Map<string, string>> => {
    const files = new Map<string, string>();
    for (const line of text.split('\n')) {
      const [path, content] = /^(\/\S+) (.*)$/.exec(line)?.slice(1) ?? [];
      if (path !== undefined && content !== undefined) files.set(path, content);
    }
    return files;
  };

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kets-cg-'));
    calls.length = 0;
    killed = [];
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  describe('version 1', () => {
    beforeEach(async () => {
      for (const name of ['cpu', 'memory', 'pids', 'hugetlb', 'systemd', 'unified'])
        await mkdir(join(root, name));
    });

    test('the limits of a pod are written, each in the hierarchy of its controller', async () => {
      const cgroups = open();
      assert.equal(cgroups.parentOf(burstable, settings), '/kubepods/burstable/podu');
      await cgroups.ensure(burstable, { ...settings, podPids: 50, hugepageSizes: ['2MB'] });
      assert.equal(await at('cpu/kubepods/burstable/podu/cpu.shares'), '102');
      assert.equal(await at('cpu/kubepods/burstable/podu/cpu.cfs_period_us'), '100000');
      assert.equal(await at('cpu/kubepods/burstable/podu/cpu.cfs_quota_us'), '20000');
      assert.equal(await at('memory/kubepods/burstable/podu/memory.limit_in_bytes'), String(256 * 2 ** 20));
      assert.equal(await at('pids/kubepods/burstable/podu/pids.max'), '50');
      assert.equal(await at('hugetlb/kubepods/burstable/podu/hugetlb.2MB.limit_in_bytes'), '0');
      assert.deepEqual(await readdir(join(root, 'systemd')), []);
    });

    test('a controller the machine lacks is not made up as a directory', async () => {
      await rm(join(root, 'hugetlb'), { recursive: true });
      await open().ensure(burstable, { ...settings, hugepageSizes: ['2MB'] });
      await assert.rejects(stat(join(root, 'hugetlb')), { code: 'ENOENT' });
      assert.equal(await at('cpu/kubepods/burstable/podu/cpu.shares'), '102');
    });

    test('without CFS quotas there is none; a pod without limits gets none', async () => {
      await open().ensure(burstable, { ...settings, cpuCfsQuota: false });
      assert.deepEqual(await readdir(join(root, 'cpu/kubepods/burstable/podu')), ['cpu.shares']);
      await open().ensure(bestEffort, settings);
      assert.deepEqual(await readdir(join(root, 'cpu/kubepods/besteffort/podv')), ['cpu.shares']);
      assert.equal(await at('cpu/kubepods/besteffort/podv/cpu.shares'), '2');
      await assert.rejects(stat(join(root, 'memory/kubepods/besteffort')), { code: 'ENOENT' });
    });

    test('the hierarchy: all pods, burstable as much as they ask for, best effort last', async () => {
      const reserved: Record<string, string>[] = [
        { cpu: '500m', memory: '256Mi', pid: '100' },
        { memory: '256Mi' },
      ];
      const limits = hierarchyLimits([burstable, bestEffort], { ...node, reserved });
      await open().limit(limits, settings);
      assert.equal(await at('cpu/kubepods/cpu.shares'), '1536');
      assert.equal(await at('memory/kubepods/memory.limit_in_bytes'), String(2 ** 29));
      assert.equal(await at('pids/kubepods/pids.max'), '900');
      assert.equal(await at('cpu/kubepods/burstable/cpu.shares'), '102');
      assert.equal(await at('cpu/kubepods/besteffort/cpu.shares'), '2');
      assert.deepEqual(await readdir(join(root, 'cpu/kubepods/burstable')), ['cpu.shares']);
    });

    test('what is reserved is not taken off where enforceNodeAllocatable does not say so', () => {
      const { all } = hierarchyLimits([], { ...node, reserved: [{ memory: '512Mi' }], enforced: false });
      assert.equal(all.memory, 2 ** 30);
    });

    test('a limit that is refused does not keep the others from being written', async () => {
      await mkdir(join(root, 'cpu/kubepods/burstable/podu/cpu.shares'), { recursive: true });
      await open().ensure(burstable, settings);
      assert.equal(await at('memory/kubepods/burstable/podu/memory.limit_in_bytes'), String(256 * 2 ** 20));
    });

    test('removal: every hierarchy and class; what still runs is ended first', async () => {
      const dirs = ['cpu', 'memory', 'systemd', 'unified'].map((name) =>
        join(root, name, 'kubepods/burstable/podu'),
      );
      for (const dir of dirs) await mkdir(join(dir, 'c1'), { recursive: true });
      const procs = join(dirs[0]!, 'c1/cgroup.procs');
      await writeFile(procs, `0\n1\n4242\n${process.pid}\n`);
      onKill = () => void rm(procs, { force: true });
      await open().remove('u', settings);
      assert.deepEqual([...new Set(killed)], [4242]);
      for (const dir of dirs) await assert.rejects(stat(dir), { code: 'ENOENT' });
      assert.deepEqual(await readdir(join(root, 'cpu/kubepods')), ['burstable']);
    });

    test('empty ones are abandoned; those with processes may be another kubelet’s', async () => {
      const busy = join(root, 'memory/kubepods/poda');
      await mkdir(join(busy, 'c1'), { recursive: true });
      await writeFile(join(busy, 'c1/cgroup.procs'), '4242\n');
      await mkdir(join(root, 'cpu/kubepods/poda'), { recursive: true });
      await mkdir(join(root, 'systemd/kubepods/besteffort/podb/c1'), { recursive: true });
      assert.deepEqual(await open().abandoned(settings), ['b']);
      assert.deepEqual(killed, []);
    });

    test('a directory that will not go keeps nobody waiting', async () => {
      const dir = join(root, 'cpu/kubepods/podu');
      await mkdir(dir, { recursive: true });
      await writeFile(join(dir, 'stays'), '');
      await open().remove('u', settings);
      assert.deepEqual(await readdir(dir), ['stays']);
    });

    test('without cgroups per QoS: the root of the configuration, and nothing is made', async () => {
      const none = { ...settings, perQos: false };
      assert.equal(open().parentOf(burstable, { ...none, root: '/site' }), '/site');
      assert.equal(open().parentOf(burstable, { ...none, root: '/' }), '');
      await open().ensure(burstable, none);
      await open().limit(hierarchyLimits([], node), none);
      await open().remove('u', none);
      assert.deepEqual(await readdir(join(root, 'cpu')), []);
    });
  });

  /** On plain files; a kernel that has version 2 judges the same code in tests/component/cgroup-v2.test.ts. */
  describe('version 2, on plain files (these machines have version 1), with the published values of a GKE node', () => {
    let published: Map<string, string>;
    beforeEach(async () => {
      published = await layOut(await readFile(FIXTURE, 'utf8'));
      for (const name of ['/cgroup.controllers', '/cgroup.subtree_control']) {
        await mkdir(dirname(join(root, name)), { recursive: true });
        await writeFile(join(root, name), published.get(name) ?? '');
      }
    });
    const of = (path: string) => published.get(`/kubepods.slice${path}`);
    const pods = '/kubepods-burstable.slice/kubepods-burstable-podu.slice';

    test('a pod gets the values that such a node shows', async () => {
      const wanted = { ...settings, podPids: 50, hugepageSizes: ['2MB'] };
      await open().ensure(burstable, wanted);
      const dir = 'kubepods/burstable/podu';
      assert.equal(await at(`${dir}/cpu.max`), of(`${pods}/cpu.max`));
      assert.equal(await at(`${dir}/memory.max`), of(`${pods}/memory.max`));
      assert.equal(await at(`${dir}/cpu.weight`), '4');
      assert.equal(await at(`${dir}/pids.max`), '50');
      assert.equal(await at(`${dir}/hugetlb.2MB.max`), '0');
    });
    test('so do all pods together and the classes', async () => {
      const gke = { ...node, memory: 3_040_550_912 + 2 ** 30, pids: 4_194_304 };
      const reserved = [{ cpu: '1060m', memory: '1Gi' }];
      await open().limit(hierarchyLimits([burstable], { ...gke, reserved }), settings);
      for (const file of ['cpu.weight', 'memory.max', 'pids.max']) {
        assert.equal(await at(`kubepods/${file}`), of(`/${file}`), file);
      }
      assert.equal(await at('kubepods/besteffort/cpu.weight'), of('/kubepods-besteffort.slice/cpu.weight'));
      // The node says "max" of these: they are left alone.
      for (const file of ['cpu.max', 'burstable/cpu.max', 'burstable/memory.max', 'besteffort/memory.max']) {
        await assert.rejects(stat(join(root, 'kubepods', file)), { code: 'ENOENT' });
      }
    });
    test('each level hands down what the next one needs, and only what is missing is asked for', async () => {
      await open().ensure(burstable, settings);
      assert.equal(await at('cgroup.subtree_control'), '+hugetlb');
      assert.equal(await at('kubepods/cgroup.subtree_control'), '+cpu +cpuset +memory +pids +hugetlb');
      assert.equal(
        await at('kubepods/burstable/cgroup.subtree_control'),
        '+cpu +cpuset +memory +pids +hugetlb',
      );
      await assert.rejects(stat(join(root, 'kubepods/burstable/podu/cgroup.subtree_control')));
    });
    test('a controller that the kernel lacks is not asked for', async () => {
      await writeFile(join(root, 'cgroup.controllers'), 'cpu memory\n');
      await writeFile(join(root, 'cgroup.subtree_control'), '');
      await open().ensure(burstable, { ...settings, podPids: 50 });
      assert.equal(await at('cgroup.subtree_control'), '+cpu +memory');
      await assert.rejects(stat(join(root, 'kubepods/burstable/podu/pids.max')), { code: 'ENOENT' });
    });
    test('removal', async () => {
      await mkdir(join(root, 'kubepods/besteffort/podv/c1'), { recursive: true });
      assert.deepEqual(await open().abandoned(settings), ['v']);
      await open().remove('v', settings);
      assert.deepEqual(await readdir(join(root, 'kubepods/besteffort')), []);
    });
  });

  describe('the systemd driver (what busctl is asked; with a real systemd: systemd-slices.component.test.ts)', () => {
    const systemd: CgroupSettings = { ...settings, driver: 'systemd', podPids: 50, hugepageSizes: ['2MB'] };
    const MANAGER = [
      'org.freedesktop.systemd1',
      '/org/freedesktop/systemd1',
      'org.freedesktop.systemd1.Manager',
    ];
    const start = (slice: string, parent: string, properties: string[], count: number) => [
      ...['--system', 'call', ...MANAGER, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', slice, 'replace'],
      ...[String(count + 6), 'Description', 's', `pods below ${slice}`, 'Wants', 'as', '1', parent],
      ...['MemoryAccounting', 'b', 'true', 'CPUAccounting', 'b', 'true', 'TasksAccounting', 'b', 'true'],
      ...['DefaultDependencies', 'b', 'false', ...properties, '0'],
    ];

    test('version 2: a slice with weight, quota in whole percents, memory and tasks; huge pages as a file', async () => {
      await writeFile(join(root, 'cgroup.controllers'), 'cpu memory pids hugetlb');
      await open().ensure(burstable, systemd);
      const slice = 'kubepods-burstable-podu.slice';
      const limits = [
        'CPUWeight',
        't',
        '4',
        'CPUQuotaPeriodUSec',
        't',
        '100000',
        'CPUQuotaPerSecUSec',
        't',
        '200000',
      ];
      const more = ['MemoryMax', 't', String(256 * 2 ** 20), 'TasksMax', 't', '50'];
      assert.deepEqual(calls, [start(slice, 'kubepods-burstable.slice', [...limits, ...more], 5)]);
      const dir = 'kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podu.slice';
      assert.equal(await at(`${dir}/hugetlb.2MB.max`), '0');
    });
    test('version 1: its own names of shares and memory, which systemd takes as they are', async () => {
      for (const name of ['cpu', 'memory', 'pids']) await mkdir(join(root, name));
      await open().ensure(burstable, { ...systemd, podPids: -1 });
      const limits = [
        'CPUShares',
        't',
        '102',
        'CPUQuotaPeriodUSec',
        't',
        '100000',
        'CPUQuotaPerSecUSec',
        't',
        '200000',
      ];
      const memory = ['MemoryLimit', 't', String(256 * 2 ** 20)];
      const slice = 'kubepods-burstable-podu.slice';
      assert.deepEqual(calls, [start(slice, 'kubepods-burstable.slice', [...limits, ...memory], 4)]);
    });
    test('the hierarchy: kubepods has no parent', async () => {
      await open().limit(hierarchyLimits([burstable], node), { ...systemd, hugepageSizes: [] });
      assert.deepEqual(
        calls.map((argv) => argv[7]),
        ['kubepods.slice', 'kubepods-burstable.slice', 'kubepods-besteffort.slice'],
      );
      assert.ok(!calls[0]?.includes('Wants'));
      assert.ok(calls[1]?.join(' ').includes('Wants as 1 kubepods.slice'));
    });
    test('a slice that is there gets the limits; when even that fails the first error is told', async () => {
      const refused: string[][] = [];
      const slices = createSystemdSlices(async (argv) => {
        refused.push([...argv]);
        if (argv.includes('StartTransientUnit')) throw new Error('was already loaded');
      });
      await slices.put('kubepods.slice', '', { cpuShares: 2048 }, 1);
      assert.deepEqual(refused[1]?.slice(5), [
        ...['SetUnitProperties', 'sba(sv)', 'kubepods.slice', 'true', '1', 'CPUShares', 't', '2048'],
      ]);
      const broken = createSystemdSlices(async (argv) => {
        throw new Error(argv.includes('StartTransientUnit') ? 'first' : 'second');
      });
      await assert.rejects(broken.put('kubepods.slice', '', { cpuShares: 2 }, 1), { message: 'first' });
    });
    test('removal: the slice is stopped, then what is left of its directories goes', async () => {
      await mkdir(join(root, 'memory'));
      const dir = 'memory/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podv.slice';
      await mkdir(join(root, dir), { recursive: true });
      const cgroups = open();
      assert.deepEqual(await cgroups.abandoned(systemd), ['v']);
      await cgroups.remove('v', systemd);
      assert.deepEqual(
        calls.map((argv) => argv.slice(5)),
        [['StopUnit', 'ss', 'kubepods-besteffort-podv.slice', 'replace']],
      );
      await assert.rejects(stat(join(root, dir)), { code: 'ENOENT' });
    });
  });

  test('a machine that does not permit it runs pods all the same', async () => {
    const cgroups = open('/etc/hostname');
    await cgroups.ensure(burstable, settings);
    await cgroups.limit(hierarchyLimits([burstable], node), settings);
    await cgroups.remove('u', settings);
    assert.deepEqual(await cgroups.abandoned(settings), []);
  });
});
