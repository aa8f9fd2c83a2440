import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyResidue, parseResidue, residueOf } from './residue.ts';

const key = fc.stringMatching(/^[a-z]{1,3}$/);
const keyedList = fc.uniqueArray(
  fc.record(
    { name: key, value: fc.option(fc.integer({ max: 3, min: 0 })), nested: fc.dictionary(key, fc.boolean()) },
    { requiredKeys: ['name'] },
  ),
  { selector: (item) => item.name, maxLength: 6 },
);
const json = fc
  .letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.boolean(),
      fc.integer({ min: 0, max: 3 }),
      fc.string({ maxLength: 2 }),
      keyedList,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    ),
  }))
  .value.map((value): unknown => JSON.parse(JSON.stringify(value)));

test('the residue of two documents turns the first into the second, also after a trip through JSON', () => {
  fc.assert(
    fc.property(json, json, (from, to) => {
      const residue = parseResidue(JSON.stringify(residueOf(from, to)));
      assert.deepEqual(applyResidue(from, residue), to);
    }),
    { numRuns: 2000 },
  );
});

test('equal documents leave no residue', () => {
  fc.assert(fc.property(json, (value) => residueOf(value, structuredClone(value)).length === 0));
});

test('applying a residue to any document never throws and does not change the argument', () => {
  fc.assert(
    fc.property(json, json, json, (from, to, other) => {
      const before = structuredClone(other);
      applyResidue(other, residueOf(from, to));
      assert.deepEqual(other, before);
    }),
  );
});

test('an edit whose place has changed meanwhile yields to the change, the others still hold', () => {
  const residue = residueOf(
    { node: 'a', list: [{ name: 'x', v: 1 }] },
    { node: 'A', list: [{ name: 'x', v: 2, w: 3 }] },
  );
  assert.deepEqual(applyResidue({ node: 'b', list: [{ name: 'y' }, { name: 'x', v: 1 }] }, residue), {
    node: 'b',
    list: [{ name: 'y' }, { name: 'x', v: 2, w: 3 }],
  });
});

test('text that is no residue counts as none', () => {
  const texts = [
    '',
    'null',
    '{}',
    '[1,null,"x"]',
    '[{"at":1}]',
    '[{"at":[1]}]',
    '[{"at":["a"],"order":1}]',
    '{',
  ];
  for (const text of texts) assert.deepEqual(applyResidue({ a: 1 }, parseResidue(text)), { a: 1 }, text);
});

test('a residue cannot reach a prototype', () => {
  const residue = [{ at: ['__proto__', 'polluted'], is: true }] as never;
  applyResidue({}, residue);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.deepEqual(parseResidue('[{"at":["__proto__"],"is":{"__proto__":{"x":1}}}]'), []);
});
