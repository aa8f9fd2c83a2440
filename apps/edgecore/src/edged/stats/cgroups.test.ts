import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ReadFile } from './cgroup-usage.ts';
import { readCgroupV1 } from './cgroup-v1.ts';
import { readCgroupV2 } from './cgroup-v2.ts';
import { createCgroups } from './cgroups.ts';
import { below, kernelTree } from './testing/kernel-tree.ts';
import { V1_CONTAINER, V1_TREE, V2_CONTAINER, V2_TREE } from './testing/recorded-cgroups.ts';

const from =
  (files: Readonly<Record<string, string>>): ReadFile =>
  (name) =>
    files[name];

describe('a cgroup of v1 (recorded on kernel 6.18)', () => {
  test('in full', () => {
    assert.deepEqual(readCgroupV1(from(V1_CONTAINER), 'full', 5), {
      at: 5,
      cpu: {
        usageNs: 615_706_505,
        userNs: 410_000_000,
        systemNs: 200_000_000,
        periods: 30,
        throttledPeriods: 30,
        throttledNs: 2_389_845_129,
        shares: 102,
        periodUs: 100_000,
        quotaUs: 20_000,
      },
      memory: {
        usageBytes: 3_641_344,
        workingSetBytes: 3_641_344 - 3_145_728,
        rssBytes: 106_496,
        cacheBytes: 3_149_824,
        mappedFileBytes: 0,
        activeFileBytes: 4_096,
        inactiveFileBytes: 3_145_728,
        pageFaults: 17_399,
        majorPageFaults: 0,
        swapBytes: 0,
        limitBytes: 67_108_864,
        maxUsageBytes: 67_108_864,
        limitHits: 0,
        swapLimitBytes: 67_108_864,
        oomKills: 1,
      },
      threads: 2,
      io: [],
    });
  });

  test('its pod and its class: no limit where there is none, in the forms the kernel writes it', () => {
    const usage = (path: string) =>
      readCgroupV1((name) => V1_TREE[`/${name.replace('/', `/kubepods/${path}/`)}`], 'full', 0);
    const pod = usage('burstable/podu');
    assert.deepEqual([pod.cpu?.quotaUs, pod.memory?.limitBytes, pod.maxThreads], [30_000, 100_663_296, 50]);
    const all = usage('burstable');
    assert.ok(all.cpu !== undefined && all.memory !== undefined);
    assert.deepEqual(
      [all.cpu.quotaUs, all.memory.limitBytes, all.maxThreads],
      [undefined, undefined, undefined],
    );
  });

  test('bytes of devices, in the documented form: this kernel counts only what is throttled', () => {
    const files = {
      'blkio/blkio.throttle.io_service_bytes_recursive':
        '254:0 Read 40960\n254:0 Write 3145728\n254:0 Sync 0\n254:0 Async 3186688\n254:0 Discard 0\n254:0 Total 3186688\nTotal 3186688\n',
      'blkio/blkio.throttle.io_serviced_recursive':
        '254:0 Read 5\n254:0 Write 12\n254:0 Total 17\nTotal 17\n',
    };
    assert.deepEqual(readCgroupV1(from(files), 'full', 0).io, [
      { device: '254:0', readBytes: 40_960, writtenBytes: 3_145_728, reads: 5, writes: 12 },
    ]);
  });
});

describe('a cgroup of v2 (recorded on kernel 6.1)', () => {
  test('in full', () => {
    assert.deepEqual(readCgroupV2(from(V2_CONTAINER), 'full', 5), {
      at: 5,
      cpu: {
        usageNs: 1_940_000_000,
        userNs: 1_760_000_000,
        systemNs: 180_000_000,
        periods: 92,
        throttledPeriods: 89,
        throttledNs: 6_960_000_000,
        shares: 81,
        periodUs: 100_000,
        quotaUs: 20_000,
      },
      memory: {
        usageBytes: 3_706_880,
        workingSetBytes: 3_706_880 - 3_145_728,
        rssBytes: 98_304,
        cacheBytes: 3_149_824,
        mappedFileBytes: 0,
        activeFileBytes: 4_096,
        inactiveFileBytes: 3_145_728,
        pageFaults: 18_806,
        majorPageFaults: 5,
        swapBytes: 0,
        limitBytes: 67_108_864,
        maxUsageBytes: 67_108_864,
        limitHits: 98,
        swapLimitBytes: 67_108_864,
        oomKills: 1,
      },
      threads: 2,
      io: [{ device: '98:0', readBytes: 3_148_800, writtenBytes: 3_152_896, reads: 51, writes: 55 }],
    });
  });

  test('its pod and its class: no limit where there is none', () => {
    const usage = (path: string) => readCgroupV2((name) => V2_TREE[`/kubepods/${path}/${name}`], 'full', 0);
    const pod = usage('burstable/podu');
    assert.deepEqual([pod.cpu?.quotaUs, pod.memory?.limitBytes, pod.maxThreads], [30_000, 100_663_296, 50]);
    const all = usage('burstable');
    assert.ok(all.cpu !== undefined && all.memory !== undefined);
    assert.deepEqual(
      [all.cpu.quotaUs, all.memory.limitBytes, all.maxThreads],
      [undefined, undefined, undefined],
    );
    assert.equal(all.cpu.periodUs, 100_000);
  });

  test('a kernel without memory.peak, or without swap, and a device that did nothing yet (documented forms)', () => {
    const { 'memory.peak': _p, 'memory.swap.current': _c, 'memory.swap.max': _m, ...older } = V2_CONTAINER;
    const files = { ...older, 'io.stat': `${older['io.stat']}253:0 \n` };
    const usage = readCgroupV2(from(files), 'full', 0);
    for (const key of ['maxUsageBytes', 'swapBytes', 'swapLimitBytes'])
      assert.ok(!Object.hasOwn(usage.memory ?? {}, key), key);
    assert.equal(usage.io?.length, 1);
  });
});

