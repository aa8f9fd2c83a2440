import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '@kubeedge-ts/runtime';
import { watchSilence } from './silence.ts';

function fakeClock() {
  let now = 0;
  let pending: { at: number; task: () => void } | undefined;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after(ms, task) {
      pending = { at: now + ms, task };
      return () => {
        pending = undefined;
      };
    },
  };
  const advance = (ms: number): void => {
    for (const end = now + ms; ; ) {
      if (pending === undefined || pending.at > end) {
        now = end;
        return;
      }
      now = pending.at;
      const { task } = pending;
      pending = undefined;
      task();
    }
  };
  return { clock, advance, idle: () => pending === undefined };
}

test('a peer is silent when no byte has come for 45 s; until then it is pinged every 15 s', () => {
  const { clock, advance, idle } = fakeClock();
  let received = 0;
  let beats = 0;
  let silent = 0;
  watchSilence({
    clock,
    received: () => received,
    beat: () => {
      beats += 1;
    },
    onSilent: () => {
      silent += 1;
    },
  });
  advance(14_999);
  assert.equal(beats, 0);
  for (let count = 0; count < 100; count += 1) {
    received += 1;
    advance(15_000);
  }
  assert.deepEqual({ beats, silent }, { beats: 100, silent: 0 });
  // the last look was 14,999 ms ago
  advance(30_000);
  assert.equal(silent, 0);
  advance(1);
  assert.equal(silent, 1);
  advance(3_600_000);
  assert.equal(silent, 1);
  assert.ok(idle());
});

test('a watch that is ended leaves no timer', () => {
  const { clock, advance, idle } = fakeClock();
  const stop = watchSilence({ clock, received: () => 0, onSilent: () => assert.fail('ended before') });
  advance(20_000);
  stop();
  assert.ok(idle());
});
