import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { manualClock } from '../testing/manual-clock.ts';
import { createPullGate } from './pull-gate.ts';

const never = new AbortController().signal;
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Tasks that end when told. */
function tasks() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    end: (name: string) => ends.get(name)?.(),
    task: (name: string) => () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    },
  };
}

describe('image pulls take their turn', () => {
  const limits: [string, number, string[]][] = [
    ['one after the other by default', 1, ['a']],
    ['so many at once as the node allows', 2, ['a', 'b']],
    ['all at once without a limit', Number.POSITIVE_INFINITY, ['a', 'b', 'c']],
  ];
  for (const [title, parallel, first] of limits) {
    test(title, async () => {
      const gate = createPullGate({ clock: manualClock(), parallel, perSecond: 0, burst: 0 });
      const { begun, end, task } = tasks();
      const all = Promise.all(['a', 'b', 'c'].map((name) => gate.run(task(name), never)));
      await settle();
      assert.deepEqual(begun, first);
      for (const name of ['a', 'b', 'c']) {
        end(name);
        await settle();
      }
      assert.deepEqual(begun, ['a', 'b', 'c']);
      await all;
    });
  }

  test('who does not want to wait any more leaves, and keeps nobody else waiting', async () => {
    const gate = createPullGate({ clock: manualClock(), parallel: 1, perSecond: 0, burst: 0 });
    const { begun, end, task } = tasks();
    const first = gate.run(task('a'), never);
    const leaving = new AbortController();
    const second = gate.run(task('b'), leaving.signal);
    const third = gate.run(task('c'), never);
    leaving.abort(new Error('overtaken'));
    await assert.rejects(second, { message: 'overtaken' });
    end('a');
    await first;
    await settle();
    assert.deepEqual(begun, ['a', 'c']);
    end('c');
    await third;
    await assert.rejects(gate.run(task('d'), leaving.signal), { message: 'overtaken' });
  });

  test('a pull that fails gives its place back', async () => {
    const gate = createPullGate({ clock: manualClock(), parallel: 1, perSecond: 0, burst: 0 });
    await assert.rejects(
      gate.run(() => Promise.reject(new Error('no')), never),
      { message: 'no' },
    );
    assert.equal(await gate.run(async () => 'yes', never), 'yes');
  });

  test('a burst at once, then so many a second', async () => {
    const clock = manualClock();
    const gate = createPullGate({ clock, parallel: Number.POSITIVE_INFINITY, perSecond: 5, burst: 2 });
    let begun = 0;
    const begin = async () => {
      begun += 1;
    };
    const all = Promise.all(Array.from({ length: 6 }, () => gate.run(begin, never)));
    await clock.pass(0);
    assert.equal(begun, 2);
    await clock.pass(200);
    assert.equal(begun, 3);
    await clock.pass(600);
    assert.equal(begun, 6);
    await all;
    await clock.pass(10_000);
    const again = Promise.all(Array.from({ length: 3 }, () => gate.run(begin, never)));
    await clock.pass(0);
    assert.equal(begun, 8, 'a quiet time allows one burst, not more');
    await clock.pass(200);
    await again;
  });
});
