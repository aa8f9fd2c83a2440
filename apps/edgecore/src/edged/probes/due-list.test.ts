import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createDueList } from './due-list.ts';

test('what is due comes in order, once; a new time replaces the old one', () => {
  const list = createDueList<string>();
  list.set('b', 20);
  list.set('a', 10);
  list.set('c', 30);
  list.set('b', 5);
  assert.equal(list.next, 5);
  assert.deepEqual(list.takeDue(10), ['b', 'a']);
  assert.deepEqual(list.takeDue(10), []);
  list.delete('c');
  assert.equal(list.next, undefined);
});

test('for any history it holds what a plain map holds', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), item: fc.nat(9), at: fc.nat(20) }),
    fc.record({ do: fc.constant('delete' as const), item: fc.nat(9) }),
    fc.record({ do: fc.constant('take' as const), at: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = createDueList<number>();
      const model = new Map<number, number>();
      for (const each of steps) {
        if (each.do === 'set') {
          list.set(each.item, each.at);
          model.set(each.item, each.at);
        } else if (each.do === 'delete') {
          list.delete(each.item);
          model.delete(each.item);
        } else {
          const times = list.takeDue(each.at).map((item) => {
            const at = model.get(item)!;
            model.delete(item);
            return at;
          });
          assert.deepEqual(
            times,
            times.toSorted((a, b) => a - b),
          );
          assert.ok(times.every((at) => at <= each.at) && [...model.values()].every((at) => at > each.at));
        }
        assert.equal(list.size, model.size);
        assert.equal(list.next, model.size === 0 ? undefined : Math.min(...model.values()));
      }
    }),
  );
});
