import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { createAlarm } from './alarm.ts';

test('an alarm that is put off rings at the last time set, once', async () => {
  const clock = createVirtualClock();
  let rings = 0;
  const alarm = createAlarm(clock, () => {
    rings += 1;
  });
  alarm.set(1_000);
  await clock.advance(900);
  alarm.set(1_000);
  assert.equal(clock.pending, 1);
  await clock.advance(900);
  assert.equal(rings, 0);
  await clock.advance(100);
  assert.equal(rings, 1);
  alarm.set(5_000);
  alarm.set(1_000);
  await clock.advance(1_000);
  assert.equal(rings, 2);
  alarm.set(1_000);
  alarm.clear();
  await clock.advance(10_000);
  assert.deepEqual([rings, clock.pending], [2, 0]);
});
