import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import fc from 'fast-check';
import { createVirtualClock } from './testing/virtual-clock.ts';
import { createWorkQueue } from './work-queue.ts';

const ports = (clock = createVirtualClock()) => ({ clock, random: seededRandom(7), log: silentLogger });

describe('the work queue', () => {
  test('works on a key added many times once', async () => {
    const seen: string[] = [];
    const queue = createWorkQueue({ name: 'q', handler: async (key) => void seen.push(key) }, ports());
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    await queue.idle();
    assert.deepEqual(seen, ['a', 'b']);
  });

  test('retries a failing key with growing delays and forgets them after a success', async () => {
    const clock = createVirtualClock();
    const at: number[] = [];
    const outcomes = [true, true, false, true, false];
    const queue = createWorkQueue(
      {
        name: 'q',
        handler: async () => {
          at.push(clock.monotonic());
          if (outcomes.shift()) throw new Error('not yet');
        },
        backoff: { initialMs: 100, maxMs: 1000, jitter: 0 },
      },
      ports(clock),
    );
    queue.add('a');
    await clock.advance(1000);
    queue.add('a');
    await clock.advance(1000);
    assert.deepEqual(at, [0, 100, 300, 1000, 1100]);
  });

  test('adds later what is to be looked at later, at the earliest time asked for', async () => {
    const clock = createVirtualClock();
    const at: number[] = [];
    const queue = createWorkQueue(
      { name: 'q', handler: async () => void at.push(clock.monotonic()) },
      ports(clock),
    );
    queue.addAfter('a', 500);
    queue.addAfter('a', 200);
    queue.addAfter('a', 900);
    await clock.advance(2000);
    assert.deepEqual(at, [200]);
  });

  test('shutdown aborts the handlers, waits for them, and takes nothing more', async () => {
    const clock = createVirtualClock();
    let ended = 0;
    const queue = createWorkQueue(
      {
        name: 'q',
        handler: (_key, signal) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              ended += 1;
              resolve();
            });
          }),
      },
      ports(clock),
    );
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await clock.advance(0);
    await queue.shutdown();
    queue.add('d');
    await clock.advance(1000);
    assert.equal(ended, 1);
    assert.equal(queue.size, 0);
    assert.equal(clock.pending, 0);
  });

  test('never works twice on a key at the same time, never exceeds its concurrency, loses no key', async () => {
    const step = fc.oneof(
      fc.record({ add: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ later: fc.constantFrom('a', 'b', 'c', 'd'), ms: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ wait: fc.integer({ min: 0, max: 30 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer(),
        async (steps, concurrency, seed) => {
          const clock = createVirtualClock();
          const random = seededRandom(seed);
          const active = new Set<string>();
          const wanted = new Map<string, number>();
          const done = new Map<string, number>();
          const queue = createWorkQueue(
            {
              name: 'q',
              concurrency,
              backoff: { initialMs: 1, maxMs: 10 },
              handler: async (key) => {
                assert.ok(!active.has(key), `${key} is worked on twice`);
                active.add(key);
                assert.ok(active.size <= concurrency);
                const seen = wanted.get(key) ?? 0;
                const { promise, resolve } = Promise.withResolvers<void>();
                clock.after(Math.floor(random.next() * 10), resolve);
                await promise;
                active.delete(key);
                if (random.next() < 0.3) throw new Error('again');
                done.set(key, seen);
              },
            },
            { clock, random, log: silentLogger },
          );
          let version = 0;
          for (const action of steps) {
            if ('add' in action) {
              wanted.set(action.add, ++version);
              queue.add(action.add);
            } else if ('later' in action) {
              wanted.set(action.later, ++version);
              queue.addAfter(action.later, action.ms);
            } else await clock.advance(action.wait);
          }
          await clock.advance(2000);
          await queue.idle();
          assert.deepEqual(done, wanted);
        },
      ),
      { numRuns: 60 },
    );
  });
});
