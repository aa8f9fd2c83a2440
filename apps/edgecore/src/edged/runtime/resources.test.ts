import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Container } from '@kubeedge-ts/apis';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { qosOf } from '../pod/qos.ts';
import { container, pod } from '../testing/pods.ts';
import { podCgroup } from './cgroup-path.ts';
import { createPodCgroups } from './cgroups.ts';
import { containerResources, cpuQuota, cpuShares, oomScoreAdj, podLimits } from './resources.ts';

const with_ = (name: string, resources: Container['resources'], more: Partial<Container> = {}): Container =>
  container(name, { ...(resources ? { resources } : {}), ...more });
const GiB = 2 ** 30;

describe('container resources', () => {
  test('shares and quota of the sheet', () => {
    assert.deepEqual([0, 1, 2, 1000, 1500, 300_000].map(cpuShares), [2, 2, 2, 1024, 1536, 262_144]);
    assert.deepEqual([0, 1, 10, 500, 2000].map(cpuQuota), [0, 1000, 1000, 50_000, 200_000]);
  });

  test('a limit alone is a request too', () => {
    const it = pod('x', { containers: [with_('c', { limits: { cpu: '500m', memory: '64Mi' } })] });
    const resources = containerResources(it.spec!.containers[0]!, {
      pod: it,
      qos: qosOf(it),
      memoryCapacity: GiB,
      cpuCfsQuota: true,
      cgroupV2: false,
    });
    assert.deepEqual(resources, {
      cpuPeriod: 100_000,
      cpuQuota: 50_000,
      cpuShares: 512,
      memoryLimitInBytes: 67_108_864,
      oomScoreAdj: -997,
    });
  });

  test('the OOM score follows class, priority and share of memory', () => {
    const score = (fields: object, resources: Container['resources']) => {
      const it = pod('x', { ...fields, containers: [with_('c', resources)] });
      return oomScoreAdj(it.spec!.containers[0]!, { pod: it, qos: qosOf(it), memoryCapacity: GiB });
    };
    assert.equal(score({}, {}), 1000);
    assert.equal(score({}, { limits: { cpu: '1', memory: '1Mi' } }), -997);
    assert.equal(score({ priority: 2_000_001_000 }, {}), -997);
    assert.equal(score({}, { requests: { memory: '512Mi' } }), 500);
    assert.equal(score({}, { requests: { memory: '1Gi' } }), 3);
    assert.equal(score({}, { requests: { memory: '1Ki' } }), 999);
  });

  test('pod limits: sums, the largest init container, and only limits that every container has', () => {
    const it = pod('x', {
      initContainers: [with_('i', { limits: { cpu: '3', memory: '10Mi' } })],
      containers: [
        with_('a', { limits: { cpu: '1', memory: '64Mi' } }),
        with_('b', { requests: { cpu: '500m' }, limits: { memory: '64Mi' } }),
      ],
    });
    assert.deepEqual(podLimits(it, qosOf(it)), { cpuShares: 3072, cpuQuota: 0, memoryLimit: 134_217_728 });
    assert.deepEqual(podLimits(pod('y'), 'BestEffort'), { cpuShares: 2, cpuQuota: 0, memoryLimit: 0 });
  });
});

describe('pod cgroups', () => {
  test('paths of both drivers, below a root of our own or the root', () => {
    const path = (driver: 'cgroupfs' | 'systemd', root: string, qos: 'Guaranteed' | 'Burstable') =>
      podCgroup(driver, root, qos, 'a-b');
    assert.equal(path('cgroupfs', '', 'Guaranteed'), '/kubepods/poda-b');
    assert.equal(path('cgroupfs', '/', 'Burstable'), '/kubepods/burstable/poda-b');
    assert.equal(path('cgroupfs', '/site', 'Burstable'), '/site/kubepods/burstable/poda-b');
    assert.equal(path('systemd', '', 'Guaranteed'), '/kubepods.slice/kubepods-poda_b.slice');
    assert.equal(
      path('systemd', '', 'Burstable'),
      '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poda_b.slice',
    );
  });

  const burstable = pod(
    'x',
    { containers: [with_('c', { limits: { cpu: '1', memory: '64Mi' }, requests: { cpu: '500m' } })] },
    { uid: 'u' },
  );
  const settings = { driver: 'cgroupfs', root: '', perQos: true } as const;

  test('version 1: limits are written for cpu and memory, and the directories go again', async () => {
    const root = await mkdtemp(join(tmpdir(), 'kets-cg-'));
    try {
      const cgroups = createPodCgroups(systemClock, silentLogger, root);
      assert.equal(await cgroups.ensure(burstable, settings), '/kubepods/burstable/podu');
      const at = (file: string) => readFile(join(root, file), 'utf8');
      assert.equal(await at('cpu/kubepods/burstable/podu/cpu.shares'), '512');
      assert.equal(await at('cpu/kubepods/burstable/podu/cpu.cfs_quota_us'), '100000');
      assert.equal(await at('memory/kubepods/burstable/podu/memory.limit_in_bytes'), '67108864');
      await rm(join(root, 'cpu/kubepods/burstable/podu'), { recursive: true });
      await mkdir(join(root, 'cpu/kubepods/burstable/podu/c1'), { recursive: true });
      await cgroups.remove('u', settings);
      await assert.rejects(stat(join(root, 'cpu/kubepods/burstable/podu')), { code: 'ENOENT' });
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  test('version 2 (on a copy of its file layout): weight, maximum and memory', async () => {
    const root = await mkdtemp(join(tmpdir(), 'kets-cg-'));
    try {
      await writeFile(join(root, 'cgroup.controllers'), 'cpu memory pids');
      await createPodCgroups(systemClock, silentLogger, root).ensure(burstable, settings);
      const at = (file: string) => readFile(join(root, 'kubepods/burstable/podu', file), 'utf8');
      assert.equal(await at('cpu.weight'), '20');
      assert.equal(await at('cpu.max'), '100000 100000');
      assert.equal(await at('memory.max'), '67108864');
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  test('a machine that does not permit it runs pods all the same', async () => {
    const cgroups = createPodCgroups(systemClock, silentLogger, '/etc/hostname');
    assert.equal(await cgroups.ensure(burstable, settings), '/kubepods/burstable/podu');
    await cgroups.remove('u', settings);
  });
});
