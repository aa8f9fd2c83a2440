import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { goSeconds, nextBackoff, restartAllowedAt } from './crash-backoff.ts';

describe('crash back-off', () => {
  test('10 s, doubling, at most 5 min; forgotten after 10 min of running', () => {
    let backoff = nextBackoff(undefined, 0, 0);
    const delays = [backoff.delayMs];
    for (let i = 0; i < 6; i++) {
      backoff = nextBackoff(backoff, backoff.updatedAt, backoff.updatedAt + 1);
      delays.push(backoff.delayMs);
    }
    assert.deepEqual(delays, [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    const endedLate = backoff.updatedAt + 600_001;
    assert.equal(restartAllowedAt(backoff, endedLate), endedLate);
    assert.equal(nextBackoff(backoff, endedLate, endedLate).delayMs, 10_000);
  });
  test('durations read like Go prints them', () => {
    assert.deepEqual([10_000, 80_000, 300_000].map(goSeconds), ['10s', '1m20s', '5m0s']);
  });
});
