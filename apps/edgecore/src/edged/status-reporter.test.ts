import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodStatus } from '@kubeedge-ts/apis';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createManualClock } from '../edgehub/testing/manual-clock.ts';
import type { PodIdentity } from './runtime/labels.ts';
import { createStatusReporter } from './status-reporter.ts';

const web: PodIdentity = { uid: 'u', name: 'web', namespace: 'default' };

function rig() {
  const sent: string[] = [];
  const clock = createManualClock();
  const stop = new AbortController();
  const state = {
    identity: web as PodIdentity | undefined,
    failing: false,
    hold: undefined as Promise<void> | undefined,
  };
  const reporter = createStatusReporter({
    pod: () => state.identity,
    meta: {
      async reportPodStatus({ uid }, status) {
        await state.hold;
        if (state.failing) throw new Error('the store is full');
        sent.push(`${uid} ${(status as PodStatus).phase}`);
      },
    },
    clock,
    random: seededRandom(1),
    log: silentLogger,
    signal: stop.signal,
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { reporter, sent, clock, stop, state, settle };
}

describe('statuses on their way to the outbox', () => {
  test('of those that come while one is being stored only the newest is stored', async () => {
    const { reporter, sent, state, settle } = rig();
    const gate = Promise.withResolvers<void>();
    state.hold = gate.promise;
    for (const phase of ['Pending', 'Running', 'Succeeded']) reporter.report({ phase });
    gate.resolve();
    await settle();
    assert.deepEqual(sent, ['u Pending', 'u Succeeded']);
  });

  test('without an API object the newest waits; it is told when there is one, and so is what follows', async () => {
    const { reporter, sent, state, settle } = rig();
    state.identity = undefined;
    reporter.report({ phase: 'Pending' });
    reporter.report({ phase: 'Running' });
    await reporter.settled();
    assert.deepEqual(sent, []);
    state.identity = { ...web, uid: 'mirror' };
    reporter.report({ phase: 'Running' });
    await settle();
    reporter.report({ phase: 'Failed' });
    await settle();
    assert.deepEqual(sent, ['mirror Running', 'mirror Failed']);
  });

  test('one that could not be stored is tried again, unless a newer one has come', async () => {
    const { reporter, sent, clock, state, settle } = rig();
    state.failing = true;
    reporter.report({ phase: 'Pending' });
    await settle();
    reporter.report({ phase: 'Running' });
    state.failing = false;
    clock.advance(1_000);
    await settle();
    assert.deepEqual(sent, ['u Running']);
  });

  test('one reported when a store is just done is not forgotten', async () => {
    const { reporter, sent, settle } = rig();
    reporter.report({ phase: 'Pending' });
    await reporter.settled();
    reporter.report({ phase: 'Running' });
    await settle();
    assert.deepEqual(sent, ['u Pending', 'u Running']);
  });

  test('when edged stops nothing is begun, and waiting for it ends', async () => {
    const { reporter, sent, stop } = rig();
    stop.abort();
    reporter.report({ phase: 'Pending' });
    await reporter.settled();
    assert.deepEqual(sent, []);
  });
});
