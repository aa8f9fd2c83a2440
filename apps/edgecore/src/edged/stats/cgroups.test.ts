import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ReadFile } from './cgroup-usage.ts';
import { readCgroupV1 } from './cgroup-v1.ts';
import { readCgroupV2 } from './cgroup-v2.ts';
import { createCgroups } from './cgroups.ts';
import { V1_CONTAINER } from './testing/cgroup-v1.ts';
import { V2_CONTAINER } from './testing/cgroup-v2.ts';
import { below, kernelTree } from './testing/kernel-tree.ts';

const from =
  (files: Readonly<Record<string, string>>): ReadFile =>
  (name) =>
    files[name];

describe('a cgroup of v1', () => {
  test('in full', () => {
    assert.deepEqual(readCgroupV1(from(V1_CONTAINER), 'full', 5), {
      at: 5,
      cpu: {
        usageNs: 1_043_087_633,
        userNs: 610_000_000,
        systemNs: 420_000_000,
        periods: 52,
        throttledPeriods: 49,
        throttledNs: 4_123_456_789,
        shares: 204,
        periodUs: 100_000,
        quotaUs: 20_000,
      },
      memory: {
        usageBytes: 4_198_400,
        workingSetBytes: 4_198_400 - 3_100_672,
        rssBytes: 159_744,
        cacheBytes: 3_149_824,
        mappedFileBytes: 8_192,
        activeFileBytes: 49_152,
        inactiveFileBytes: 3_100_672,
        pageFaults: 2_169,
        majorPageFaults: 7,
        swapBytes: 4_096,
        limitBytes: 67_108_864,
        maxUsageBytes: 5_210_112,
        limitHits: 3,
        swapLimitBytes: 67_108_864,
        oomKills: 1,
      },
      threads: 3,
      io: [{ device: '254:0', readBytes: 40_960, writtenBytes: 3_145_728, reads: 5, writes: 12 }],
    });
  });

  test('no limit, in the forms the kernel writes it', () => {
    const files = {
      ...V1_CONTAINER,
      'cpu/cpu.cfs_quota_us': '-1\n',
      'memory/memory.limit_in_bytes': '9223372036854771712\n',
    };
    const usage = readCgroupV1(from(files), 'full', 0);
    assert.equal(usage.cpu?.quotaUs, undefined);
    assert.equal(usage.memory?.limitBytes, undefined);
  });
});

describe('a cgroup of v2 (from files in the forms of kernel 6.1: this machine has v1)', () => {
  test('in full', () => {
    assert.deepEqual(readCgroupV2(from(V2_CONTAINER), 'full', 5), {
      at: 5,
      cpu: {
        usageNs: 62_338_613_000,
        userNs: 35_884_530_000,
        systemNs: 26_454_083_000,
        periods: 1_200,
        throttledPeriods: 34,
        throttledNs: 567_890_000,
        shares: 500,
        periodUs: 100_000,
        quotaUs: 50_000,
      },
      memory: {
        usageBytes: 104_857_600,
        workingSetBytes: 104_857_600 - 31_457_280,
        rssBytes: 52_428_800,
        cacheBytes: 47_185_920,
        mappedFileBytes: 20_971_520,
        activeFileBytes: 15_728_640,
        inactiveFileBytes: 31_457_280,
        pageFaults: 123_456,
        majorPageFaults: 78,
        swapBytes: 8_192,
        limitBytes: 268_435_456,
        maxUsageBytes: 115_343_360,
        limitHits: 12,
        swapLimitBytes: 268_435_456,
        oomKills: 1,
      },
      threads: 14,
      maxThreads: 1_024,
      io: [
        { device: '254:0', readBytes: 1_048_576, writtenBytes: 2_097_152, reads: 32, writes: 64 },
        { device: '7:0', readBytes: 4_096, writtenBytes: 0, reads: 1, writes: 0 },
      ],
    });
  });

  test('no limit, no swap, an older kernel', () => {
    const { 'memory.peak': _p, 'memory.swap.current': _c, 'memory.swap.max': _m, ...older } = V2_CONTAINER;
    const usage = readCgroupV2(
      from({ ...older, 'cpu.max': 'max 100000\n', 'memory.max': 'max\n' }),
      'full',
      0,
    );
    assert.equal(usage.cpu?.quotaUs, undefined);
    assert.equal(usage.cpu?.periodUs, 100_000);
    for (const key of ['limitBytes', 'maxUsageBytes', 'swapBytes', 'swapLimitBytes'])
      assert.ok(!Object.hasOwn(usage.memory ?? {}, key), key);
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

describe('the cgroups of a machine', () => {
  const v1 = kernelTree({
    '/cg/memory/cgroup.procs': '1\n',
    '/cg/memory/pods/a/cgroup.procs': '10\n11\n',
    '/cg/memory/pods/a/memory.usage_in_bytes': '100\n',
    '/cg/memory/pods/a/sub/cgroup.procs': '12\n',
    '/cg/cpuacct/pods/a/cpuacct.usage': '7\n',
    '/proc/self/cgroup': '9:name=systemd:/\n4:memory:/own\n3:cpu,cpuacct:/other\n',
  });
  const v2 = kernelTree({
    ...below('/cg/pods/a', V2_CONTAINER),
    '/cg/cgroup.controllers': 'cpu io memory pids\n',
    '/cg/cgroup.procs': '1\n',
    '/cg/cpu.stat': 'usage_usec 5\n',
    '/cg/memory.stat': 'anon 1\ninactive_file 200\n',
    '/proc/meminfo': 'MemTotal: 1000 kB\nMemFree: 400 kB\n',
    '/proc/99/cgroup': '0::/pods/a\n',
  });

  test('v1: each controller has its own tree', () => {
    const cgroups = createCgroups(v1, '/cg');
    const usage = cgroups.usage('/pods/a', 'basic', 0);
    assert.equal(usage?.memory?.usageBytes, 100);
    assert.equal(usage?.cpu?.usageNs, 7);
    assert.deepEqual(cgroups.processes('/pods/a'), [10, 11]);
    assert.deepEqual(cgroups.children('/pods/a'), ['sub']);
    assert.equal(cgroups.ofProcess('self'), '/own');
    assert.equal(cgroups.usage('/pods/b', 'basic', 0), undefined);
    assert.equal(cgroups.ofProcess(77), undefined);
  });

  test('v2: one tree; the machine’s memory is what is not free', () => {
    const cgroups = createCgroups(v2, '/cg');
    assert.equal(cgroups.usage('/pods/a', 'basic', 0)?.memory?.usageBytes, 104_857_600);
    const machine = cgroups.usage('/', 'basic', 0);
    assert.equal(machine?.cpu?.usageNs, 5_000);
    assert.equal(machine?.memory?.usageBytes, 600 * 1_024);
    assert.equal(machine?.memory?.workingSetBytes, 600 * 1_024 - 200);
    assert.equal(cgroups.ofProcess(99), '/pods/a');
  });
});
