import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, describe, test } from 'node:test';
import type { NodeStatus } from '@kubeedge-ts/apis';
import { observeSignals } from '../../apps/edgecore/src/edged/eviction/observe.ts';
import { systemHost } from '../../apps/edgecore/src/edged/index.ts';
import { container, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';

const Gi = 2 ** 30;
/** What pods of these tests take, and by how much others on this machine may move the figures. */
const memoryShares = (available: number) => {
  // whole megabytes, of a machine with little memory less
  const unit = Math.min(1_024, Math.floor(available / 8 / 2 ** 20)) * 2 ** 20;
  return { important: 3 * unit, greedy: 2 * unit, noise: unit };
};
let MEMORY = memoryShares(8 * Gi);
const FILES = { hoarder: 30_000, noise: 15_000 };
const PROCESSES = { important: 2_000, greedy: 1_500, noise: 600 };
/** Long enough to see how pods are admitted meanwhile; the node is looked at every 10 s. */
const TRANSITION_MS = 6_000;
const CRITICAL = 2_000_000_000;

let bed: EdgedBed;

const status = () => bed.meta.nodeStatuses.at(-1) as NodeStatus | undefined;
const condition = (type: string) => status()?.conditions?.find((one) => one.type === type);
const eventsOf = (name: string) =>
  bed.meta.events.filter(({ involvedObject }) => involvedObject.name === name);
const reasonsOf = (name: string) => eventsOf(name).map(({ reason }) => reason);
const evicted = (name: string) => bed.meta.statusOf(name)?.reason === 'Evicted';

/** What is left now: bytes, processes or files, of how many. */
async function leftOf(signal: 'memory.available' | 'pid.available' | 'nodefs.inodesFree') {
  const { observations } = await observeSignals({
    host: systemHost,
    rootDir: tmpdir(),
    cgroupV2: false,
    podsCgroup: '/none',
    podsMemoryBytes: 0,
    imageFs: undefined,
  });
  const seen = observations.get(signal);
  assert.ok(seen !== undefined, `this machine does not tell ${signal}`);
  return seen;
}

/** A container that puts so many bytes into the pod's memory volume. */
function eater(bytes: number) {
  const script = `dd if=/dev/zero of=/eaten/file bs=1M count=${bytes / 2 ** 20} && touch /eaten/done; exec sleep 1000`;
  return {
    containers: [
      container('main', {
        command: ['sh', '-c', script],
        volumeMounts: [{ name: 'eaten', mountPath: '/eaten' }],
        readinessProbe: {
          exec: { command: ['test', '-e', '/eaten/done'] },
          periodSeconds: 1,
          failureThreshold: 60,
        },
      }),
    ],
    volumes: [{ name: 'eaten', emptyDir: { medium: 'Memory' } }],
  };
}

/** A container with so many processes. */
function breeder(processes: number) {
  const script = `i=0; while [ $i -lt ${processes} ]; do sleep 1000 & i=$((i+1)); done; touch /tmp-done; wait`;
  return {
    containers: [
      container('main', {
        command: ['sh', '-c', script],
        readinessProbe: {
          exec: { command: ['test', '-e', '/tmp-done'] },
          periodSeconds: 1,
          failureThreshold: 60,
        },
      }),
    ],
  };
}

async function startBed(name: string, evictionHard: Record<string, string>): Promise<void> {
  bed = await createEdgedBed({ name, config: { evictionHard, evictionTransitionMs: TRANSITION_MS } });
  await bed.start();
}

describe('a node short of memory, on real containerd', { timeout: 240_000 }, () => {
  before(async () => {
    const { available } = await leftOf('memory.available');
    MEMORY = memoryShares(available);
    const threshold = available - MEMORY.important - MEMORY.noise;
    await startBed('memory', { 'memory.available': String(threshold) });
    bed.meta.putPod(
      pod('modest', { containers: [container('main', { resources: { requests: { memory: '64Mi' } } })] }),
    );
    bed.meta.putPod(pod('important', { priority: 1_000, ...eater(MEMORY.important) }));
    await bed.until('run', () => bed.isReady('modest') && bed.isReady('important'), 60_000);
  });
  after(() => bed?.close());

  test('is not under pressure as long as more is left than the threshold', async () => {
    await bed.until('looked', () => condition('MemoryPressure')?.status === 'False', 30_000);
    assert.equal(condition('MemoryPressure')?.reason, 'KubeletHasSufficientMemory');
  });

  test('evicts the pod of lowest priority among those above their requests, not the one that uses most, and says why', async () => {
    bed.meta.putPod(pod('greedy', eater(MEMORY.greedy)));
    await bed.until('evicted', () => evicted('greedy'), 60_000);
    assert.equal(bed.phaseOf('greedy'), 'Failed');
    const { message = '', conditions } = bed.meta.statusOf('greedy') ?? {};
    assert.match(
      message,
      /^The node was low on resource: memory\. Threshold quantity: \d+(Ki|Mi|Gi|)?, available: \d+Ki\. /,
    );
    const used = Number(
      /Container main was using (\d+)Ki, request is 0, has larger consumption of memory\. $/.exec(
        message,
      )?.[1],
    );
    assert.ok(used * 1_024 > MEMORY.greedy / 4, message);
    assert.equal(conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason, 'TerminationByKubelet');
    await bed.until('told', () => reasonsOf('greedy').includes('Evicted'));
    assert.equal(eventsOf('greedy').find(({ reason }) => reason === 'Evicted')?.message, message);
    assert.deepEqual([bed.isReady('important'), bed.isReady('modest')], [true, true]);
  });

  test('shows it in its condition and its events', async () => {
    await bed.until('pressure', () => condition('MemoryPressure')?.status === 'True');
    assert.equal(condition('MemoryPressure')?.reason, 'KubeletHasInsufficientMemory');
    await bed.until('told', () =>
      ['NodeHasInsufficientMemory', 'EvictionThresholdMet'].every((reason) =>
        reasonsOf('edge-a').includes(reason),
      ),
    );
    const met = eventsOf('edge-a').find(({ reason }) => reason === 'EvictionThresholdMet');
    assert.equal(met?.message, 'Attempting to reclaim memory');
  });

  test('takes no pod meanwhile that asks for no memory; others, and critical ones, it takes', async () => {
    bed.meta.putPod(pod('best-effort'));
    bed.meta.putPod(pod('critical', { priority: CRITICAL }));
    bed.meta.putPod(
      pod('burstable', { containers: [container('main', { resources: { requests: { memory: '16Mi' } } })] }),
    );
    await bed.until('refused', () => bed.phaseOf('best-effort') === 'Failed');
    const { reason, message } = bed.meta.statusOf('best-effort') ?? {};
    assert.deepEqual(
      [reason, message],
      ['Evicted', 'Pod was rejected: The node had condition: [MemoryPressure]. '],
    );
    await bed.until('others run', () => bed.isReady('critical') && bed.isReady('burstable'));
  });

  test('is well again after the transition time, and takes every pod', async () => {
    await bed.until('recovered', () => condition('MemoryPressure')?.status === 'False', 60_000);
    await bed.until('told', () => reasonsOf('edge-a').at(-1) === 'NodeHasSufficientMemory');
    bed.meta.putPod(pod('later'));
    await bed.until('runs', () => bed.isReady('later'));
    assert.deepEqual([bed.isReady('important'), bed.isReady('modest')], [true, true]);
  });
});

describe('a node short of process ids, on real containerd', { timeout: 240_000 }, () => {
  before(async () => {
    const { available, capacity } = await leftOf('pid.available');
    const threshold = available - PROCESSES.important - PROCESSES.noise;
    assert.ok(threshold > 0, `needs ${PROCESSES.important + PROCESSES.noise} free process ids`);
    await startBed('pids', { 'pid.available': `${((threshold / capacity) * 100).toFixed(4)}%` });
    bed.meta.putPod(pod('modest'));
    bed.meta.putPod(pod('important', { priority: 1_000, ...breeder(PROCESSES.important) }));
    await bed.until('run', () => bed.isReady('modest') && bed.isReady('important'), 60_000);
    await bed.until('looked', () => condition('PIDPressure')?.status === 'False', 30_000);
  });
  after(() => bed?.close());

  test('evicts, at a threshold in percent, the pod of lowest priority that has most processes, and says why', async () => {
    bed.meta.putPod(pod('greedy', breeder(PROCESSES.greedy)));
    await bed.until('evicted', () => evicted('greedy'), 60_000);
    assert.match(
      bed.meta.statusOf('greedy')?.message ?? '',
      /^The node was low on resource: pids\. Threshold quantity: \S+, available: \d+\S*\. $/,
    );
    await bed.until('told', () => reasonsOf('greedy').includes('Evicted'));
    assert.deepEqual([bed.isReady('important'), bed.isReady('modest')], [true, true]);
    await bed.until('pressure', () => condition('PIDPressure')?.status === 'True');
    await bed.until('told', () =>
      ['NodeHasInsufficientPID', 'EvictionThresholdMet'].every((reason) =>
        reasonsOf('edge-a').includes(reason),
      ),
    );
  });

  test('its processes are gone with it', async () => {
    const left = Number(/^(?:\S+ ){3}\d+\/(\d+)/.exec(await readFile('/proc/loadavg', 'utf8'))?.[1]);
    assert.ok(
      left > PROCESSES.important && left < PROCESSES.important + PROCESSES.greedy + PROCESSES.noise,
      `${left}`,
    );
  });

  test('takes no pod meanwhile, whatever it asks for, but critical ones', async () => {
    bed.meta.putPod(
      pod('burstable', { containers: [container('main', { resources: { requests: { memory: '16Mi' } } })] }),
    );
    bed.meta.putPod(pod('critical', { priority: CRITICAL }));
    await bed.until('refused', () => bed.phaseOf('burstable') === 'Failed');
    const { reason, message } = bed.meta.statusOf('burstable') ?? {};
    assert.deepEqual(
      [reason, message],
      ['Evicted', 'Pod was rejected: The node had condition: [PIDPressure]. '],
    );
    await bed.until('critical runs', () => bed.isReady('critical'));
  });

  test('is well again after the transition time, and takes every pod', async () => {
    await bed.until('recovered', () => condition('PIDPressure')?.status === 'False', 60_000);
    await bed.until('told', () => reasonsOf('edge-a').at(-1) === 'NodeHasSufficientPID');
    bed.meta.putPod(pod('later'));
    await bed.until('runs', () => bed.isReady('later'));
    assert.equal(bed.isReady('important'), true);
  });
});

describe('a node short of inodes, on real containerd', { timeout: 240_000 }, () => {
  after(() => bed?.close());

  test('evicts the pod that has most files, says why, and is well again once they are gone', async () => {
    const { available } = await leftOf('nodefs.inodesFree');
    await startBed('inodes', { 'nodefs.inodesFree': String(available - FILES.noise) });
    bed.meta.putPod(pod('modest'));
    await bed.until('runs', () => bed.isReady('modest'));
    await bed.until('looked', () => condition('DiskPressure')?.status === 'False', 30_000);
    const script = `cd /files; seq ${FILES.hoarder} | xargs /bin/busybox touch; exec sleep 1000`;
    bed.meta.putPod(
      pod('hoarder', {
        containers: [
          container('main', {
            command: ['sh', '-c', script],
            volumeMounts: [{ name: 'files', mountPath: '/files' }],
          }),
        ],
        volumes: [{ name: 'files', emptyDir: {} }],
      }),
    );
    await bed.until('evicted', () => evicted('hoarder'), 90_000);
    assert.match(
      bed.meta.statusOf('hoarder')?.message ?? '',
      /^The node was low on resource: inodes\. Threshold quantity: \S+, available: \d+\S*\. /,
    );
    await bed.until('pressure', () => condition('DiskPressure')?.status === 'True');
    assert.equal(bed.isReady('modest'), true);
    await bed.until('recovered', () => condition('DiskPressure')?.status === 'False', 60_000);
  });
});
