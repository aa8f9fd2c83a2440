import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { until } from '@kubeedge-ts/testing/site';
import { observeSignals } from '../../../apps/edgecore/src/edged/eviction/observe.ts';
import { systemHost } from '../../../apps/edgecore/src/edged/index.ts';
import { openCgroupTree } from '../../../apps/edgecore/src/edged/runtime/cgroup-tree.ts';
import { type CgroupSettings, createPodCgroups } from '../../../apps/edgecore/src/edged/runtime/cgroups.ts';
import { hierarchyLimits } from '../../../apps/edgecore/src/edged/runtime/qos-limits.ts';
import { createSystemdSlices } from '../../../apps/edgecore/src/edged/runtime/systemd-slices.ts';
import { createCgroups } from '../../../apps/edgecore/src/edged/stats/cgroups.ts';
import { createKernelFiles } from '../../../apps/edgecore/src/edged/stats/kernel-files.ts';
import { container, pod } from '../../../apps/edgecore/src/edged/testing/pods.ts';

/** What edged promises of cgroups of version 2, to be run on a kernel that has them. By name, in this order. */
export const PROMISES: Readonly<Record<string, () => Promise<void>>> = {
  'the limits of all pods, of the classes and of a pod are what the kernel goes by': async () => {
    const node = { cpus: 2, memory: 400 * MIB, pids: 1000, reserved: [{ cpu: '1' }], enforced: true };
    await cgroups.limit(hierarchyLimits([web], node), settings);
    await cgroups.ensure(web, settings);
    assert.deepEqual(
      [at('/kubepods/cpu.weight'), at('/kubepods/memory.max'), at('/kubepods/pids.max')],
      ['39', String(400 * MIB), '1000'],
    );
    assert.deepEqual(
      [at('/kubepods/burstable/cpu.weight'), at('/kubepods/besteffort/cpu.weight')],
      ['4', '1'],
    );
    assert.deepEqual(
      [at(`${POD}/cpu.max`), at(`${POD}/cpu.weight`), at(`${POD}/memory.max`), at(`${POD}/pids.max`)],
      ['20000 100000', '4', String(64 * MIB), '20'],
    );
    assert.equal(at(`${POD}/cgroup.subtree_control`), '', 'the runtime decides what its containers get');
  },

  'a limit that changes is written again': async () => {
    const node = { cpus: 2, memory: 300 * MIB, pids: 1000, reserved: [], enforced: true };
    await cgroups.limit(hierarchyLimits([], node), settings);
    assert.deepEqual(
      [at('/kubepods/memory.max'), at('/kubepods/burstable/cpu.weight')],
      [String(300 * MIB), '1'],
    );
  },

  'what a pod has used is told as the kernel counts it': async () => {
    await inPod(
      'dd if=/dev/zero of=/run/kept bs=1M count=8; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done',
    );
    const usage = figures.usage(POD, 'full', 1);
    const stat = at(`${POD}/cpu.stat`);
    assert.equal(usage?.cpu?.usageNs, Number(/usage_usec (\d+)/.exec(stat)?.[1]) * 1_000);
    assert.ok(usage.cpu.usageNs > 50_000_000 && (usage.cpu.throttledNs ?? 0) > 0, stat);
    assert.deepEqual([usage.cpu.quotaUs, usage.memory?.limitBytes], [20_000, 64 * MIB]);
    // A file of a tmpfs is charged to whom it was written by, and cannot go.
    assert.ok((usage.memory?.workingSetBytes ?? 0) >= 8 * MIB, JSON.stringify(usage.memory));
    assert.equal(usage.maxThreads, 20);
  },

  'a pod cannot have more processes than it may': async () => {
    const { output } = await inPod('for i in $(seq 1 30); do sleep 3 & done; wait');
    assert.match(output, /fork/i);
    assert.match(at(`${POD}/pids.events`), /^max [1-9]/);
  },

  'a pod that needs more memory than it may have loses a process, which is counted': async () => {
    await inPod('head -c 200m /dev/zero | tail -c 150m >/dev/null');
    const memory = figures.usage(POD, 'full', 1)?.memory;
    assert.ok((memory?.oomKills ?? 0) > 0 && (memory?.limitHits ?? 0) > 0, JSON.stringify(memory));
    assert.ok((memory?.maxUsageBytes ?? 0) > 60 * MIB);
  },

  'what is left of memory follows what is used, of the node and of the pods': async () => {
    const look = async () => {
      const { observations } = await observeSignals({
        host: systemHost,
        rootDir: '/run',
        cgroupV2: true,
        podsCgroup: '/kubepods',
        podsMemoryBytes: 300 * MIB,
        imageFs: undefined,
      });
      return ['memory.available', 'allocatableMemory.available'].map(
        (signal) => observations.get(signal as 'memory.available')?.available ?? Number.NaN,
      ) as [number, number];
    };
    const before = await look();
    await inPod('dd if=/dev/zero of=/run/more bs=1M count=24');
    const after = await look();
    for (const index of [0, 1] as const) {
      const less = before[index] - after[index];
      assert.ok(less > 20 * MIB && less < 40 * MIB, `${less} of ${before[index]}`);
    }
  },

  'processes are found by their cgroup and a cgroup by its process': async () => {
    const child = startInPod('exec sleep 1000');
    await until('it runs', () => figures.processes(`${POD}/c1`).length === 1, { timeoutMs: 10_000 });
    const [pid] = figures.processes(`${POD}/c1`);
    assert.equal(figures.ofProcess(pid as number), `${POD}/c1`);
    assert.deepEqual(figures.children(POD), ['c1']);
    assert.deepEqual(await cgroups.abandoned(settings), [], 'a pod with processes is not abandoned');
    child.unref();
  },

  'removal ends what still runs in it and takes the directories away': async () => {
    await cgroups.remove('u', settings);
    assert.equal(figures.usage(POD, 'basic', 1), undefined);
    assert.deepEqual(await cgroups.abandoned(settings), []);
    assert.ok(figures.usage('/kubepods/burstable', 'basic', 1) !== undefined, 'the class stays');
  },
};

