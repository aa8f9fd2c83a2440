import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectWhenIdle } from './idle-collector.ts';

function setup() {
  let task: (() => void) | undefined;
  const state = { work: 0, size: 50_000_000, collections: 0, stopping: new AbortController() };
  collectWhenIdle(
    {
      clock: {
        after: (_ms, next) => {
          task = next;
          return () => {
            task = undefined;
          };
        },
      },
      work: () => state.work,
      busyAbove: 10,
      size: () => state.size,
      collect: () => {
        state.collections += 1;
        state.size = 40_000_000;
      },
    },
    state.stopping.signal,
  );
  const period = (work = 0) => {
    state.work += work;
    const next = task;
    task = undefined;
    next?.();
  };
  return { state, period, waiting: () => task !== undefined };
}

test('what the start needed is collected in the first idle period, once', () => {
  const { state, period } = setup();
  period(1000);
  assert.equal(state.collections, 0);
  for (let i = 0; i < 10; i++) period(10);
  assert.equal(state.collections, 1);
});

test('a load that made memory grow is followed by one collection, after the load', () => {
  const { state, period } = setup();
  period();
  state.size = 90_000_000;
  for (let i = 0; i < 5; i++) period(1000);
  assert.equal(state.collections, 1);
  for (let i = 0; i < 5; i++) period();
  assert.equal(state.collections, 2);
});

test('it ends with the signal', () => {
  const { state, waiting } = setup();
  assert.ok(waiting());
  state.stopping.abort();
  assert.ok(!waiting());
});
