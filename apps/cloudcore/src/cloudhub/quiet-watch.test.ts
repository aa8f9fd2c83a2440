import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { createQuietWatch } from './quiet-watch.ts';

test('keys are reported after a quiet time, a few per second, and not when they were touched again', async () => {
  const clock = createVirtualClock();
  const quiet: string[] = [];
  const watch = createQuietWatch({ clock, afterMs: 10_000, perSecond: 2, quiet: (key) => quiet.push(key) });
  for (const key of ['a', 'b', 'c', 'd']) watch.touch(key);
  await clock.advance(5_000);
  watch.touch('a');
  watch.forget('d');
  await clock.advance(5_000);
  assert.deepEqual(quiet, ['b', 'c']);
  await clock.advance(5_000);
  assert.deepEqual(quiet, ['b', 'c', 'a']);
  watch.stop();
  assert.equal(clock.pending, 0);
});
