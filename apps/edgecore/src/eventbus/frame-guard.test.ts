import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFrameGuard } from './frame-guard.ts';

function packet(type: number, length: number, body = length): Buffer {
  const head: number[] = [type];
  let rest = length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    head.push(rest > 0 ? digit | 128 : digit);
  } while (rest > 0);
  return Buffer.concat([Buffer.from(head), Buffer.alloc(body, 0xff)]);
}

test('packets within the limit pass however they are cut; the first above it is named by its length', () => {
  const limit = 20_000;
  fc.assert(
    fc.property(
      fc.array(fc.nat(limit), { maxLength: 8 }),
      fc.integer({ min: limit + 1, max: 268_435_455 }),
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }),
      (lengths, tooLong, cuts) => {
        const good = Buffer.concat(lengths.map((length) => packet(0x30, length)));
        const bytes = Buffer.concat([good, packet(0x30, tooLong, 5)]);
        const guard = createFrameGuard(limit);
        let at = 0;
        for (let i = 0; at < bytes.length; i++) {
          const next = at + (cuts[i % cuts.length] as number);
          const refused = guard(bytes.subarray(at, next));
          if (refused !== undefined) {
            assert.ok(next > good.length && refused > limit && refused <= tooLong);
            return;
          }
          at = next;
        }
        assert.fail('the long packet passed');
      },
    ),
  );
});

test('a length field without end is refused', () => {
  assert.notEqual(
    createFrameGuard(1_000_000_000)(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x80])),
    undefined,
  );
});
