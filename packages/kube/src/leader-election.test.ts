import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { leases } from '@kubeedge-ts/apis';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createLeaderElection } from './leader-election.ts';
import { createFakeKube } from './testing/fake-kube.ts';
import { type FaultScript, withFaults } from './testing/faults.ts';
import { createVirtualClock } from './testing/virtual-clock.ts';

function site() {
  const clock = createVirtualClock();
  const kube = createFakeKube({ clock });
  const history: string[] = [];
  const candidate = (identity: string, script: FaultScript = () => undefined) => {
    const election = createLeaderElection(
      withFaults(kube, script, clock),
      { namespace: 'kubeedge', name: 'cloudcore', identity },
      { clock, random: seededRandom(identity.length), log: silentLogger },
    );
    const stop = new AbortController();
    const ended = election.run(stop.signal, async (signal) => {
      history.push(`${identity} leads`);
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => resolve(), { once: true });
      await promise;
      history.push(`${identity} ends`);
    });
    return {
      election,
      stop: async () => {
        stop.abort(new Error('stop'));
        await clock.advance(0);
        await ended;
      },
    };
  };
  return { clock, kube, history, candidate };
}
const holderOf = (kube: ReturnType<typeof createFakeKube>) => kube.objects(leases)[0]?.spec?.holderIdentity;

describe('leader election', () => {
  test('of two candidates one leads, for as long as it lives', async () => {
    const { clock, kube, history, candidate } = site();
    const first = candidate('a');
    await clock.advance(100);
    const second = candidate('bb');
    await clock.advance(10 * 60_000);
    assert.deepEqual(history, ['a leads']);
    assert.equal(first.election.isLeader, true);
    assert.equal(second.election.isLeader, false);
    assert.equal(second.election.holder, 'a');
    assert.equal(kube.objects(leases)[0]?.spec?.leaseTransitions, 0);
    await first.stop();
    await second.stop();
  });

  test('a leader that stops releases the lease and the other takes over within a retry period', async () => {
    const { clock, kube, history, candidate } = site();
    const first = candidate('a');
    await clock.advance(100);
    const second = candidate('bb');
    await clock.advance(5000);
    await first.stop();
    assert.equal(holderOf(kube), '');
    await clock.advance(2500);
    assert.deepEqual(history, ['a leads', 'a ends', 'bb leads']);
    await second.stop();
  });

  test('a leader cut off from the server stops before anyone else can lead', async () => {
    const { clock, history, candidate } = site();
    let cut = false;
    const first = candidate('a', () => (cut ? { kind: 'unreachable' } : undefined));
    await clock.advance(100);
    const second = candidate('bb');
    await clock.advance(5000);
    cut = true;
    await clock.advance(60_000);
    assert.deepEqual(history, ['a leads', 'a ends', 'bb leads']);
    await first.stop();
    await second.stop();
  });

  test('a short outage does not end leadership', async () => {
    const { clock, history, candidate } = site();
    let cut = false;
    const first = candidate('a', () => (cut ? { kind: 'unreachable' } : undefined));
    await clock.advance(5000);
    cut = true;
    await clock.advance(6000);
    cut = false;
    await clock.advance(60_000);
    assert.deepEqual(history, ['a leads']);
    await first.stop();
  });

  test('a leader whose work fails gives the lease up', async () => {
    const clock = createVirtualClock();
    const kube = createFakeKube({ clock });
    const election = createLeaderElection(
      kube,
      { namespace: 'kubeedge', name: 'cloudcore', identity: 'a' },
      { clock, random: seededRandom(1), log: silentLogger },
    );
    const stop = new AbortController();
    const ended = election.run(stop.signal, () => Promise.reject(new Error('broken')));
    await clock.advance(0);
    assert.equal(election.isLeader, false);
    assert.equal(holderOf(kube), '');
    stop.abort(new Error('stop'));
    await clock.advance(0);
    await ended;
  });
});
