import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeHost } from '../testing/fake-host.ts';
import { readHostFacts } from './host-facts.ts';

test('what the machine can enforce', async () => {
  const host = fakeHost({
    files: {
      '/proc/sys/kernel/osrelease': '6.1.0-18-amd64\n',
      '/proc/sys/kernel/pid_max': '4194304\n',
      '/proc/sys/kernel/threads-max': '96364\n',
      '/proc/meminfo': 'MemTotal: 100 kB\nSwapTotal:      2048 kB\n',
      '/sys/module/apparmor/parameters/enabled': 'Y\n',
      '/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes': '1',
    },
    directories: {
      '/sys/kernel/mm/hugepages': ['hugepages-1048576kB', 'hugepages-2048kB', 'hugepages-64kB', 'x'],
    },
  });
  assert.deepEqual(await readHostFacts(host), {
    kernelVersion: '6.1.0-18-amd64',
    apparmor: true,
    hugepageSizes: ['1GB', '2MB', '64KB'],
    swapCapacity: 2 * 2 ** 20,
    swapAccounting: true,
    pids: 96_364,
  });
});

test('a machine that says nothing can nothing', async () => {
  assert.deepEqual(await readHostFacts(fakeHost()), {
    kernelVersion: '',
    apparmor: false,
    hugepageSizes: [],
    swapCapacity: 0,
    swapAccounting: false,
    pids: 0,
  });
});

test('cgroup v2 tells of swap in every cgroup but the root (files by hand: these machines have v1)', async () => {
  const files = {
    '/sys/fs/cgroup/cgroup.controllers': 'cpu',
    '/proc/self/cgroup': '0::/system.slice/edgecore.service\n',
  };
  const swap = '/sys/fs/cgroup/system.slice/edgecore.service/memory.swap.max';
  assert.equal((await readHostFacts(fakeHost({ files }))).swapAccounting, false);
  assert.equal((await readHostFacts(fakeHost({ files: { ...files, [swap]: 'max' } }))).swapAccounting, true);
});
