import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { MUTATIONS } from './index.ts';
import { type Mutation, mutate } from './mutation.ts';

const root = new URL('../..', import.meta.url).pathname;

test('every mutation is still possible: its text stands once in its file, and its tests exist', () => {
  const problems = MUTATIONS.flatMap((mutation) => {
    try {
      const text = readFileSync(join(root, mutation.file), 'utf8');
      const mutated = mutate(text, mutation);
      assert.notEqual(mutated, text, `mutation "${mutation.breaks}" changes nothing`);
      // A text that cannot even be read would be noticed by any test.
      stripTypeScriptTypes(mutated);
      for (const file of mutation.tests) assert.ok(existsSync(join(root, file)), `${file} does not exist`);
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
  assert.deepEqual(problems, []);
});

test('mutations have different names', () => {
  const names = MUTATIONS.map(({ breaks }) => breaks);
  assert.equal(new Set(names).size, names.length);
});

test('a text that is gone or ambiguous fails loudly', () => {
  const mutation: Mutation = { breaks: 'x', file: 'f.ts', from: 'a', to: '$&', tests: [] };
  assert.equal(mutate('bab', mutation), 'b$&b');
  assert.throws(() => mutate('b', mutation), /stands 0 times in f\.ts/);
  assert.throws(() => mutate('aa', mutation), /stands 2 times/);
});