const MIB = 2 ** 20;
const MOUNT = '/sys/fs/cgroup';
const POD = '/kubepods/burstable/podu';
const settings: CgroupSettings = {
  driver: 'cgroupfs',
  root: '',
  perQos: true,
  cpuCfsQuota: true,
  cpuPeriodUs: 100_000,
  podPids: 20,
  hugepageSizes: [],
};
const resources = { requests: { cpu: '100m' }, limits: { cpu: '200m', memory: '64Mi' } };
const web = pod('web', { containers: [container('c', { resources })] }, { uid: 'u' });
const cgroups = createPodCgroups({
  tree: () => openCgroupTree({ clock: systemClock }),
  slices: createSystemdSlices(() => Promise.reject(new Error('no systemd here'))),
  log: silentLogger,
});
const figures = createCgroups(createKernelFiles());

function at(path: string): string {
  return readFileSync(`${MOUNT}${path}`, 'utf8').trim();
}

/** As a runtime does it: a directory of the container's, in which its first process is started. */
function startInPod(script: string) {
  execFileSync('mkdir', ['-p', `${MOUNT}${POD}/c1`]);
  return spawn('sh', ['-c', `echo $$ >${MOUNT}${POD}/c1/cgroup.procs; ${script}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function inPod(script: string): Promise<{ output: string }> {
  const child = startInPod(script);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  await new Promise((resolve) => child.once('close', resolve));
  return { output };
}

/** Run in the guest: one line for each promise, `{name, problem}`. */
if (process.argv[1] === new URL(import.meta.url).pathname) {
  const lines: string[] = [];
  for (const [name, prove] of Object.entries(PROMISES)) {
    let problem: string | undefined;
    await prove().catch((error: unknown) => {
      problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    lines.push(JSON.stringify({ name, problem }));
  }
  writeFileSync(1, `${lines.join('\n')}\n`);
}
