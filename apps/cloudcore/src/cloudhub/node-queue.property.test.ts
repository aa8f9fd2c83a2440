import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ACTIONS, createWorld, type Step } from './testing/queue-world.ts';

const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(fc.record({ action: fc.constantFrom(...ACTIONS), pick: fc.nat(1_000) }), {
    minLength: 1,
    maxLength,
    size: 'max',
  });

/** `KUBEEDGE_SEED` replays a run; the seed in use is printed. */
const seed = Number(process.env['KUBEEDGE_SEED'] ?? Date.now() % 2 ** 31);

for (const edge of ['upstream', 'ours'] as const) {
  test(`nothing is lost, nothing resurrected, order per key: ${edge} edge, any crash, any disconnect`, (t) => {
    t.diagnostic(`seed ${seed}`);
    fc.assert(
      fc.property(steps(200), fc.integer({ min: 1, max: 4 }), (script, window) => {
        const world = createWorld({ edge, window });
        for (const step of script) world.apply(step);
        world.quiesce();
        assert.deepEqual(world.edgeRows(), world.wantedRows());
        assert.deepEqual(world.recordProblems(), []);
      }),
      { seed, numRuns: 6_000, endOnFailure: false },
    );
  });
}
