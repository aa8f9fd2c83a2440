import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { decodeFrame, encodeFrame, FRAME } from './frame.ts';

const invalid = (error: unknown): boolean => isKubeEdgeError(error, 'TUNNEL_FRAME_INVALID');

describe('a frame of the tunnel', () => {
  test('is what it was after encoding and decoding, whatever its numbers and its data', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.uint8Array(), (connectId, type, bytes) => {
        const data = Buffer.from(bytes);
        assert.deepEqual(decodeFrame(encodeFrame(connectId, type, data)), { connectId, type, data });
      }),
    );
  });

  test('begins with Go’s uvarints', () => {
    assert.equal(encodeFrame(8, FRAME.data, Buffer.from('a')).toString('hex'), '080361');
    assert.equal(encodeFrame(300, FRAME.removeConnect).toString('hex'), 'ac0204');
    assert.equal(encodeFrame(2 ** 53 - 1, 0).toString('hex'), 'ffffffffffffff0f00');
    assert.equal(encodeFrame(128, 128).toString('hex'), '80018001');
  });

  test('that is cut off within its numbers is refused', () => {
    for (const hex of ['', '07', '80', '8080', 'ffffffffffffffff', '0780']) {
      assert.throws(() => decodeFrame(Buffer.from(hex, 'hex')), invalid, hex);
    }
    assert.deepEqual(decodeFrame(Buffer.from('0704', 'hex')).data.length, 0);
  });

  test('whose numbers have no end, or are too large to be told apart, is refused', () => {
    for (const hex of [
      'ffffffffffffffffff0100',
      'ffffffffffffffffffffff0100',
      '8080808080808080808080808000',
      'ffffffffffffff1f00',
      `07${'ff'.repeat(64)}`,
    ]) {
      assert.throws(() => decodeFrame(Buffer.from(hex, 'hex')), invalid, hex);
    }
    // more bytes than needed, as Go takes it
    assert.equal(decodeFrame(Buffer.from('878000' + '03', 'hex')).connectId, 7);
  });

  test('of any bytes is decoded or refused with a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          const { connectId, type } = decodeFrame(Buffer.from(bytes));
          assert.ok(Number.isSafeInteger(connectId) && Number.isSafeInteger(type));
        } catch (error) {
          assert.ok(invalid(error), String(error));
        }
      }),
    );
  });
});
