import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHistory, historyProblems, type Sighting } from './history.ts';

const seen = (...steps: readonly (readonly [uid: string | undefined, count: number])[]): Sighting[] =>
  steps.map(([uid, count]) => ({ key: 'k', uid, count }));
const problems = (sightings: readonly Sighting[], final = false): string[] =>
  historyProblems(sightings, { final: () => final });

test('a history keeps changes only, and notes what is gone', () => {
  const history = createHistory();
  const one = new Map([['k', { uid: 'a', count: 1 }]]);
  for (const now of [one, one, new Map(), new Map()]) history.look(now);
  assert.deepEqual(history.sightings, seen(['a', 1], [undefined, 0]));
});

test('counters that grow and objects that follow each other are no problem', () => {
  assert.deepEqual(problems(seen(['a', 1], ['a', 3], [undefined, 0], ['a', 4], ['b', 1])), []);
  assert.deepEqual(problems(seen(['a', 1], [undefined, 0], ['b', 1]), true), []);
});

test('a counter that goes back is one', () => {
  assert.deepEqual(problems(seen(['a', 2], [undefined, 0], ['a', 1])), ['k: a went back from 2 to 1']);
});

test('an object that comes back after its successor is one', () => {
  assert.deepEqual(problems(seen(['a', 1], ['b', 1], ['a', 1])), ['k: a came back']);
  assert.deepEqual(problems(seen(['a', 1], ['b', 1], [undefined, 0], ['a', 1])), ['k: a came back']);
});

test('an object that comes back after it was gone is one where that is final', () => {
  const sightings = seen(['a', 1], [undefined, 0], ['a', 1]);
  assert.deepEqual([problems(sightings), problems(sightings, true)], [[], ['k: a came back']]);
});
