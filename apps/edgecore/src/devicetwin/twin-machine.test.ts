import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decideTwins, type Mode } from './twin-machine.ts';
import { DELETED, type Twin, type TwinRequest, type TwinRequests } from './types.ts';
import { MAX_TWINS, REASONS } from './values.ts';

const NOW = 1000;
const live: Twin = {
  name: 't',
  type: 'int',
  optional: true,
  expected: { value: '1', timestamp: 1 },
  actual: { value: '1', timestamp: 1 },
  expectedVersion: { cloud: 5, edge: 2 },
  actualVersion: { cloud: 0, edge: 7 },
};
const tombstone: Twin = { name: 't', type: DELETED, optional: true, actualVersion: { cloud: 0, edge: 3 } };

function decide(stored: Twin | undefined, request: TwinRequest | null, mode: Mode = 'rest', model?: string) {
  const twins = new Map(stored === undefined ? [] : [[stored.name, stored]]);
  return decideTwins(twins, [['t', request]], { mode, now: NOW, modelType: () => model });
}

/** Change of the only twin, or undefined when nothing happens. */
function changeOf(...args: Parameters<typeof decide>) {
  const outcome = decide(...args);
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.changes[0];
}

function reasonOf(...args: Parameters<typeof decide>): string | undefined {
  const outcome = decide(...args);
  return outcome.ok ? undefined : outcome.reason;
}

test('ADD from MQTT: version {0,1} per given side, type and optional as given or string and true', () => {
  const plain = changeOf(undefined, { actual: 'x' });
  assert.deepEqual(plain?.after, {
    name: 't',
    type: 'string',
    optional: true,
    expected: undefined,
    actual: { value: 'x', timestamp: NOW },
    expectedVersion: undefined,
    actualVersion: { cloud: 0, edge: 1 },
  });
  assert.deepEqual(plain?.report, { expected: false, actual: true });
  assert.equal(plain?.last, null);
  const full = changeOf(undefined, { expected: '2', actual: '1', type: 'int', optional: false });
  assert.deepEqual(full?.result, {
    expected: { value: '2', metadata: { timestamp: NOW } },
    actual: { value: '1', metadata: { timestamp: NOW } },
    optional: false,
    metadata: { type: 'int' },
  });
});

test('ADD: an empty value gives a version and no side', () => {
  const change = changeOf(undefined, { actual: '' });
  assert.equal(change?.after.actual, undefined);
  assert.deepEqual(change?.after.actualVersion, { cloud: 0, edge: 1 });
});

test('ADD: without a usable type the model of the device decides', () => {
  assert.equal(changeOf(undefined, { actual: '1' }, 'rest', 'int')?.after.type, 'int');
  assert.equal(changeOf(undefined, { actual: '1', type: 'Updated' }, 'rest', 'int')?.after.type, 'int');
  assert.equal(changeOf(undefined, { actual: '1', type: 'float' }, 'rest', 'int')?.after.type, 'float');
  assert.equal(reasonOf(undefined, { actual: '1', type: 'Updated' }), 'the value type is not allowed');
});

test('a value that does not fit the type refuses the whole request', () => {
  assert.equal(reasonOf(live, { actual: 'abc' }), 'the value is not int or integer');
  assert.equal(reasonOf(live, { expected: 'abc' }), 'the value is not int or integer');
  assert.equal(reasonOf(undefined, { actual: 'x', type: 'boolean' }), 'the bool value must be true or false');
  const twins = new Map([['t', live]]);
  const both: TwinRequests = [
    ['new', { actual: 'fine' }],
    ['t', { actual: 'abc' }],
  ];
  assert.equal(decideTwins(twins, both, { mode: 'rest', now: NOW, modelType: () => undefined }).ok, false);
});

test('the type in a request never changes the type of a live twin', () => {
  assert.equal(changeOf(live, { actual: '2', type: 'string' })?.after.type, 'int');
  assert.equal(reasonOf(live, { actual: 'abc', type: 'string' }), 'the value is not int or integer');
});

test('expected is validated only when the twin has an expected value already', () => {
  const { expected: _e, ...without } = live;
  assert.equal(changeOf(without, { expected: 'abc' })?.after.expected?.value, 'abc');
});

test('COMPARE from MQTT counts the edge version up even for an equal value and answers the changed side only', () => {
  const change = changeOf(live, { actual: '1' });
  assert.deepEqual(change?.after.actualVersion, { cloud: 0, edge: 8 });
  assert.deepEqual(change?.after.expectedVersion, live.expectedVersion);
  assert.deepEqual(change?.result, {
    actual: { value: '1', metadata: { timestamp: NOW } },
    optional: true,
    metadata: { type: 'int' },
  });
  assert.deepEqual(change?.report, { expected: false, actual: true });
});

test('optional goes from true to false and never back', () => {
  assert.equal(changeOf(live, { optional: false })?.after.optional, false);
  assert.equal(changeOf({ ...live, optional: false }, { optional: true }), undefined);
});

test('DELETE from MQTT needs optional; it leaves a tombstone whose versions went on', () => {
  const change = changeOf(live, null);
  assert.deepEqual(change?.after, {
    name: 't',
    type: DELETED,
    optional: true,
    expectedVersion: { cloud: 5, edge: 3 },
    actualVersion: { cloud: 0, edge: 8 },
  });
  assert.equal(change?.result, null);
  assert.equal(change?.current, null);
  assert.equal(changeOf({ ...live, optional: false }, null), undefined);
  assert.equal(changeOf(undefined, null), undefined);
  assert.equal(changeOf(tombstone, null), undefined);
});

