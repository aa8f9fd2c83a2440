import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  afterTry,
  counts,
  findingsOf,
  firstTryAfter,
  type Heard,
  initialState,
  isAsked,
  type ProbeKind,
  type ProbeState,
  type ProbeStates,
} from './probe-machine.ts';

const thresholds = (successThreshold: number, failureThreshold: number) => ({
  successThreshold,
  failureThreshold,
});

/** `+` a success, `-` a failure. */
function play(
  kind: ProbeKind,
  tries: string,
  limits = thresholds(1, 3),
  from = initialState(kind),
): ProbeState {
  return [...tries].reduce(
    (state, sign) => afterTry(kind, limits, state, sign === '+' ? 'success' : 'failure'),
    from,
  );
}

describe('the result of a probe', () => {
  const table: readonly [string, ProbeKind, string, ReturnType<typeof thresholds>, ProbeState['result']][] = [
    ['readiness begins as failure', 'readiness', '', thresholds(1, 3), 'failure'],
    ['liveness begins as success', 'liveness', '', thresholds(1, 3), 'success'],
    ['startup begins undecided', 'startup', '', thresholds(1, 3), 'unknown'],
    ['one success makes ready', 'readiness', '+', thresholds(1, 3), 'success'],
    ['two successes make ready when two are asked for', 'readiness', '++', thresholds(2, 3), 'success'],
    ['one success is not enough then', 'readiness', '+', thresholds(2, 3), 'failure'],
    ['a failure in between begins the count anew', 'readiness', '+-+', thresholds(2, 3), 'failure'],
    ['two failures keep a ready one ready', 'readiness', '+--', thresholds(1, 3), 'success'],
    ['three in a row do not', 'readiness', '+---', thresholds(1, 3), 'failure'],
    ['three with a success between them do', 'readiness', '+--+-', thresholds(1, 3), 'success'],
    ['an unready one becomes ready again', 'readiness', '+---+', thresholds(1, 3), 'success'],
    ['liveness survives two failures', 'liveness', '--', thresholds(1, 3), 'success'],
    ['liveness gives up after three', 'liveness', '---', thresholds(1, 3), 'failure'],
    ['a container given up stays given up', 'liveness', '---++++', thresholds(1, 3), 'failure'],
    ['startup stays undecided below its threshold', 'startup', '--', thresholds(1, 3), 'unknown'],
    ['startup gives up at its threshold', 'startup', '---', thresholds(1, 3), 'failure'],
    ['startup succeeds late', 'startup', '--+', thresholds(1, 3), 'success'],
    ['a started container stays started', 'startup', '+-----', thresholds(1, 3), 'success'],
  ];
  for (const [promise, kind, tries, limits, result] of table) {
    test(promise, () => assert.equal(play(kind, tries, limits).result, result));
  }
});

describe('a run that is older than edgecore', () => {
  const table: readonly [
    string,
    ProbeKind,
    { started: boolean; ready: boolean },
    ProbeState['result'],
    boolean,
  ][] = [
    ['stays ready', 'readiness', { started: true, ready: true }, 'success', false],
    ['stays not ready', 'readiness', { started: true, ready: false }, 'failure', false],
    ['has started for good', 'startup', { started: true, ready: false }, 'success', true],
    ['has yet to start', 'startup', { started: false, ready: false }, 'unknown', false],
    ['lives', 'liveness', { started: true, ready: true }, 'success', false],
  ];
  for (const [promise, kind, earlier, result, settled] of table) {
    test(`${promise}: ${kind}`, () => {
      assert.deepEqual(initialState(kind, earlier), { result, streak: undefined, settled });
    });
  }

  test('and ready takes as many failures as ever to become unready', () => {
    const ready = initialState('readiness', { started: true, ready: true });
    assert.equal(play('readiness', '--', thresholds(1, 3), ready).result, 'success');
    assert.equal(play('readiness', '---', thresholds(1, 3), ready).result, 'failure');
  });
});

describe('which probes are asked', () => {
  const states = (startup?: string, liveness = '', readiness = ''): ProbeStates => ({
    ...(startup === undefined ? {} : { startup: play('startup', startup) }),
    liveness: play('liveness', liveness),
    readiness: play('readiness', readiness),
  });
  const table: readonly [string, ProbeStates, boolean, readonly ProbeKind[]][] = [
    ['liveness and readiness without a startup probe', states(), false, ['liveness', 'readiness']],
    ['only startup until it has succeeded', states('--'), false, ['startup']],
    ['the others afterwards', states('+'), false, ['liveness', 'readiness']],
    ['none of the three once startup has given up', states('---'), false, []],
    [
      'readiness while a container given up by liveness is being stopped',
      states('+', '---'),
      false,
      ['readiness'],
    ],
    ['readiness alone in a pod that ends', states('+'), true, ['readiness']],
    ['nothing in a pod that ends before it started', states('-'), true, []],
  ];
  for (const [promise, parts, ending, asked] of table) {
    test(promise, () => {
      const kinds = (['startup', 'liveness', 'readiness'] as const).filter((kind) =>
        isAsked(kind, parts, ending),
      );
      assert.deepEqual(kinds, asked);
    });
  }
});

