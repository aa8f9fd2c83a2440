import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fakeHost } from '../testing/fake-host.ts';
import { observeSignals, type SignalSources } from './observe.ts';

const MEMINFO = 'MemTotal:       4000000 kB\nMemFree:         900000 kB\nMemAvailable:   2000000 kB\n';
const LOAD = '0.00 0.01 0.05 2/345 6789\n';

function sources(files: Record<string, string>, more: Partial<SignalSources> = {}): SignalSources {
  return {
    host: fakeHost({ files, totalBytes: 1_000, availableBytes: 400 }),
    rootDir: '/var/lib/kubelet',
    cgroupV2: false,
    podsCgroup: '/kubepods',
    podsMemoryBytes: 3_000_000 * 1024,
    imageFs: undefined,
    ...more,
  };
}

describe('what is left of the node', () => {
  test('memory with cgroup v1: capacity less usage without the cache that can go', async () => {
    const { observations } = await observeSignals(
      sources({
        '/proc/meminfo': MEMINFO,
        '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${3_500_000 * 1024}\n`,
        '/sys/fs/cgroup/memory/memory.stat': `inactive_file 5\ntotal_inactive_file ${500_000 * 1024}\n`,
        '/sys/fs/cgroup/memory/kubepods/memory.usage_in_bytes': `${1_000_000 * 1024}\n`,
        '/sys/fs/cgroup/memory/kubepods/memory.stat': `total_inactive_file ${200_000 * 1024}\n`,
      }),
    );
    const kib = 1024;
    assert.deepEqual(observations.get('memory.available'), {
      available: 1_000_000 * kib,
      capacity: 4_000_000 * kib,
    });
    assert.deepEqual(observations.get('allocatableMemory.available'), {
      available: 2_200_000 * kib,
      capacity: 3_000_000 * kib,
    });
  });

  test('memory with cgroup v2: the root has no figure, so what is not free is used (files by hand; on a kernel: tests/component/cgroup-v2)', async () => {
    const { observations } = await observeSignals(
      sources(
        {
          '/proc/meminfo': MEMINFO,
          '/sys/fs/cgroup/memory.stat': `inactive_file ${100_000 * 1024}\n`,
          '/sys/fs/cgroup/kubepods.slice/memory.current': `${500_000 * 1024}\n`,
          '/sys/fs/cgroup/kubepods.slice/memory.stat': 'inactive_file 0\n',
        },
        { cgroupV2: true, podsCgroup: '/kubepods.slice' },
      ),
    );
    assert.equal(observations.get('memory.available')?.available, 1_000_000 * 1024);
    assert.equal(observations.get('allocatableMemory.available')?.available, 2_500_000 * 1024);
  });

  test('memory of a machine that shows no cgroups: as the kernel estimates it', async () => {
    const { observations } = await observeSignals(sources({ '/proc/meminfo': MEMINFO }));
    assert.equal(observations.get('memory.available')?.available, 2_000_000 * 1024);
    assert.equal(observations.has('allocatableMemory.available'), false);
  });

  test('process ids: the lower of the two limits, less the tasks there are', async () => {
    const { observations } = await observeSignals(
      sources({
        '/proc/loadavg': LOAD,
        '/proc/sys/kernel/pid_max': '4194304\n',
        '/proc/sys/kernel/threads-max': '30000\n',
      }),
    );
    assert.deepEqual(observations.get('pid.available'), { available: 29_655, capacity: 30_000 });
  });

  test('disks: of the node, and of the images when they are on another one', async () => {
    const base = sources({}, { imageFs: '/var/lib/containerd' });
    const one = await observeSignals(base);
    assert.equal(one.dedicatedImageFs, false);
    assert.deepEqual(one.observations.get('nodefs.available'), { available: 400, capacity: 1_000 });
    assert.deepEqual(one.observations.get('nodefs.inodesFree'), { available: 900, capacity: 1_000 });
    assert.deepEqual(one.observations.get('imagefs.available'), { available: 400, capacity: 1_000 });
    const host = { ...base.host, deviceOf: async (path: string) => (path === '/var/lib/containerd' ? 2 : 1) };
    assert.equal((await observeSignals({ ...base, host })).dedicatedImageFs, true);
  });

  test('a disk that does not answer, has no inodes to count, or a file that may not be read leaves its signal out', async () => {
    const base = sources({ '/proc/meminfo': MEMINFO }, { imageFs: '/gone' });
    const host = {
      ...base.host,
      readText: async (path: string) => {
        if (path.startsWith('/sys')) throw new Error('EACCES');
        return base.host.readText(path);
      },
      statfs: async (path: string) => {
        if (path === '/gone') throw new Error('ENOENT');
        return { totalBytes: 1_000, availableBytes: 400, inodes: 0, inodesFree: 0 };
      },
    };
    const { observations } = await observeSignals({ ...base, host });
    assert.deepEqual([...observations.keys()], ['memory.available', 'nodefs.available']);
  });
});