test('a tombstone comes back with the type of the request, its versions and no past', () => {
  const change = changeOf(tombstone, { actual: '1.5', type: 'float' });
  assert.equal(change?.after.type, 'float');
  assert.deepEqual(change?.after.actualVersion, { cloud: 0, edge: 4 });
  assert.equal(change?.last, null);
  assert.equal(changeOf(tombstone, { actual: 'x' })?.after.type, 'string');
});

test('SYNC takes a value whose versions are not behind, and reports its own when they are', () => {
  const newer = { expected: '9', type: 'int', expectedVersion: { cloud: 6, edge: 2 } };
  const taken = changeOf(live, newer, 'sync');
  assert.equal(taken?.after.expected?.value, '9');
  assert.deepEqual(taken?.after.expectedVersion, { cloud: 6, edge: 2 });
  assert.equal(taken?.report, undefined);
  for (const version of [{ cloud: 4, edge: 2 }, { cloud: 6, edge: 1 }, undefined]) {
    const kept = changeOf(live, { ...newer, expectedVersion: version, actual: '3', optional: false }, 'sync');
    assert.equal(kept?.store, false);
    assert.equal(kept?.tell, false);
    assert.deepEqual(kept?.after, live);
    assert.deepEqual(kept?.report, { expected: true });
  }
});

test('SYNC skips a value that does not fit and keeps the rest', () => {
  const request = { expected: 'abc', type: 'int', optional: false, expectedVersion: { cloud: 6, edge: 2 } };
  const change = changeOf(live, request, 'sync');
  assert.deepEqual(change?.after.expected, live.expected);
  assert.equal(change?.after.optional, false);
});

test('SYNC adds with the versions given, ignores a side without one, and keeps a tombstone as one', () => {
  const added = changeOf(
    undefined,
    { expected: '1', type: 'int', expectedVersion: { cloud: 3, edge: 0 } },
    'sync',
  );
  assert.deepEqual(added?.after.expectedVersion, { cloud: 3, edge: 0 });
  assert.equal(changeOf(undefined, { expected: '1', type: 'int' }, 'sync'), undefined);
  const gone = { expected: '1', type: DELETED, expectedVersion: { cloud: 3, edge: 0 } };
  const buried = changeOf(undefined, gone, 'sync');
  assert.equal(buried?.after.expected, undefined);
  assert.equal(buried?.current, null);
});

test('SYNC deletes by the type word, whatever `optional` says, unless its version is behind', () => {
  const request = { expected: '1', type: DELETED, expectedVersion: { cloud: 6, edge: 2 } };
  assert.equal(changeOf({ ...live, optional: false }, request, 'sync')?.after.type, DELETED);
  const behind = changeOf(live, { ...request, expectedVersion: { cloud: 1, edge: 2 } }, 'sync');
  assert.equal(behind?.store, false);
  assert.deepEqual(behind?.report, { expected: true });
  assert.equal(changeOf(live, null, 'sync'), undefined);
});

test('a device has a bounded number of twins', () => {
  const twins = new Map<string, Twin>();
  for (let i = 0; i < MAX_TWINS; i++) twins.set(`n${i}`, { ...live, name: `n${i}` });
  const machine = { mode: 'rest', now: NOW, modelType: () => undefined } as const;
  assert.deepEqual(decideTwins(twins, [['more', { actual: 'x' }]], machine), {
    ok: false,
    reason: REASONS.tooMany,
  });
  assert.ok(decideTwins(twins, [['n1', { actual: '2' }]], machine).ok);
});

const request = fc.oneof(
  fc.constant(null),
  fc.record(
    {
      expected: fc.constantFrom('', '1', 'x'),
      actual: fc.constantFrom('', '2', 'x'),
      optional: fc.boolean(),
      type: fc.constantFrom('', 'int', 'string', DELETED, 'odd'),
      expectedVersion: fc.record({ cloud: fc.nat(4), edge: fc.nat(4) }),
      actualVersion: fc.record({ cloud: fc.nat(4), edge: fc.nat(4) }),
    },
    { requiredKeys: [] },
  ),
);

test('versions never go back, a deleted twin has no values, and the input is never changed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(request, fc.constantFrom<Mode>('rest', 'sync')), { maxLength: 12 }),
      (steps) => {
        const twins = new Map<string, Twin>();
        for (const [one, mode] of steps) {
          const before = twins.get('t');
          const frozen = JSON.stringify(before);
          const outcome = decideTwins(twins, [['t', one]], { mode, now: NOW, modelType: () => undefined });
          assert.equal(JSON.stringify(before), frozen);
          if (!outcome.ok) continue;
          for (const { after, store } of outcome.changes) {
            if (!store) continue;
            for (const side of ['expectedVersion', 'actualVersion'] as const) {
              const [old, now] = [before?.[side], after[side]];
              if (old === undefined) continue;
              assert.ok(now !== undefined && now.cloud >= old.cloud && now.edge >= old.edge);
            }
            if (after.type === DELETED) {
              assert.equal(after.expected ?? after.actual, undefined);
            }
            twins.set('t', after);
          }
        }
      },
    ),
  );
});