describe('what a container shows', () => {
  test('without a readiness probe it is ready once started', () => {
    assert.deepEqual(findingsOf({ startup: play('startup', '') }, false), { started: false, ready: false });
    assert.deepEqual(findingsOf({ startup: play('startup', '+') }, false), { started: true, ready: true });
    assert.deepEqual(findingsOf({ liveness: play('liveness', '') }, false), { started: true, ready: true });
  });

  test('it is never ready before it has started, whatever was found earlier', () => {
    const states = { startup: play('startup', '-'), readiness: play('readiness', '+') };
    assert.deepEqual(findingsOf(states, false), { started: false, ready: false });
  });

  test('the probe that gave it up is named, with its own grace', () => {
    const states = { liveness: play('liveness', '---') };
    assert.deepEqual(findingsOf(states, false, { liveness: 5 }).failed, {
      kind: 'liveness',
      graceSeconds: 5,
    });
    assert.deepEqual(findingsOf({ startup: play('startup', '---') }, false).failed, { kind: 'startup' });
  });

  test('in a pod that ends nothing is given up any more', () => {
    assert.equal(findingsOf({ liveness: play('liveness', '---') }, true).failed, undefined);
  });
});

describe('when', () => {
  const times = { initialDelayMs: 4_000, periodMs: 10_000 };
  test('readiness and startup are asked as soon as their delay is over', () => {
    assert.equal(firstTryAfter('readiness', times), 4_000);
    assert.equal(firstTryAfter('startup', times), 4_000);
    assert.equal(firstTryAfter('readiness', times, 30_000), 30_000);
  });
  test('liveness waits a period from the start, or from when the startup probe let it through', () => {
    assert.equal(firstTryAfter('liveness', times), 10_000);
    assert.equal(firstTryAfter('liveness', { ...times, initialDelayMs: 15_000 }), 15_000);
    assert.equal(firstTryAfter('liveness', times, 30_000), 40_000);
  });
  test('a startup probe has its whole first period to fail for nothing', () => {
    assert.equal(counts('startup', times, 'failure', 4_000), false);
    assert.equal(counts('startup', times, 'success', 4_000), true);
    assert.equal(counts('startup', times, 'failure', 10_000), true);
    assert.equal(counts('readiness', times, 'failure', 0), true);
  });
});

describe('for any sequence of tries', () => {
  const anyTries = fc.array(fc.constantFrom<Heard>('success', 'failure'), { maxLength: 40 });
  const anyLimits = fc.record({
    successThreshold: fc.integer({ min: 1, max: 4 }),
    failureThreshold: fc.integer({ min: 1, max: 4 }),
  });
  const anyKind = fc.constantFrom<ProbeKind>('startup', 'liveness', 'readiness');

  test('the result is what the last streak of full length said, and settles as its kind does', () => {
    fc.assert(
      fc.property(anyKind, anyLimits, anyTries, (kind, limits, tries) => {
        // The same, told as plain counting over the whole history.
        let expected: ProbeState['result'] = initialState(kind).result;
        for (let end = 1; end <= tries.length; end++) {
          const last = tries[end - 1]!;
          const needed = last === 'success' ? limits.successThreshold : limits.failureThreshold;
          const streak = tries.slice(0, end).reverse();
          const length = streak.findIndex((each) => each !== last);
          if ((length === -1 ? streak.length : length) < needed) continue;
          expected = last;
          if (kind === 'startup' || (kind === 'liveness' && last === 'failure')) break;
        }
        const state = tries.reduce((now, heard) => afterTry(kind, limits, now, heard), initialState(kind));
        assert.equal(state.result, expected);
        assert.ok((state.streak?.length ?? 0) <= Math.max(limits.successThreshold, limits.failureThreshold));
      }),
    );
  });

  test('once settled nothing moves it', () => {
    fc.assert(
      fc.property(
        anyKind,
        anyLimits,
        anyTries,
        fc.constantFrom<Heard>('success', 'failure'),
        (kind, limits, tries, next) => {
          const state = tries.reduce((now, heard) => afterTry(kind, limits, now, heard), initialState(kind));
          if (state.settled) assert.equal(afterTry(kind, limits, state, next), state);
        },
      ),
    );
  });

  test('ready implies started, and given up implies neither asked nor forgiven while the pod goes on', () => {
    const anyStates = fc.record({
      startup: fc.option(anyTries),
      liveness: fc.option(anyTries),
      readiness: fc.option(anyTries),
    });
    fc.assert(
      fc.property(anyStates, anyLimits, fc.boolean(), (parts, limits, ending) => {
        const states = Object.fromEntries(
          Object.entries(parts).flatMap(([kind, tries]) =>
            tries === null
              ? []
              : [
                  [
                    kind,
                    tries.reduce(
                      (now, heard) => afterTry(kind as ProbeKind, limits, now, heard),
                      initialState(kind as ProbeKind),
                    ),
                  ],
                ],
          ),
        ) as ProbeStates;
        const found = findingsOf(states, ending);
        assert.ok(!found.ready || found.started);
        if (found.failed !== undefined) {
          assert.ok(!ending);
          assert.equal(isAsked(found.failed.kind, states, ending), false);
        }
      }),
    );
  });
});