test('the basic level reads what metrics-server needs and no more', () => {
  for (const [files, read] of [
    [V1_CONTAINER, readCgroupV1],
    [V2_CONTAINER, readCgroupV2],
  ] as const) {
    const names: string[] = [];
    const noting: ReadFile = (name) => {
      names.push(name);
      return files[name];
    };
    const usage = read(noting, 'basic', 0);
    assert.ok(usage.cpu !== undefined && usage.memory !== undefined && usage.threads !== undefined);
    assert.ok(names.length <= 6, names.join());
    assert.equal(usage.io, undefined);
  }
});

test('files that are empty, cut or odd give figures or none, never nonsense', () => {
  const names = [...Object.keys(V1_CONTAINER), ...Object.keys(V2_CONTAINER)];
  const content = fc.oneof(
    fc.constant(''),
    fc.constant('max\n'),
    fc.constant('-1'),
    fc.string(),
    fc.constant('usage_usec x\n'),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), content), (files) => {
      for (const read of [readCgroupV1, readCgroupV2]) {
        JSON.stringify(read(from(files), 'full', 0), (_key, value) => {
          assert.ok(typeof value !== 'number' || Number.isFinite(value));
          return value;
        });
      }
    }),
  );
});

describe('the cgroups of a machine (recorded)', () => {
  const PODU = '/kubepods/burstable/podu';

  test('v1: each controller has its own tree', () => {
    const kernel = kernelTree({
      ...below('/cg', V1_TREE, ''),
      '/proc/self/cgroup': '9:name=systemd:/\n4:memory:/own\n3:cpu,cpuacct:/other\n',
    });
    const cgroups = createCgroups(kernel, '/cg');
    const usage = cgroups.usage(PODU, 'basic', 0);
    assert.equal(usage?.memory?.limitBytes, 100_663_296);
    assert.equal(usage?.cpu?.usageNs, Number(V1_TREE[`/cpuacct${PODU}/cpuacct.usage`]));
    assert.deepEqual(
      cgroups.children('/kubepods'),
      ['burstable'],
      'only burstable pods have limits of memory',
    );
    assert.deepEqual(cgroups.children(PODU), ['c1']);
    assert.deepEqual(cgroups.processes(PODU), []);
    assert.equal(cgroups.processes(`${PODU}/c1`).length, 2);
    assert.equal(cgroups.usage('/', 'basic', 0)?.memory?.usageBytes, 4_041_625_600);
    assert.equal(cgroups.ofProcess('self'), '/own');
    assert.equal(cgroups.usage('/pods/b', 'basic', 0), undefined);
    assert.equal(cgroups.ofProcess(77), undefined);
  });

  test('v2: one tree; the machine’s memory is what is not free', () => {
    const { '/proc/meminfo': meminfo = '', ...tree } = V2_TREE;
    const kernel = kernelTree({
      ...below('/cg', tree, ''),
      '/proc/meminfo': meminfo,
      '/proc/99/cgroup': `0::${PODU}/c1\n`,
    });
    const cgroups = createCgroups(kernel, '/cg');
    assert.equal(cgroups.usage(PODU, 'basic', 0)?.memory?.limitBytes, 100_663_296);
    assert.deepEqual(cgroups.children('/kubepods').toSorted(), ['besteffort', 'burstable']);
    assert.equal(cgroups.processes(`${PODU}/c1`).length, 2);
    const machine = cgroups.usage('/', 'full', 0);
    const kib = (key: string) => Number(new RegExp(`${key}: +(\\d+)`).exec(meminfo)?.[1]) * 1_024;
    assert.ok(kib('MemTotal') > 0);
    assert.equal(machine?.memory?.usageBytes, kib('MemTotal') - kib('MemFree'));
    assert.ok((machine?.memory?.workingSetBytes ?? 0) < kib('MemTotal') - kib('MemFree'));
    assert.equal(machine?.cpu?.quotaUs, undefined);
    assert.equal(machine?.io?.[0]?.device, '98:0');
    assert.equal(cgroups.ofProcess(99), `${PODU}/c1`);
  });
});
