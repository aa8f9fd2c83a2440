import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKeyedLanes } from './keyed-lanes.ts';
import { settle } from './testing/settle.ts';

function lanes(concurrency = 2, backlog = 4) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const kept = createKeyedLanes({ concurrency, backlog });
  return {
    begun,
    submit: (node: string, key: string, name: string, urgent = false) =>
      kept.submit(
        node,
        key,
        () => {
          begun.push(name);
          return new Promise<void>((resolve) => ends.set(name, resolve));
        },
        urgent,
      ),
    async end(name: string) {
      ends.get(name)?.();
      await settle();
    },
    idle: kept.idle,
  };
}

test('tasks of one key run one after the other, those of different keys beside each other', async () => {
  const { submit, end, begun } = lanes();
  submit('n', 'a', 'a1');
  submit('n', 'a', 'a2');
  submit('n', 'b', 'b1');
  assert.deepEqual(begun, ['a1', 'b1']);
  await end('a1');
  assert.deepEqual(begun, ['a1', 'b1', 'a2']);
});

test('a node with all its places taken does not hold up another node', () => {
  const { submit, begun } = lanes(1);
  submit('n', 'a', 'a1');
  submit('n', 'b', 'b1');
  submit('m', 'a', 'm1');
  assert.deepEqual(begun, ['a1', 'm1']);
});

test('an urgent task does not wait for a place, but for earlier ones of its key', async () => {
  const { submit, end, begun } = lanes(1);
  submit('n', 'a', 'a1');
  submit('n', 'b', 'b1');
  submit('n', 'lease', 'l1', true);
  submit('n', 'lease', 'l2', true);
  assert.deepEqual(begun, ['a1', 'l1']);
  await end('l1');
  assert.deepEqual(begun, ['a1', 'l1', 'l2']);
});

test('order within a key is kept when an urgent task follows one that waits', async () => {
  const { submit, end, begun } = lanes(1);
  submit('n', 'x', 'x1');
  submit('n', 'a', 'a1');
  submit('n', 'a', 'a2', true);
  assert.deepEqual(begun, ['x1']);
  await end('x1');
  await end('a1');
  assert.deepEqual(begun, ['x1', 'a1', 'a2']);
});

test('a node that sends more than can be worked on is asked to wait, until half is done', async () => {
  const { submit, end } = lanes(1, 4);
  const answers = Array.from({ length: 6 }, (_, n) => submit('n', `k${n}`, `t${n}`));
  assert.deepEqual(
    answers.map((answer) => answer !== undefined),
    [false, false, false, false, false, true],
  );
  let resumed = false;
  void answers[5]!.then(() => {
    resumed = true;
  });
  for (const name of ['t0', 't1']) await end(name);
  assert.equal(resumed, false);
  await end('t2');
  assert.equal(resumed, true);
});

test('idle resolves when the last task has ended', async () => {
  const { submit, end, idle } = lanes();
  submit('n', 'a', 'a1');
  let done = false;
  void idle().then(() => {
    done = true;
  });
  await settle();
  assert.equal(done, false);
  await end('a1');
  assert.equal(done, true);
  await idle();
});
