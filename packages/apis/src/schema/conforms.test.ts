import assert from 'node:assert/strict';
import { test } from 'node:test';
import { violation } from './conforms.ts';
import {
  anyObject,
  boolean,
  integer,
  list,
  map,
  number,
  object,
  oneOf,
  open,
  required,
  string,
} from './structural.ts';

const { schema } = object({
  name: required(string()),
  level: integer('int64', { minimum: 0, maximum: 9 }),
  ratio: number(),
  on: boolean(),
  mode: oneOf('a', 'b'),
  tags: map(string()),
  items: list(object({ id: required(integer()) })),
  free: anyObject(),
});

const CASES: readonly (readonly [title: string, value: unknown, problem: string | undefined])[] = [
  [
    'a full object',
    {
      name: 'n',
      level: 9,
      ratio: 0.5,
      on: true,
      mode: 'a',
      tags: { x: 'y' },
      items: [{ id: 1 }],
      free: { a: [null] },
    },
    undefined,
  ],
  ['unknown fields, which are pruned and not refused', { name: 'n', other: 1 }, undefined],
  ['null', null, '$: not an object'],
  ['an array for an object', [], '$: not an object'],
  ['a missing required field', {}, '$.name: required'],
  ['a wrong type', { name: 1 }, '$.name: not a string'],
  ['a fraction for an integer', { name: 'n', level: 1.5 }, '$.level: not an integer'],
  ['a number below the minimum', { name: 'n', level: -1 }, '$.level: less than 0'],
  ['a number above the maximum', { name: 'n', level: 10 }, '$.level: more than 9'],
  ['a value outside the enumeration', { name: 'n', mode: 'c' }, '$.mode: not one of a, b'],
  ['a wrong value in a map', { name: 'n', tags: { x: 1 } }, '$.tags.x: not a string'],
  ['a wrong element', { name: 'n', items: [{ id: 1 }, {}] }, '$.items[1].id: required'],
  ['a field named like a method', { name: 'n', constructor: 1 }, undefined],
];

for (const [title, value, problem] of CASES) {
  test(`${title}: ${problem ?? 'accepted'}`, () => assert.equal(violation(schema, value), problem));
}

test('an open object keeps its known fields checked', () => {
  assert.equal(violation(open(object({ a: string() })).schema, { a: 1 }), '$.a: not a string');
});
