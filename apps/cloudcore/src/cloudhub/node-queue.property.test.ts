import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ACTIONS, createWorld, type Step } from './testing/queue-world.ts';

const steps = (maxLength: number, actions: readonly Step['action'][] = ACTIONS): fc.Arbitrary<Step[]> =>
  fc.array(fc.record({ action: fc.constantFrom(...actions), pick: fc.nat(1_000) }), {
    minLength: 1,
    maxLength,
    size: 'max',
  });

/** `KUBEEDGE_SEED` replays a run; the seed in use is printed. */
const seed = Number(process.env['KUBEEDGE_SEED'] ?? Date.now() % 2 ** 31);
/** `bin/test --full` tries more. */
const scale = process.env['KUBEEDGE_TS_FULL'] ? 10 : 1;

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
      { seed, numRuns: 1_500 * scale, endOnFailure: false },
    );
  });
}

test('a store restored from a backup, wiped or tampered with converges, whatever happened before', (t) => {
  t.diagnostic(`seed ${seed}`);
  const scenario = fc.record({
    before: steps(60),
    between: steps(60),
    damage: fc.constantFrom('restore' as const, 'tamper' as const, 'wipe' as const),
    restart: fc.boolean(),
    pick: fc.nat(1_000),
  });
  fc.assert(
    fc.property(scenario, ({ before, between, damage, restart, pick }) => {
      const world = createWorld({ edge: 'ours', window: 4 });
      for (const step of before) world.apply(step);
      world.quiesce();
      world.apply({ action: 'backup', pick });
      for (const step of between) world.apply(step);
      world.quiesce();
      if (restart) world.apply({ action: 'crash', pick });
      world.apply({ action: damage, pick });
      world.quiesce();
      assert.deepEqual(world.edgeRows(), world.wantedRows());
      assert.deepEqual(world.recordProblems(), []);
    }),
    { seed, numRuns: 500 * scale, endOnFailure: false },
  );
});

test('an undamaged store gets nothing again: reconnects, restarts of cloudcore, versions that moved (A3)', (t) => {
  t.diagnostic(`seed ${seed}`);
  const harmless: readonly Step['action'][] = [
    'connect',
    'disconnect',
    'crash',
    'touch',
    'controller',
    'run',
    'edge',
    'ack',
    'api',
    'result',
    'lazy',
    'quiet',
    'timer',
    'reconcile',
  ];
  fc.assert(
    fc.property(steps(80), steps(60, harmless), (before, since) => {
      const world = createWorld({ edge: 'ours', window: 4 });
      for (const step of before) world.apply(step);
      world.quiesce();
      const { sends } = world;
      for (const step of since) world.apply(step);
      world.quiesce();
      assert.equal(world.sends, sends);
      assert.deepEqual(world.edgeRows(), world.wantedRows());
    }),
    { seed, numRuns: 500 * scale, endOnFailure: false },
  );
});

test('what somebody changes in a connected edge converges with the next comparison', (t) => {
  t.diagnostic(`seed ${seed}`);
  fc.assert(
    fc.property(steps(80), fc.nat(1_000), (before, pick) => {
      const world = createWorld({ edge: 'ours', window: 4 });
      for (const step of before) world.apply(step);
      world.quiesce();
      world.meddle(pick);
      world.apply({ action: 'reconcile', pick });
      world.quiesce();
      assert.deepEqual(world.edgeRows(), world.wantedRows());
      assert.deepEqual(world.recordProblems(), []);
    }),
    { seed, numRuns: 250 * scale, endOnFailure: false },
  );
});
