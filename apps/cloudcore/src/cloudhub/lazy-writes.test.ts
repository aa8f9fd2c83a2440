import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { createLazyWrites, type LazyWritesOptions } from './lazy-writes.ts';

function bench(options: Partial<LazyWritesOptions<number>> = {}) {
  const clock = createVirtualClock();
  const written: string[] = [];
  const lazy = createLazyWrites<number>({
    clock,
    perSecond: 10,
    burst: 10,
    delayMs: 1_000,
    concurrency: 4,
    write: async (key, value) => {
      written.push(`${key}=${value}`);
    },
    ...options,
  });
  return { clock, written, lazy };
}

describe('writes that can wait', () => {
  test('the newest value of a key is written, once, after the delay', async () => {
    const { clock, written, lazy } = bench();
    for (let i = 1; i <= 5; i++) lazy.put('a', i);
    await clock.advance(900);
    assert.deepEqual(written, []);
    await clock.advance(200);
    assert.deepEqual(written, ['a=5']);
    assert.equal(clock.pending, 0);
  });

  test('a key that changes all the time is written all the same', async () => {
    const { clock, written, lazy } = bench();
    for (let i = 0; i < 30; i++) {
      lazy.put('a', i);
      await clock.advance(200);
    }
    assert.ok(written.length >= 4);
  });

  test('the rate holds over all keys', async () => {
    const { clock, written, lazy } = bench();
    for (let i = 0; i < 100; i++) lazy.put(`k${i}`, i);
    await clock.advance(1_100);
    assert.ok(written.length <= 12, String(written.length));
    await clock.advance(10_000);
    assert.equal(written.length, 100);
  });

  test('two writes of one key never run at once, and the later value comes later', async () => {
    const running: (() => void)[] = [];
    const started: number[] = [];
    const { clock, lazy } = bench({
      write: (_key, value) => {
        started.push(value);
        return new Promise((resolve) => running.push(resolve));
      },
    });
    lazy.put('a', 1);
    await clock.advance(1_000);
    lazy.put('a', 2);
    await clock.advance(5_000);
    assert.deepEqual(started, [1]);
    running.shift()?.();
    await clock.advance(0);
    assert.deepEqual(started, [1, 2]);
  });

  test('cancel forgets what waits and awaits what is being written', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { clock, lazy } = bench({ write: () => promise });
    lazy.put('a', 1);
    await clock.advance(1_000);
    lazy.put('a', 2);
    let cancelled = false;
    const done = lazy.cancel('a').then(() => {
      cancelled = true;
    });
    await clock.advance(0);
    assert.equal(cancelled, false);
    resolve();
    await done;
    assert.equal(lazy.size, 0);
  });

  test('flush writes what waits without the delay, and gives up when told', async () => {
    const { clock, written, lazy } = bench();
    for (let i = 0; i < 30; i++) lazy.put(`k${i}`, i);
    const deadline = new AbortController();
    const flushed = lazy.flush(deadline.signal);
    await clock.advance(0);
    assert.equal(written.length, 10);
    deadline.abort();
    await flushed;
    lazy.stop();
    assert.equal(clock.pending, 0);
  });
});
