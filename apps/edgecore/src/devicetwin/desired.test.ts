import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideDesired, readDeclaredDevice, readModelTypes } from './desired.ts';
import { DELETED, type Twin } from './types.ts';

interface Property {
  readonly name: string;
  readonly desired?: { readonly value: string; readonly metadata?: Record<string, string> };
}

const device = (properties: readonly Property[], resourceVersion = '10') =>
  readDeclaredDevice({
    metadata: { name: 'd', namespace: 'ns', resourceVersion },
    spec: { deviceModelRef: { name: 'm' }, properties },
  });
const types = readModelTypes({
  spec: {
    properties: [
      { name: 'speed', type: 'INT' },
      { name: 'view', type: 'STREAM' },
    ],
  },
});

/** Applies an object to twins, as DeviceTwin does. */
function apply(twins: Map<string, Twin>, ...args: Parameters<typeof device>) {
  const { changes, refused } = decideDesired(twins, device(...args), types, 1000);
  for (const { after } of changes) twins.set(after.name, after);
  return { told: changes.filter(({ tell }) => tell).map(({ after }) => after.name), changes, refused };
}

test('a desired value becomes the expected value, with the type of the model and the version of the object', () => {
  const twins = new Map<string, Twin>();
  apply(twins, [
    { name: 'speed', desired: { value: '3' } },
    { name: 'idle', desired: { value: '' } },
  ]);
  assert.deepEqual(twins.get('speed'), {
    name: 'speed',
    type: 'int',
    optional: false,
    expected: { value: '3', timestamp: 1000 },
    expectedVersion: { cloud: 10, edge: 0 },
    actualVersion: undefined,
    declared: '3',
  });
  assert.equal(twins.has('idle'), false);
});

test('the same object again changes nothing; a new desired value changes expected only', () => {
  const twins = new Map<string, Twin>();
  apply(twins, [{ name: 'speed', desired: { value: '3' } }]);
  assert.deepEqual(apply(twins, [{ name: 'speed', desired: { value: '3' } }], '11').changes, []);
  const { told } = apply(twins, [{ name: 'speed', desired: { value: '4' } }], '12');
  assert.deepEqual(told, ['speed']);
  assert.equal(twins.get('speed')?.expected?.value, '4');
});

test('a local change of expected survives a resend and gives way to a new desired value', () => {
  const twins = new Map<string, Twin>();
  apply(twins, [{ name: 'speed', desired: { value: '3' } }]);
  const stored = twins.get('speed') as Twin;
  twins.set('speed', {
    ...stored,
    expected: { value: '7', timestamp: 5 },
    expectedVersion: { cloud: 10, edge: 1 },
  });
  assert.deepEqual(apply(twins, [{ name: 'speed', desired: { value: '3' } }], '20').changes, []);
  apply(twins, [{ name: 'speed', desired: { value: '4' } }], '21');
  assert.equal(twins.get('speed')?.expected?.value, '4');
  assert.deepEqual(twins.get('speed')?.expectedVersion, { cloud: 21, edge: 1 });
});

test('an emptied desired value takes the expected value away, a removed property the twin', () => {
  const twins = new Map<string, Twin>();
  apply(twins, [{ name: 'speed', desired: { value: '3' } }]);
  apply(twins, [{ name: 'speed', desired: { value: '' } }]);
  assert.equal(twins.get('speed')?.expected, undefined);
  apply(twins, []);
  assert.equal(twins.get('speed')?.type, DELETED);
  apply(twins, [{ name: 'speed', desired: { value: '5' } }]);
  assert.equal(twins.get('speed')?.expected?.value, '5');
});

test('twins that mappers made and no object ever named are left alone', () => {
  const own: Twin = { name: 'own', type: 'string', optional: true, actual: { value: 'x', timestamp: 1 } };
  const twins = new Map([['own', own]]);
  apply(twins, [{ name: 'speed', desired: { value: '3' } }]);
  apply(twins, []);
  assert.equal(twins.get('own'), own);
});

test('a twin a mapper made is marked quietly when an object names it', () => {
  const own: Twin = { name: 'speed', type: 'int', optional: true, actual: { value: '1', timestamp: 1 } };
  const twins = new Map([['speed', own]]);
  const { told } = apply(twins, [{ name: 'speed', desired: { value: '' } }]);
  assert.deepEqual(told, []);
  assert.equal(twins.get('speed')?.declared, '');
});

test('a desired value that does not fit the type is refused by name and the others are taken', () => {
  const twins = new Map<string, Twin>();
  const { refused } = apply(twins, [
    { name: 'speed', desired: { value: 'fast' } },
    { name: 'view', desired: { value: 'rtsp://x' } },
  ]);
  assert.deepEqual(refused, [{ property: 'speed', reason: 'the value is not int or integer' }]);
  assert.equal(twins.get('view')?.type, 'string');
});

test('no object makes the reader throw, and what was applied is stable', () => {
  fc.assert(
    fc.property(fc.object(), fc.object(), (spec, metadata) => {
      const read = readDeclaredDevice({ spec, metadata });
      readModelTypes({ spec });
      const twins = new Map<string, Twin>();
      for (const { after } of decideDesired(twins, read, undefined, 1).changes) twins.set(after.name, after);
      assert.deepEqual(decideDesired(twins, read, undefined, 2).changes, []);
    }),
  );
  for (const properties of [null, 7, 'x', [null, [], 'a', { name: 7 }, { name: 'a', desired: null }]]) {
    assert.equal(readDeclaredDevice({ spec: { properties } }).properties.size <= 1, true);
  }
});
