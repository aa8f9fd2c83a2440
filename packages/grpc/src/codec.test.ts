import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { createCodec } from './codec.ts';
import { TABLES } from './testing/echo.ts';

const codec = createCodec(TABLES);
const hex = (value: object): string => Buffer.from(codec.encode('Word', value)).toString('hex');
const read = (bytes: string): object => codec.decode('Word', Buffer.from(bytes, 'hex'));
const EMPTY = {
  text: '',
  count: 0,
  bytes: new Uint8Array(),
  flag: false,
  numbers: [],
  names: [],
  labels: {},
  next: undefined,
};
const isMalformed = (error: unknown): boolean => isKubeEdgeError(error, 'GRPC_MALFORMED');

describe('the codec', () => {
  test('every kind of field has the bytes that protoc writes', () => {
    // protoc --encode of the same message, except the order of a map's entries, which is free
    const cases: [object, string][] = [
      [{ text: 'grüezi' }, '0a07' + '6772c3bc657a69'],
      [{ count: 150 }, '109601'],
      [{ count: -1 }, '10ffffffffffffffffff01'],
      [{ count: 2 ** 40 }, '10808080808020'],
      [{ bytes: Uint8Array.of(0, 255) }, '1a0200ff'],
      [{ flag: true }, '2001'],
      [{ numbers: [0, 1, -1, 300] }, '2a0e' + '0001' + 'ffffffffffffffffff01' + 'ac02'],
      [{ names: ['', 'a'] }, '3200' + '320161'],
      [{ labels: { k: 'v', '': '' } }, '3a060a016b120176' + '3a040a001200'],
      [{ next: {} }, '820100'],
      [{ next: { next: { text: 'x' } } }, '820106' + '820103' + '0a0178'],
    ];
    for (const [value, bytes] of cases) {
      assert.equal(hex(value), bytes, JSON.stringify(value));
      const back = read(bytes) as Record<string, unknown>;
      for (const [name, field] of Object.entries(value)) {
        if (name !== 'next') assert.deepEqual(back[name], field);
      }
    }
  });

  test('defaults are not written; what is missing reads as its default, a message as undefined', () => {
    assert.equal(hex({ text: '', count: 0, flag: false, numbers: [], labels: {} }), '');
    assert.deepEqual({ next: undefined, ...read('') }, EMPTY);
  });

  test('a field in an unexpected encoding, or an unknown one, is skipped; unpacked numbers are taken', () => {
    assert.deepEqual({ next: undefined, ...read('0801') }, EMPTY);
    assert.deepEqual({ next: undefined, ...read('1203616263') }, EMPTY);
    assert.deepEqual({ next: undefined, ...read('1501020304' + '110102030405060708') }, EMPTY);
    assert.deepEqual({ next: undefined, ...read('f83e01') }, EMPTY);
    assert.deepEqual((read('28012802') as { numbers: number[] }).numbers, [1, 2]);
    assert.deepEqual((read('28ffffffff0f') as { numbers: number[] }).numbers, [-1]);
  });

  test('nesting is bounded', () => {
    let bytes = Buffer.from('0a0178', 'hex');
    for (let depth = 0; depth < 60; depth++) {
      const length = Buffer.alloc(2);
      length.writeUInt8((bytes.length & 127) | 128, 0);
      length.writeUInt8(bytes.length >> 7, 1);
      bytes = Buffer.concat([Buffer.from('8201', 'hex'), length, bytes]);
    }
    assert.throws(() => codec.decode('Word', bytes), isMalformed);
  });

  test('any bytes give a message or GRPC_MALFORMED', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          codec.decode('Word', bytes);
        } catch (error) {
          assert.ok(isMalformed(error), String(error));
        }
      }),
      { numRuns: 3_000 },
    );
    assert.throws(() => read('0affffffff0f'), isMalformed);
    assert.throws(() => read('3a0aff'), isMalformed);
  });

  test('a key named __proto__ does not reach the prototype', () => {
    const labels = JSON.parse('{"__proto__":"evil","a":"b"}') as Record<string, string>;
    const back = codec.decode('Word', codec.encode('Word', { labels })) as { labels: object };
    assert.deepEqual(back.labels, { a: 'b' });
  });
});
