import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { container, pod } from '../testing/pods.ts';
import { hasSystemd, type PrivateSystemd, startPrivateSystemd } from '../testing/private-systemd.ts';
import { openCgroupTree } from './cgroup-tree.ts';
import { type CgroupSettings, createPodCgroups, type PodCgroups } from './cgroups.ts';
import { hierarchyLimits } from './qos-limits.ts';
import { createSystemdSlices } from './systemd-slices.ts';

const settings: CgroupSettings = {
  driver: 'systemd',
  root: '',
  perQos: true,
  cpuCfsQuota: true,
  cpuPeriodUs: 100_000,
  podPids: 50,
  hugepageSizes: [],
};
const resources = { requests: { cpu: '100m' }, limits: { cpu: '205m', memory: '256Mi' } };
const burstable = pod('x', { containers: [container('c', { resources })] }, { uid: 'a-b' });
const CLASS = 'kubepods.slice/kubepods-burstable.slice';
const SLICE = `${CLASS}/kubepods-burstable-poda_b.slice`;

describe('slices of a real systemd, cgroup v1 (needs Debian’s systemd and dbus-daemon)', {
  skip: hasSystemd ? false : 'no systemd on this machine',
}, () => {
  let systemd: PrivateSystemd;
  let cgroups: PodCgroups;
  const at = async (file: string) => (await readFile(join(systemd.cgroups, file), 'utf8')).trim();
  /** Jobs of systemd end after the call that asked for them. */
  const until = async (what: string, look: () => boolean | Promise<boolean>) => {
    for (const deadline = Date.now() + 5_000; !(await look()); ) {
      if (Date.now() > deadline) assert.fail(`not within 5 s: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  before(async () => {
    systemd = await startPrivateSystemd();
    cgroups = createPodCgroups({
      tree: () => openCgroupTree({ clock: systemClock, mountPoint: systemd.cgroups }),
      slices: createSystemdSlices(([, ...argv]) => systemd.busctl(argv)),
      log: silentLogger,
    });
  });
  after(() => systemd?.stop());

  test('a pod gets a slice with its limits; a quota is rounded up to a whole percent', async () => {
    await cgroups.ensure(burstable, settings);
    await until('slice', () => existsSync(join(systemd.cgroups, 'pids', SLICE, 'pids.max')));
    assert.equal(await at(`cpu/${SLICE}/cpu.shares`), '102');
    assert.equal(await at(`cpu/${SLICE}/cpu.cfs_quota_us`), '21000');
    assert.equal(await at(`memory/${SLICE}/memory.limit_in_bytes`), String(256 * 2 ** 20));
    assert.equal(await at(`pids/${SLICE}/pids.max`), '50');
    assert.deepEqual(await cgroups.abandoned(settings), ['a-b']);
  });

  test('all pods and the classes get theirs, and new ones when they change', async () => {
    const node = { cpus: 2, memory: 2 ** 30, pids: 1000, reserved: [], enforced: true };
    await cgroups.limit(hierarchyLimits([burstable], node), settings);
    await until('shares', async () => (await at('cpu/kubepods.slice/cpu.shares')) === '2048');
    assert.equal(await at('memory/kubepods.slice/memory.limit_in_bytes'), String(2 ** 30));
    assert.equal(await at('pids/kubepods.slice/pids.max'), '1000');
    assert.equal(await at(`cpu/${CLASS}/cpu.shares`), '102');
    await cgroups.limit(hierarchyLimits([], { ...node, memory: 2 ** 29 }), settings);
    await until('less', async () => {
      const limit = await at('memory/kubepods.slice/memory.limit_in_bytes');
      return limit === String(2 ** 29) && (await at(`cpu/${CLASS}/cpu.shares`)) === '2';
    });
    assert.equal(
      await at(`memory/${SLICE}/memory.limit_in_bytes`),
      String(256 * 2 ** 20),
      'the pod keeps its own',
    );
  });

  test('an ended pod leaves no slice and no directory', async () => {
    await cgroups.remove('a-b', settings);
    for (const name of await readdir(systemd.cgroups)) {
      assert.ok(!existsSync(join(systemd.cgroups, name, SLICE)), name);
    }
    assert.deepEqual(await cgroups.abandoned(settings), []);
  });
});
