import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import { edgedErrors } from '@kubeedge-ts/errors';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createManualClock, type ManualClock } from '../../../edgehub/testing/manual-clock.ts';
import type { EndOrder } from '../../pod/types.ts';
import { pod } from '../../testing/pods.ts';
import { type Logind, shutdownOf } from './logind.ts';
import { createNodeShutdown, type NodeShutdown } from './node-shutdown.ts';
import { groupPods, type ShutdownConfig, shutdownPeriods } from './shutdown-groups.ts';

const CRITICAL = 2_000_000_000;
const config = (fields: Partial<ShutdownConfig>): ShutdownConfig => ({
  graceMs: 0,
  criticalMs: 0,
  byPriority: undefined,
  ...fields,
});

describe('the periods of a shutdown', () => {
  const cases: [string, Partial<ShutdownConfig>, [number, number][]][] = [
    ['off', {}, []],
    [
      'everybody, then the critical ones',
      { graceMs: 30_000, criticalMs: 10_000 },
      [
        [0, 20],
        [CRITICAL, 10],
      ],
    ],
    ['more for the critical ones than for all is nothing', { graceMs: 5_000, criticalMs: 10_000 }, []],
    [
      'by priority, the lowest first, whatever the others say',
      {
        graceMs: 30_000,
        byPriority: [
          { priority: 100_000, shutdownGracePeriodSeconds: 10 },
          { priority: 0, shutdownGracePeriodSeconds: 60 },
        ],
      },
      [
        [0, 60],
        [100_000, 10],
      ],
    ],
    [
      'nonsense by priority is passed over',
      { graceMs: 4_000, byPriority: [null, 7, { priority: 'x' }] },
      [
        [0, 4],
        [CRITICAL, 0],
      ],
    ],
  ];
  for (const [name, fields, expected] of cases) {
    test(name, () => {
      const found = shutdownPeriods(config(fields)).map(({ priority, seconds }) => [priority, seconds]);
      assert.deepEqual(found, expected);
    });
  }

  test('a pod belongs to the highest group not above it, one below all to the lowest', () => {
    const periods = [0, 100, 1_000].map((priority) => ({ priority, seconds: 1 }));
    const subjects = [-5, 0, 99, 100, 5_000, undefined].map((priority) =>
      pod(`p${priority}`, priority === undefined ? {} : { priority }),
    );
    assert.deepEqual(
      groupPods(periods, subjects).map(({ pods }) => pods.map(({ metadata }) => metadata.name)),
      [['p-5', 'p0', 'p99', 'pundefined'], ['p100'], ['p5000']],
    );
  });
});

describe('a line of busctl', () => {
  const line = (fields: object) =>
    JSON.stringify({
      type: 'signal',
      member: 'PrepareForShutdown',
      payload: { type: 'b', data: [true] },
      ...fields,
    });
  test('that tells of a shutdown, or calls it off', () => {
    assert.equal(shutdownOf(line({})), true);
    assert.equal(shutdownOf(line({ payload: { type: 'b', data: [false] } })), false);
  });
  test('that tells of something else, or of nothing', () => {
    for (const other of [
      '',
      'null',
      '7',
      '[]',
      'Monitoring bus message stream.',
      line({ member: 'PrepareForSleep' }),
      line({ type: 'method_call' }),
      line({ payload: { data: ['yes'] } }),
      line({ payload: null }),
      line({ pad: 'x'.repeat(20_000) }),
    ])
      assert.equal(shutdownOf(other), undefined, other.slice(0, 50));
  });
});

