import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeObject, decodeTwinUpdate } from './decode.ts';
import { REASONS } from './values.ts';

const reasonOf = (payload: string | Buffer): string | undefined => {
  const decoded = decodeTwinUpdate(Buffer.from(payload as string));
  return decoded.ok ? undefined : decoded.reason;
};

test('what upstream refuses is refused with its reasons', () => {
  const cases: [string, string][] = [
    ['not json', REASONS.malformed],
    ['', REASONS.malformed],
    ['null', REASONS.malformed],
    ['[]', REASONS.malformed],
    ['7', REASONS.malformed],
    ['{"twin":{"a":{"actual":{"value":21.5}}}}', REASONS.malformed],
    ['{"twin":{"a":7}}', REASONS.malformed],
    ['{"twin":[]}', REASONS.malformed],
    ['{"twin":{"a":{"optional":"yes"}}}', REASONS.malformed],
    ['{"twin":{"__proto__":{}}}', REASONS.malformed],
    ['{}', REASONS.noTwin],
    ['{"twin":null}', REASONS.noTwin],
    ['{"twin":{"a b":{}}}', REASONS.badName],
    ['{"twin":{"a":{"actual":{"value":"\\u0000"}}}}', REASONS.badValue],
    ['{"twin":{"a":{"actual":{"value":"\\ud800"}}}}', REASONS.badValue],
  ];
  for (const [payload, reason] of cases) assert.equal(reasonOf(payload), reason, payload);
  assert.equal(reasonOf(Buffer.from([0x7b, 0xff, 0x7d])), REASONS.malformed);
  assert.equal(reasonOf(`${'{"twin":'.repeat(40)}1${'}'.repeat(40)}`), REASONS.malformed);
});

test('keys match in any case, unknown ones are ignored, null is absent', () => {
  const decoded = decodeTwinUpdate(
    Buffer.from(
      '{"Event_ID":"e","other":1,"TWIN":{"a":{"Actual":{"VALUE":"1"},"expected":null,"metadata":{"Type":"int"}},"b":null}}',
    ),
  );
  assert.ok(decoded.ok);
  assert.equal(decoded.eventId, 'e');
  const [a, b] = decoded.value;
  assert.deepEqual(
    { ...a?.[1] },
    {
      expected: undefined,
      actual: '1',
      optional: undefined,
      type: 'int',
      expectedVersion: undefined,
      actualVersion: undefined,
    },
  );
  assert.deepEqual(b, ['b', null]);
});

test('values with spaces, signs, JSON and other scripts are accepted', () => {
  for (const value of ['a b', '1e+06', '{"x":[1]}', '温度 21°']) {
    assert.equal(reasonOf(JSON.stringify({ twin: { a: { actual: { value } } } })), undefined);
  }
});

test('no bytes and no JSON make a decoder throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        decodeTwinUpdate(Buffer.from(bytes));
        decodeObject(Buffer.from(bytes));
      },
    ),
    { numRuns: 1000 },
  );
  assert.equal(decodeObject(undefined), REASONS.tooLarge);
});
