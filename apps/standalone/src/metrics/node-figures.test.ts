import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { silentLogger } from '@kubeedge-ts/runtime';
import { createFiguresSource } from './node-figures.ts';
import type { NodeFigures } from './summary.ts';

const figures = { node: undefined, pods: new Map() };
const node = (name: string) => ({ metadata: { name } });

function source(ask: (name: string, signal: AbortSignal) => Promise<NodeFigures>) {
  const clock = createVirtualClock();
  const asked: string[] = [];
  const created = createFiguresSource({
    ask: ({ metadata: { name } }, signal) => {
      asked.push(name);
      return ask(name, signal);
    },
    clock,
    log: silentLogger,
  });
  const names = async (...wanted: string[]) => [...(await created.figuresOf(wanted.map(node))).keys()];
  return { clock, asked, names };
}

test('a node is asked once for all who want to know within five seconds', async () => {
  const { clock, asked, names } = source(async () => figures);
  assert.deepEqual(await Promise.all([names('a', 'b'), names('a')]), [['a', 'b'], ['a']]);
  await clock.advance(4_999);
  await names('a');
  assert.deepEqual(asked, ['a', 'b']);
  await clock.advance(1);
  await names('a');
  assert.deepEqual(asked, ['a', 'b', 'a']);
});

test('a node that does not answer holds nobody up for longer than ten seconds, and is left alone for a while', async () => {
  const { clock, asked, names } = source((name, signal) =>
    name === 'good'
      ? Promise.resolve(figures)
      : new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
  );
  const listing = names('silent', 'good');
  await clock.advance(10_000);
  assert.deepEqual(await listing, ['good']);
  assert.deepEqual(await names('silent', 'good'), ['good']);
  assert.equal(asked.filter((name) => name === 'silent').length, 1);
  await clock.advance(15_000);
  const again = names('silent');
  await clock.advance(10_000);
  assert.deepEqual(await again, []);
  assert.equal(asked.filter((name) => name === 'silent').length, 2);
  assert.equal(clock.pending, 0);
});

test('a node that fails is left out', async () => {
  const { names } = source((name) =>
    name === 'bad' ? Promise.reject(new Error('refused')) : Promise.resolve(figures),
  );
  assert.deepEqual(await names('bad', 'good'), ['good']);
});

test('no more than a hundred nodes are asked at a time, and all of them in the end', async () => {
  let now = 0;
  let most = 0;
  const { names } = source(async () => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
    return figures;
  });
  const all = Array.from({ length: 350 }, (_, index) => `n${index}`);
  assert.equal((await names(...all)).length, 350);
  assert.equal(most, 100);
});
