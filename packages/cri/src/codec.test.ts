import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { createCriCodec } from './client.ts';
import { TABLES } from './generated/messages.ts';

const codec = createCriCodec();
const SCALARS: Record<string, fc.Arbitrary<unknown>> = {
  string: fc.string({ unit: 'grapheme', maxLength: 20 }),
  bytes: fc.uint8Array({ maxLength: 40 }),
  bool: fc.boolean(),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  int64: fc.maxSafeInteger(),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  uint64: fc.maxSafeNat(),
  map: fc.dictionary(
    fc.string({ maxLength: 8 }).filter((key) => key !== '__proto__'),
    fc.string({ maxLength: 8 }),
    { noNullPrototype: true },
  ),
};

/** Any value of a message, complete as the decoder returns it. */
function messageOf(name: string, depth = 0): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  const optional: string[] = [];
  for (const [, field, type, repeated] of TABLES[name] ?? []) {
    const one = SCALARS[type] ?? (depth < 3 ? messageOf(type, depth + 1) : undefined);
    if (repeated) fields[field] = one === undefined ? fc.constant([]) : fc.array(one, { maxLength: 3 });
    else if (one !== undefined) {
      fields[field] = one;
      if (SCALARS[type] === undefined) optional.push(field);
    }
  }
  const required = Object.keys(fields).filter((field) => !optional.includes(field));
  return fc.record(fields, { requiredKeys: required, noNullPrototype: true });
}

describe('the CRI codec', () => {
  test('what is encoded is decoded again, for every message', () => {
    for (const name of Object.keys(TABLES)) {
      fc.assert(
        fc.property(messageOf(name), (value) => {
          assert.deepEqual(codec.decode(name, codec.encode(name, value)), value);
        }),
        { numRuns: 15 },
      );
    }
  });

  test('it agrees with the bytes of the protocol-buffer documentation', () => {
    // encoding.md: field 1, varint 150 is 08 96 01
    assert.equal(Buffer.from(codec.encode('Int64Value', { value: 150 })).toString('hex'), '089601');
    assert.equal(
      Buffer.from(codec.encode('Int64Value', { value: -2 })).toString('hex'),
      '08feffffffffffffffff01',
    );
    // fields 1 to 4, length-delimited
    const answer = '0a05302e312e30120a636f6e7461696e6572641a0a312e362e32307e64733122027631';
    assert.deepEqual(codec.decode('VersionResponse', Buffer.from(answer, 'hex')), {
      version: '0.1.0',
      runtimeName: 'containerd',
      runtimeVersion: '1.6.20~ds1',
      runtimeApiVersion: 'v1',
    });
  });

  test('proto3 rules: defaults are not sent, missing fields get them, unknown fields are skipped', () => {
    assert.equal(codec.encode('PodSandboxMetadata', { name: '', attempt: 0 }).length, 0);
    assert.deepEqual(codec.decode('PodSandboxMetadata', new Uint8Array()), {
      name: '',
      uid: '',
      namespace: '',
      attempt: 0,
    });
    const unknown = Buffer.from('0a0161fa3e03616263f83e01f93e0102030405060708fd3e01020304', 'hex');
    assert.deepEqual(codec.decode('VersionRequest', unknown), { version: 'a' });
    assert.deepEqual(codec.decode('LinuxContainerUser', Buffer.from('18011802', 'hex')), {
      uid: 0,
      gid: 0,
      supplementalGroups: [1, 2],
    });
  });

  test('any bytes give a message or CRI_MALFORMED, never another error and never a polluted prototype', () => {
    const names = Object.keys(TABLES);
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 200 }), (name, bytes) => {
        try {
          codec.decode(name, bytes);
        } catch (error) {
          assert.ok(isKubeEdgeError(error, 'CRI_MALFORMED'), String(error));
        }
      }),
      { numRuns: 3_000 },
    );
    const proto = codec.encode('PodSandboxFilter', {
      labelSelector: JSON.parse('{"__proto__":"evil","a":"b"}') as Record<string, string>,
    });
    assert.deepEqual(codec.decode('PodSandboxFilter', proto), { id: '', labelSelector: { a: 'b' } });
    assert.equal(({} as Record<string, unknown>)['evil'], undefined);
  });

  test('a truncated message is refused at every length', () => {
    const whole = codec.encode('ContainerStatusResponse', {
      status: { id: 'abc', labels: { a: 'b' }, createdAt: 1e18 },
      info: { x: 'y' },
    });
    for (let length = 1; length < whole.length; length++) {
      try {
        codec.decode('ContainerStatusResponse', whole.subarray(0, length));
      } catch (error) {
        assert.ok(isKubeEdgeError(error, 'CRI_MALFORMED'));
      }
    }
  });

  test('a length of 4 GiB in a tiny message allocates nothing', () => {
    const bomb = Buffer.from('0affffffff0f', 'hex');
    assert.throws(
      () => codec.decode('VersionRequest', bomb),
      (error) => isKubeEdgeError(error, 'CRI_MALFORMED'),
    );
  });
});
