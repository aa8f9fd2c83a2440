import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { createMailbox } from './mailbox.ts';

const isFull = (error: unknown): boolean => isKubeEdgeError(error, 'MESSAGE_MAILBOX_FULL');
const isGone = (error: unknown): boolean => isKubeEdgeError(error, 'MESSAGE_MODULE_UNKNOWN');
const settled = async (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);

it('items come out in the order they went in', async () => {
  const mailbox = createMailbox<number>({ module: 'm', capacity: 10, overflow: 'reject' });
  for (let i = 0; i < 10; i++) await mailbox.put(i);
  for (let i = 0; i < 10; i++) assert.equal(await mailbox.take(), i);
});

it('a full mailbox that rejects keeps what it has and names module and capacity', async () => {
  const mailbox = createMailbox<string>({ module: 'twin', capacity: 2, overflow: 'reject' });
  await mailbox.put('a');
  await mailbox.put('b');
  await assert.rejects(mailbox.put('c'), (error) => {
    assert.ok(isFull(error));
    assert.match(String(error), /twin.*2/);
    return true;
  });
  assert.equal(mailbox.size, 2);
  assert.equal(await mailbox.take(), 'a');
  await mailbox.put('d');
  assert.deepEqual([await mailbox.take(), await mailbox.take()], ['b', 'd']);
});

it('a full mailbox that waits holds its senders back, in order, and never exceeds its capacity', async () => {
  const mailbox = createMailbox<number>({ module: 'm', capacity: 2, overflow: 'wait' });
  const puts = Array.from({ length: 6 }, (_, i) => mailbox.put(i));
  assert.deepEqual(await Promise.all(puts.map(settled)), [true, true, false, false, false, false]);
  for (let i = 0; i < 6; i++) {
    assert.ok(mailbox.size <= 2);
    assert.equal(await mailbox.take(), i);
    if (i + 2 < 6) assert.equal(await settled(puts[i + 2] as Promise<void>), true);
  }
});

it('a reader that waits gets the next item', async () => {
  const mailbox = createMailbox<string>({ module: 'm', capacity: 1, overflow: 'reject' });
  const taken = mailbox.take();
  await mailbox.put('x');
  assert.equal(await taken, 'x');
  assert.equal(mailbox.size, 0);
});

it('a second reader is a programming error, and the first one loses nothing', async () => {
  const mailbox = createMailbox<string>({ module: 'm', capacity: 1, overflow: 'reject' });
  const first = mailbox.take();
  await assert.rejects(mailbox.take(), TypeError);
  await mailbox.put('x');
  assert.equal(await first, 'x');
});

it('after close senders fail, what is inside can be taken, and then comes undefined', async () => {
  const mailbox = createMailbox<string>({ module: 'm', capacity: 1, overflow: 'wait' });
  await mailbox.put('inside');
  const waiting = mailbox.put('waiting');
  mailbox.close();
  mailbox.close();
  await assert.rejects(waiting, isGone);
  await assert.rejects(mailbox.put('late'), isGone);
  assert.equal(await mailbox.take(), 'inside');
  assert.equal(await mailbox.take(), undefined);
  const empty = createMailbox<string>({ module: 'm', capacity: 1, overflow: 'wait' });
  const reader = empty.take();
  empty.close();
  assert.equal(await reader, undefined);
});

it('any interleaving of puts and takes is a first-in-first-out queue', async () => {
  const operations = fc.array(fc.constantFrom('put', 'take'), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(operations, fc.integer({ min: 1, max: 5 }), async (list, capacity) => {
      const mailbox = createMailbox<number>({ module: 'm', capacity, overflow: 'wait' });
      const model: number[] = [];
      let next = 0;
      for (const operation of list) {
        if (operation === 'put') {
          model.push(next);
          void mailbox.put(next);
          next += 1;
        } else if (model.length > 0) {
          assert.equal(await mailbox.take(), model.shift());
        }
        assert.equal(mailbox.size, Math.min(capacity, model.length));
      }
    }),
  );
});
