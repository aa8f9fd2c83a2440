import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createPacedWrites, type PacedWritesOptions } from './paced-writes.ts';

function pacer(options: Partial<PacedWritesOptions> = {}) {
  const clock = createVirtualClock();
  const written: { key: string; at: number }[] = [];
  const writes = createPacedWrites(
    {
      write: async (key) => {
        written.push({ key, at: clock.monotonic() });
        return true;
      },
      minIntervalMs: 1_000,
      perNode: { perSecond: 1_000, burst: 1_000 },
      global: { perSecond: 1_000, burst: 1_000 },
      concurrency: 4,
      ...options,
    },
    { clock, random: seededRandom(3), log: silentLogger },
  );
  return {
    clock,
    writes,
    written,
    times: (key: string) => written.filter((w) => w.key === key).map(({ at }) => at),
  };
}

test('the first write of a key is made at once, the next after the interval', async () => {
  const { clock, writes, times } = pacer();
  writes.request('a', 'n');
  await clock.advance(0);
  writes.request('a', 'n');
  writes.request('a', 'n');
  await clock.advance(5_000);
  assert.deepEqual(times('a'), [0, 1_000]);
});

test('a request during a write leads to one more', async () => {
  const held = Promise.withResolvers<boolean>();
  let calls = 0;
  const { clock, writes } = pacer({
    write: () => {
      calls += 1;
      return calls === 1 ? held.promise : Promise.resolve(true);
    },
  });
  writes.request('a', 'n');
  await clock.advance(0);
  for (let n = 0; n < 10; n++) writes.request('a', 'n');
  held.resolve(true);
  await clock.advance(3_000);
  assert.equal(calls, 2);
});

test('a failed write is made again, later each time, until it succeeds', async () => {
  let failures = 3;
  const times: number[] = [];
  const { clock, writes } = pacer({
    write: async () => {
      times.push(clock.monotonic());
      if (failures-- > 0) throw new Error('away');
      return true;
    },
  });
  writes.request('a', 'n');
  await clock.advance(60_000);
  assert.equal(times.length, 4);
});

test('a node without budget does not hold up another', async () => {
  const { clock, writes, times } = pacer({ perNode: { perSecond: 1, burst: 1 } });
  for (const key of ['a1', 'a2', 'a3']) writes.request(key, 'a');
  writes.request('b1', 'b');
  await clock.advance(0);
  assert.deepEqual(times('b1'), [0]);
  await clock.advance(2_500);
  assert.deepEqual([times('a1'), times('a2'), times('a3')], [[0], [1_000], [2_000]]);
});

test('all nodes together keep the global budget', async () => {
  const { clock, writes, written } = pacer({ global: { perSecond: 10, burst: 5 }, minIntervalMs: 0 });
  for (let n = 0; n < 30; n++) writes.request(`k${n}`, `n${n}`);
  await clock.advance(1_000);
  assert.ok(written.length >= 14 && written.length <= 15, `${written.length}`);
  await clock.advance(2_000);
  assert.equal(written.length, 30);
});

test('after stop nothing is written, and stop waits for what is under way', async () => {
  const held = Promise.withResolvers<boolean>();
  let calls = 0;
  const { clock, writes } = pacer({
    write: () => {
      calls += 1;
      return held.promise;
    },
  });
  writes.request('a', 'n');
  await clock.advance(0);
  let stopped = false;
  const done = writes.stop().then(() => {
    stopped = true;
  });
  writes.request('b', 'n');
  await clock.advance(5_000);
  assert.equal(stopped, false);
  held.resolve(true);
  await done;
  assert.equal(calls, 1);
});
