import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import { silentLogger } from '@kubeedge-ts/runtime';
import { createManualClock, type ManualClock } from '../../edgehub/testing/manual-clock.ts';
import type { EndOrder } from '../pod/types.ts';
import type { PodUsage } from '../stats/pod-usage.ts';
import { container, pod } from '../testing/pods.ts';
import type { Signal } from './signals.ts';
import type { Threshold } from './thresholds.ts';
import { createEvictionWatch, type EvictionWatch } from './watch.ts';

const HARD: Threshold = { signal: 'memory.available', value: '100', graceMs: 0 };
const DISK: Threshold = { signal: 'nodefs.available', value: '100', graceMs: 0 };

let clock: ManualClock;
let available: Partial<Record<Signal, number>>;
let dedicatedImageFs: boolean;
let pods: Pod[];
let usages: Map<string, PodUsage>;
let evicted: (EndOrder & { name: string })[];
let told: string[];
let reclaimed: string[];
let looks: number;
let measured: string[][];
let stopping: AbortController;
let running: Promise<void>;
let changes: number;
/** Uids of pods that have ended and whose files are still there. */
let keeping: Set<string>;
/** What an evicted pod frees. */
let freed: number;

beforeEach(() => {
  clock = createManualClock();
  available = { 'memory.available': 1_000, 'nodefs.available': 1_000 };
  dedicatedImageFs = false;
  pods = [];
  usages = new Map();
  evicted = [];
  told = [];
  reclaimed = [];
  measured = [];
  looks = 0;
  changes = 0;
  keeping = new Set();
  freed = 0;
  stopping = new AbortController();
  running = Promise.resolve();
});
afterEach(async () => {
  stopping.abort(new Error('done'));
  await running;
});

const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};
const pass = async (ms: number): Promise<void> => {
  await settle();
  for (let left = ms; left > 0; left -= 500) {
    clock.advance(Math.min(500, left));
    await settle();
  }
};
/** The pod as it is while its container runs. */
const begun = (subject: Pod): Pod => {
  const state = { running: { startedAt: '2026-11-22T00:00:00Z' } };
  const main = { name: 'main', image: '', imageID: '', ready: true, restartCount: 0, state };
  return { ...subject, status: { phase: 'Running', containerStatuses: [main] } };
};
const uses = (subject: Pod, memoryWorkingSetBytes: number, more: Partial<PodUsage> = {}): Pod => {
  usages.set(subject.metadata.uid ?? '', {
    memoryWorkingSetBytes,
    containers: new Map(),
    volumes: new Map(),
    ...more,
  });
  return begun(subject);
};

interface Setup {
  readonly thresholds?: readonly Threshold[];
  readonly reclaim?: (task: string) => void;
  readonly maxPodGraceSeconds?: number;
  readonly localStorageIsolation?: boolean;
}

function start({
  thresholds = [HARD, DISK],
  reclaim,
  maxPodGraceSeconds = 0,
  localStorageIsolation = true,
}: Setup = {}): EvictionWatch {
  const watch = createEvictionWatch({
    config: {
      evictionTransitionMs: 300_000,
      evictionMaxPodGraceSeconds: maxPodGraceSeconds,
      localStorageIsolation,
    },
    thresholds,
    async observe() {
      looks += 1;
      const seen = Object.entries(available) as [Signal, number][];
      return {
        observations: new Map(seen.map(([signal, left]) => [signal, { available: left, capacity: 10_000 }])),
        dedicatedImageFs,
      };
    },
    pods: () => pods,
    async usage(wanted, { storage }) {
      measured.push([storage ? 'with storage' : 'memory', ...wanted.map(({ metadata }) => metadata.name)]);
      return usages;
    },
    evict(uid, order) {
      const name = pods.find(({ metadata }) => metadata.uid === uid)?.metadata.name ?? '';
      evicted.push({ name, ...order });
      clock.after(2_000, () => {
        pods = pods.filter(({ metadata }) => metadata.uid !== uid);
        for (const signal of Object.keys(available) as Signal[])
          available[signal] = (available[signal] ?? 0) + freed;
      });
    },
    isGone: async (uid) => !pods.some(({ metadata }) => metadata.uid === uid) && !keeping.has(uid),
    reclaim: ['containers', 'images'].map((task) => async () => {
      reclaimed.push(task);
      reclaim?.(task);
    }),
    onPressure: () => {
      changes += 1;
    },
    events: {
      pod: (subject, type, reason) => void told.push(`${subject.metadata.name} ${type} ${reason}`),
      node: (type, reason, message) => void told.push(`node ${type} ${reason} ${message}`),
    },
    clock,
    log: silentLogger,
  });
  running = watch.run(stopping.signal);
  return watch;
}
const names = () => evicted.map(({ name }) => name);

