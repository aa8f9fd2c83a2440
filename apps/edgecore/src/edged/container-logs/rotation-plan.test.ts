import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planRotation, rotatedName } from './rotation-plan.ts';

test('older files are compressed; room is made for the one to be rotated and for the fresh one', () => {
  const names = [
    '0.log.20260101-000001.gz',
    '0.log.20260102-000001.gz',
    '0.log.20260103-000001',
    '0.log.20260100-000001.gz',
  ];
  assert.deepEqual(planRotation(names, 5), {
    remove: ['0.log.20260100-000001.gz'],
    compress: ['0.log.20260103-000001'],
  });
});

test('with two files, nothing rotated is kept beside the one to come', () => {
  assert.deepEqual(planRotation(['0.log.20260103-000001'], 2), {
    remove: ['0.log.20260103-000001'],
    compress: [],
  });
});

test('what an interrupted compression left goes', () => {
  const names = ['0.log.a.tmp', '0.log.b', '0.log.b.gz', '0.log.c'];
  assert.deepEqual(planRotation(names, 10), { remove: ['0.log.a.tmp', '0.log.b'], compress: ['0.log.c'] });
});

test('nothing rotated yet: nothing to do', () => {
  assert.deepEqual(planRotation([], 5), { remove: [], compress: [] });
});

test('a rotated file carries the local time', () => {
  const time = new Date(2026, 10, 22, 4, 8, 9).getTime();
  assert.equal(rotatedName('/x/0.log', time), '/x/0.log.20261122-040809');
});
