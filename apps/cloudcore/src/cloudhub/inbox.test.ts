import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createInbox } from './inbox.ts';

test('tasks run one after the other, whatever they return or throw', async () => {
  const done: string[] = [];
  const failed: unknown[] = [];
  const inbox = createInbox({ capacity: 8, failed: (error) => failed.push(error) });
  const { promise, resolve } = Promise.withResolvers<void>();
  inbox.offer(async () => {
    await promise;
    done.push('slow');
  });
  inbox.offer(() => {
    throw new Error('boom');
  });
  inbox.offer(() => void done.push('quick'));
  assert.deepEqual(done, []);
  resolve();
  while (inbox.size > 0) await new Promise((next) => setImmediate(next));
  assert.deepEqual([done, failed.length], [['slow', 'quick'], 1]);
});

test('a full inbox makes its sender wait for room', async () => {
  const inbox = createInbox({ capacity: 2, failed: (error) => assert.ifError(error) });
  const { promise, resolve } = Promise.withResolvers<void>();
  const task = () => promise;
  assert.equal(inbox.offer(task), undefined);
  assert.equal(inbox.offer(task), undefined);
  const room = inbox.offer(task);
  assert.ok(room instanceof Promise);
  resolve();
  await room;
});
