import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTwinName, isTwinValue, MAX_VALUE_BYTES, typeProblem } from './values.ts';

const CASES: readonly [type: string, good: readonly string[], bad: readonly string[]][] = [
  ['string', ['', 'any text: 20 °C + {"a":1}'], []],
  ['bytes', ['AQID'], []],
  [
    'int',
    ['0', '-1', '+5', '9223372036854775807', '-9223372036854775808'],
    ['', '1.0', '1e3', 'x', ' 1', '9223372036854775808', '0x10', '1_000'],
  ],
  ['integer', ['7'], ['seven']],
  [
    'float',
    ['1', '-1.5', '.5', '5.', '1e+06', 'NaN', '-Inf', 'infinity'],
    ['', 'x', '1,5', '1e999', 'e5', '--1', ' 1'],
  ],
  ['double', ['21.5'], ['warm']],
  ['boolean', ['true', 'false'], ['True', '1', '']],
];

test('a value fits its type by the rules of the sheet', () => {
  for (const [type, good, bad] of CASES) {
    for (const value of good) assert.equal(typeProblem(type, value), undefined, `${type} ${value}`);
    for (const value of bad) assert.notEqual(typeProblem(type, value), undefined, `${type} ${value}`);
  }
  assert.equal(typeProblem('stream', 'x'), 'the value type is not allowed');
});

test('any text up to the bound is a value, text that cannot be UTF-8 is none', () => {
  for (const value of ['', 'a b+c', '{"json":true}', '温度', 'x'.repeat(MAX_VALUE_BYTES)])
    assert.ok(isTwinValue(value));
  for (const value of ['a\0b', '\ud800', '温'.repeat(MAX_VALUE_BYTES / 2), 'x'.repeat(MAX_VALUE_BYTES + 1)]) {
    assert.ok(!isTwinValue(value));
  }
});

test('names are those upstream accepts', () => {
  for (const name of ['temperature', 'a-b_c.d,e:f/g@h#1', 'x'.repeat(128)]) assert.ok(isTwinName(name));
  for (const name of ['', 'a b', 'ä', 'a+b', 'x'.repeat(129), 'a\n']) assert.ok(!isTwinName(name), name);
});
