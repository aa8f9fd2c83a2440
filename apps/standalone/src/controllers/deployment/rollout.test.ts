import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { proportionalSizes, rollingUpdateStep, rolloutLimits, type SetSize } from './rollout.ts';

describe('rollout limits', () => {
  const cases: [number, object, [number, number]][] = [
    [10, {}, [3, 2]],
    [1, {}, [1, 0]],
    [0, {}, [0, 1]],
    [10, { maxSurge: 0, maxUnavailable: 0 }, [0, 1]],
    [10, { maxSurge: '50%', maxUnavailable: 1 }, [5, 1]],
    [3, { maxSurge: '0%', maxUnavailable: '100%' }, [0, 3]],
  ];
  for (const [replicas, strategy, [maxSurge, maxUnavailable]] of cases) {
    test(`${JSON.stringify(strategy)} of ${replicas} is ${maxSurge} more and ${maxUnavailable} less`, () => {
      assert.deepEqual(rolloutLimits(replicas, strategy), { maxSurge, maxUnavailable });
    });
  }
});

describe('a rolling update', () => {
  test('never exceeds the surge, never goes below what must serve, and ends with the new pods only', () => {
    const limit = fc.oneof(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        limit,
        limit,
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 3 }),
        fc.infiniteStream(fc.boolean()),
        (wanted, maxSurge, maxUnavailable, oldSizes, coin) => {
          const limits = rolloutLimits(wanted, { maxSurge, maxUnavailable });
          let current: SetSize = { name: 'new', replicas: 0, available: 0 };
          let old: SetSize[] = oldSizes.map((replicas, index) => ({
            name: `old-${index}`,
            replicas,
            available: replicas,
          }));
          const total = () => [current, ...old].reduce((sum, set) => sum + set.replicas, 0);
          const serving = () => [current, ...old].reduce((sum, set) => sum + set.available, 0);
          const startedWith = total();
          for (let step = 0; step < 300; step++) {
            const sizes = rollingUpdateStep(wanted, limits, current, old);
            const floor = Math.min(serving(), wanted - limits.maxUnavailable);
            const apply = (set: SetSize): SetSize => {
              const replicas = sizes.get(set.name) ?? set.replicas;
              return { ...set, replicas, available: Math.min(set.available, replicas) };
            };
            current = apply(current);
            old = old.map(apply);
            assert.ok(total() <= Math.max(startedWith, wanted + limits.maxSurge));
            assert.ok(serving() >= floor, 'too few pods serve');
            // A pod becomes ready now and then.
            if (current.available < current.replicas && (coin.next().value || step % 3 === 0)) {
              current = { ...current, available: current.available + 1 };
            }
          }
          assert.equal(current.available, wanted);
          assert.equal(total(), wanted);
        },
      ),
    );
  });

  test('removes pods of old sets that never served first', () => {
    const old = [
      { name: 'good', replicas: 3, available: 3 },
      { name: 'bad', replicas: 2, available: 0 },
    ];
    const limits = { maxSurge: 1, maxUnavailable: 0 };
    const sizes = rollingUpdateStep(3, limits, { name: 'new', replicas: 0, available: 0 }, old);
    assert.deepEqual([...sizes], [['bad', 0]]);
  });

  test('waits while new pods are not ready', () => {
    const old = [{ name: 'old', replicas: 3, available: 3 }];
    const limits = { maxSurge: 1, maxUnavailable: 0 };
    assert.equal(rollingUpdateStep(3, limits, { name: 'new', replicas: 1, available: 0 }, old).size, 0);
  });
});

describe('scaling during a rollout', () => {
  test('keeps the proportions', () => {
    const limits = rolloutLimits(20, { maxSurge: 2, maxUnavailable: 2 });
    const active = [
      { name: 'new', replicas: 4, available: 4, max: 12 },
      { name: 'old', replicas: 8, available: 8, max: 12 },
    ];
    assert.deepEqual([...proportionalSizes(20, limits, active)].sort(), [
      ['new', 7],
      ['old', 15],
    ]);
  });

  test('ends with the allowed number of pods, each set at or above zero', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 30 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 4 }),
        (wanted, sizes) => {
          const limits = rolloutLimits(wanted, {});
          const max = sizes.reduce((a, b) => a + b, 0);
          const active = sizes.map((replicas, index) => ({
            name: `s${index}`,
            replicas,
            available: replicas,
            max,
          }));
          const next = proportionalSizes(wanted, limits, active);
          const after = active.map((set) => next.get(set.name) ?? set.replicas);
          assert.ok(after.every((size) => size >= 0));
          assert.equal(
            after.reduce((a, b) => a + b, 0),
            wanted > 0 ? wanted + limits.maxSurge : 0,
          );
        },
      ),
    );
  });
});