describe('a machine that shuts down (a fake logind; the real one: real-logind.component.test.ts)', () => {
  let clock: ManualClock;
  let pods: Pod[];
  let ended: (EndOrder & { name: string })[];
  let told: string[];
  let locks: { lose: () => void; released: boolean }[];
  let delayMs: number;
  let raised: number[];
  let signalShutdown: ((begins: boolean) => void) | undefined;
  let endsAfterMs: number;
  let refuses: boolean;
  let stopping: AbortController;
  let running: Promise<void>;

  beforeEach(() => {
    clock = createManualClock();
    pods = [];
    ended = [];
    told = [];
    locks = [];
    raised = [];
    delayMs = 5_000;
    endsAfterMs = 1_000;
    refuses = false;
    signalShutdown = undefined;
    stopping = new AbortController();
  });
  afterEach(async () => {
    stopping.abort(new Error('done'));
    await running;
  });

  const logind: Logind = {
    delayMs: async () => delayMs,
    async raiseDelay(ms) {
      raised.push(ms);
      delayMs = ms;
    },
    async inhibit() {
      if (refuses) throw edgedErrors.create('EDGED_LOGIND', { problem: 'no' });
      const { promise, resolve } = Promise.withResolvers<void>();
      const lock = { lose: resolve, released: false };
      locks.push(lock);
      return {
        ended: promise,
        async release() {
          lock.released = true;
          resolve();
        },
      };
    },
    watch(listener, signal) {
      signalShutdown = listener;
      const ended = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return { ready: Promise.resolve(), ended };
    },
  };
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
  const start = (
    fields: Partial<ShutdownConfig> = { graceMs: 30_000, criticalMs: 10_000 },
    present = true,
  ): NodeShutdown => {
    const shutdown = createNodeShutdown({
      periods: shutdownPeriods(config(fields)),
      logind,
      present: async () => present,
      pods: () => pods,
      end(uid, order) {
        const name = pods.find(({ metadata }) => metadata.uid === uid)?.metadata.name ?? '';
        ended.push({ name, ...order });
        clock.after(endsAfterMs, () => {
          pods = pods.filter(({ metadata }) => metadata.uid !== uid);
        });
      },
      onChange: () => void told.push(shutdown.active ? 'shutting down' : 'going on'),
      events: { node: (_type, reason, message) => void told.push(`${reason} ${message}`) },
      clock,
      random: seededRandom(1),
      log: silentLogger,
    });
    running = shutdown.run(stopping.signal);
    return shutdown;
  };
  const names = () => ended.map(({ name }) => name);

  test('waits for its pods: the ordinary ones end, then the critical ones, then it goes down', async () => {
    pods = [
      pod('system', { priority: CRITICAL }),
      pod('web', { terminationGracePeriodSeconds: 5 }),
      pod('patient', { terminationGracePeriodSeconds: 300 }),
    ];
    const shutdown = start();
    await settle();
    assert.deepEqual(raised, [30_000]);
    signalShutdown?.(true);
    await settle();
    assert.equal(shutdown.active, true);
    assert.deepEqual(ended[0], {
      name: 'web',
      reason: 'Terminated',
      message: 'Pod was terminated in response to imminent node shutdown.',
      graceSeconds: 5,
      disruption: true,
    });
    assert.equal(ended[1]?.graceSeconds, 20);
    assert.equal(locks[0]?.released, false);
    await pass(2_000);
    assert.deepEqual(names(), ['web', 'patient', 'system']);
    await pass(2_000);
    assert.equal(locks[0]?.released, true);
    assert.deepEqual(told, ['NodeShutdown Shutdown manager detected shutdown event', 'shutting down']);
  });

  test('does not wait longer for a group than its time', async () => {
    pods = [pod('stubborn'), pod('system', { priority: CRITICAL })];
    endsAfterMs = 10 ** 9;
    start();
    await settle();
    signalShutdown?.(true);
    await pass(19_000);
    assert.deepEqual(names(), ['stubborn']);
    await pass(2_000);
    assert.deepEqual(names(), ['stubborn', 'system']);
    await pass(10_000);
    assert.equal(locks[0]?.released, true);
  });

  test('and is called back goes on, ends nothing more, and is held up next time again', async () => {
    pods = [pod('stubborn'), pod('system', { priority: CRITICAL })];
    endsAfterMs = 10 ** 9;
    const shutdown = start();
    await settle();
    signalShutdown?.(true);
    await pass(1_000);
    signalShutdown?.(false);
    await pass(60_000);
    assert.equal(shutdown.active, false);
    assert.deepEqual(names(), ['stubborn']);
    assert.equal(
      locks.some(({ released }) => !released),
      true,
    );
    assert.deepEqual(told.slice(-2), [
      'NodeShutdown Shutdown manager detected shutdown cancellation',
      'going on',
    ]);
  });

  test('whose lock is lost takes it again', async () => {
    start();
    await settle();
    locks[0]?.lose();
    await pass(3_000);
    assert.equal(locks.length, 2);
  });

  test('that refuses the lock is asked again, with growing pauses', async () => {
    refuses = true;
    start();
    await pass(10_000);
    refuses = false;
    await pass(20_000);
    assert.equal(locks.length, 1);
  });

  test('is not held up without a period, or where there is no systemd', async () => {
    start({});
    await settle();
    await running;
    start({ graceMs: 30_000 }, false);
    await settle();
    await running;
    assert.deepEqual(locks, []);
  });

  test('lets go when edgecore stops', async () => {
    start();
    await settle();
    stopping.abort(new Error('done'));
    await running;
    assert.equal(locks[0]?.released, true);
  });
});