describe('a node that runs out of memory', () => {
  test('ends the pod that uses most, waits for it, and is short no longer after 5 minutes', async () => {
    pods = [uses(pod('small'), 10), uses(pod('big'), 900), uses(pod('medium'), 500)];
    available['memory.available'] = 50;
    freed = 500;
    const watch = start();
    await pass(1_000);
    assert.deepEqual(evicted, [
      {
        name: 'big',
        reason: 'Evicted',
        message: 'The node was low on resource: memory. Threshold quantity: 100, available: 50. ',
        graceSeconds: 1,
        disruption: true,
      },
    ]);
    assert.deepEqual(told, [
      'node Warning EvictionThresholdMet Attempting to reclaim memory',
      'big Warning Evicted',
    ]);
    assert.deepEqual(watch.pressures, ['MemoryPressure']);
    await pass(60_000);
    assert.deepEqual(names(), ['big']);
    assert.deepEqual(watch.pressures, ['MemoryPressure']);
    await pass(300_000);
    assert.deepEqual(watch.pressures, []);
    assert.equal(changes, 2);
  });

  test('ends one pod after the other until it is enough', async () => {
    pods = [uses(pod('a'), 3), uses(pod('b'), 2), uses(pod('c'), 1)];
    available['memory.available'] = 10;
    freed = 60;
    start();
    await pass(30_000);
    assert.deepEqual(names(), ['a', 'b']);
  });

  test('ends no pod of which nothing runs, though it cannot be measured; one that runs and cannot be goes first', async () => {
    pods = [pod('waiting'), uses(pod('measured'), 900), begun(pod('unmeasured'))];
    available['memory.available'] = 10;
    freed = 500;
    start();
    await pass(1_000);
    assert.deepEqual(names(), ['unmeasured']);
  });

  test('never ends critical and static pods, and says so by ending nothing', async () => {
    pods = [
      uses(pod('system', { priority: 2_000_001_000 }), 900),
      uses(pod('static', {}, { annotations: { 'kubernetes.io/config.source': 'file' } }), 900),
    ];
    available['memory.available'] = 10;
    start();
    await pass(20_000);
    assert.deepEqual(evicted, []);
  });

  test('does not remove images for it', async () => {
    pods = [uses(pod('a'), 1)];
    available['memory.available'] = 10;
    start();
    await pass(1_000);
    assert.deepEqual([reclaimed, measured[0]], [[], ['memory', 'a']]);
  });

  test('a pod that does not go holds up the next look for 30 s only', async () => {
    const stubborn = uses(pod('stubborn'), 900);
    pods = [stubborn, uses(pod('other'), 1)];
    available['memory.available'] = 10;
    start();
    const keep = clock.after;
    clock.after = (ms, task) => keep(ms === 2_000 ? 10 ** 9 : ms, task);
    await pass(29_000);
    assert.deepEqual(names(), ['stubborn']);
    await pass(2_000);
    assert.deepEqual(names(), ['stubborn', 'stubborn']);
  });

  test('waits also for the files of a pod that has ended: they are what the node needs back', async () => {
    const big = uses(pod('big'), 900);
    pods = [big, uses(pod('other'), 1)];
    keeping.add(big.metadata.uid ?? '');
    available['memory.available'] = 10;
    start();
    await pass(20_000);
    available['memory.available'] = 500;
    keeping.clear();
    await pass(20_000);
    assert.deepEqual(names(), ['big']);
  });

  test('softly: after the grace of the threshold, with what grace is allowed', async () => {
    pods = [uses(pod('a', { terminationGracePeriodSeconds: 20 }), 1)];
    available['memory.available'] = 10;
    start({ thresholds: [{ ...HARD, graceMs: 60_000 }], maxPodGraceSeconds: 45 });
    await pass(59_000);
    assert.deepEqual(evicted, []);
    await pass(12_000);
    assert.deepEqual(
      evicted.map(({ graceSeconds }) => graceSeconds),
      [20],
    );
  });
});

describe('a node that runs out of disk', () => {
  test('removes what nobody uses first, and ends no pod when that is enough', async () => {
    pods = [uses(pod('a'), 1)];
    available['nodefs.available'] = 10;
    start({
      reclaim: (task) => {
        if (task === 'images') available['nodefs.available'] = 500;
      },
    });
    await pass(1_000);
    assert.deepEqual(reclaimed, ['containers', 'images']);
    assert.deepEqual(evicted, []);
  });

  test('ends a pod when it is not, though removing failed', async () => {
    pods = [uses(pod('a'), 1)];
    available['nodefs.available'] = 10;
    start({
      reclaim: () => {
        throw new Error('the runtime does not answer');
      },
    });
    await pass(1_000);
    assert.deepEqual(names(), ['a']);
  });

  test('images on a disk of their own help the node as little as containers', async () => {
    pods = [uses(pod('a'), 1)];
    dedicatedImageFs = true;
    available['nodefs.available'] = 10;
    start();
    await pass(1_000);
    assert.deepEqual(reclaimed, []);
    assert.deepEqual(names(), ['a']);
  });
});

describe('a pod above its own limits', () => {
  const limited = (name: string): Pod =>
    pod(name, {
      volumes: [{ name: 'cache', emptyDir: { sizeLimit: '100' } }],
      containers: [container('main')],
    });
  const inCache = (bytes: number) => ({ volumes: new Map([['cache', { bytes, inodes: 1 }]]) });

  test('goes though the node has plenty, and is not called disrupted', async () => {
    pods = [
      uses(limited('greedy'), 1, inCache(101)),
      uses(limited('modest'), 1, inCache(100)),
      uses(pod('free'), 1),
    ];
    start();
    await pass(1_000);
    assert.deepEqual(evicted, [
      {
        name: 'greedy',
        reason: 'Evicted',
        message: 'Usage of EmptyDir volume "cache" exceeds the limit "100". ',
        graceSeconds: 1,
      },
    ]);
    assert.deepEqual(measured[0], ['with storage', 'greedy', 'modest']);
  });

  test('stays when the node does not isolate local storage', async () => {
    pods = [uses(limited('greedy'), 1, inCache(101))];
    start({ localStorageIsolation: false });
    await pass(1_000);
    assert.deepEqual([evicted, measured], [[], []]);
  });
});

test('a node that is short of nothing looks every 10 s and measures no pod', async () => {
  pods = [uses(pod('a'), 1)];
  start();
  await pass(60_000);
  assert.equal(looks, 7);
  assert.deepEqual([measured, changes], [[], 0]);
});
