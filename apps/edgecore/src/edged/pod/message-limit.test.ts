import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus } from '@kubeedge-ts/apis';
import { limitMessages } from './message-limit.ts';

const status = (message: string, last?: string): ContainerStatus => ({
  name: 'c',
  image: '',
  imageID: '',
  ready: false,
  restartCount: 0,
  state: { terminated: { exitCode: 1, message } },
  lastState: last === undefined ? {} : { terminated: { exitCode: 1, message: last } },
});

test('the containers of a pod share 12 KiB for their last words', () => {
  const long = 'x'.repeat(4096);
  const same = [status(long, long)];
  assert.equal(limitMessages(same, 3)[0], same[0], 'three fit');
  const [cut] = limitMessages(same, 4);
  assert.equal(cut?.state?.terminated?.message, 'x'.repeat(3072));
  assert.equal(cut?.lastState?.terminated?.message, 'x'.repeat(3072));
  assert.equal(cut?.state?.terminated?.exitCode, 1);
});

test('no character is cut in two', () => {
  const [cut] = limitMessages([status('€'.repeat(1000))], 6);
  const message = cut?.state?.terminated?.message ?? '';
  assert.equal(message, '€'.repeat(Math.floor(2048 / 3)));
});

test('statuses without messages stay what they are', () => {
  const running: ContainerStatus = { ...status(''), state: { running: {} } };
  assert.deepEqual(limitMessages([running], 0), [running]);
});
