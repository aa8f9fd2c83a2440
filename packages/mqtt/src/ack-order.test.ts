import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAckOrder } from './ack-order.ts';

test('acknowledgements leave in the order of arrival, whatever the order of completion', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...Array(600).keys()]), (completion) => {
      const sent: number[] = [];
      const order = createAckOrder((id) => sent.push(id));
      const done = [...Array(600).keys()].map((id) => order.expect(id));
      for (const id of completion) done[id]?.();
      for (const id of completion) done[id]?.();
      const finished = new Set(completion);
      const expected: number[] = [];
      for (let id = 0; finished.has(id); id++) expected.push(id);
      assert.deepEqual(sent, expected);
    }),
    { numRuns: 50 },
  );
});
