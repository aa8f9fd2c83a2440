import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSendOrder, type Waiting } from './send-order.ts';

interface Item extends Waiting {
  readonly name: string;
}
const item = (name: string): Item => ({ name, seq: 0, readyAs: 0, rank: 0 });
const any = (): boolean => true;

test('the next item is always the one a plain search would find', () => {
  const step = fc.record({
    action: fc.constantFrom('wait', 'wait', 'ready', 'ready', 'next', 'next', 'confirm', 'delete'),
    index: fc.nat(9),
    rank: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const order = createSendOrder<Item>();
      const items = Array.from({ length: 10 }, (_, index) => item(String(index)));
      const ranks = new Map<Item, number>();
      const ready = new Set<Item>();
      const deletes: Item[] = [];
      /** Unconfirmed items in the order in which they became so. */
      let unconfirmed: Item[] = [];
      const expected = (): Item | undefined => {
        if (deletes[0] !== undefined) return deletes.shift();
        const free = unconfirmed.filter(
          (one, at) =>
            ready.has(one) &&
            !unconfirmed.slice(0, at).some((other) => (ranks.get(other) ?? 0) < (ranks.get(one) ?? 0)),
        );
        const lowest = Math.min(...free.map((one) => ranks.get(one) ?? 0));
        return free.find((one) => ranks.get(one) === lowest);
      };
      for (const { action, index, rank } of steps) {
        const one = items[index] as Item;
        const waits = unconfirmed.includes(one);
        if (action === 'wait' && !waits && !deletes.includes(one)) {
          order.unconfirmed(one, rank);
          ranks.set(one, rank);
          unconfirmed.push(one);
        } else if (action === 'ready' && waits) {
          order.ready(one);
          ready.add(one);
        } else if (action === 'confirm') {
          order.confirmed(one);
          ready.delete(one);
          unconfirmed = unconfirmed.filter((other) => other !== one);
        } else if (action === 'delete' && !waits && !deletes.includes(one)) {
          order.readyDelete(one);
          // It keeps its place among the deletes.
          deletes.push(one);
          deletes.sort((a, b) => a.seq - b.seq);
        } else if (action === 'next') {
          const next = expected();
          assert.equal(order.next(any)?.name, next?.name);
          if (next !== undefined) ready.delete(next);
        }
      }
      assert.equal(order.unconfirmedCount, unconfirmed.length);
    }),
    { numRuns: 2_000 },
  );
});

test('an item that cannot be sent is dropped until it is ready again', () => {
  const order = createSendOrder<Item>();
  const one = item('one');
  order.unconfirmed(one, 1);
  order.ready(one);
  assert.equal(
    order.next(() => false),
    undefined,
  );
  assert.equal(order.next(any), undefined);
  order.ready(one);
  assert.equal(order.next(any), one);
});

test('ready twice is sent once', () => {
  const order = createSendOrder<Item>();
  const one = item('one');
  order.unconfirmed(one, 1);
  order.ready(one);
  order.ready(one);
  assert.equal(order.next(any), one);
  assert.equal(order.next(any), undefined);
});
