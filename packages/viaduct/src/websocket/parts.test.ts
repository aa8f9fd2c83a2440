import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '@kubeedge-ts/runtime';
import { createInbox } from './inbox.ts';
import { createPingLedger } from './pings.ts';
import { createWriteDeadline } from './write-deadline.ts';

describe('inbox', () => {
  it('keeps order and says when it is full and when there is room again', () => {
    const inbox = createInbox();
    for (let i = 0; i < 64; i++) {
      assert.equal(inbox.full, false);
      inbox.push({ kind: 'frame', text: String(i) });
    }
    assert.equal(inbox.full, true);
    const texts: string[] = [];
    while (!inbox.roomy) {
      const item = inbox.shift();
      if (item?.kind === 'frame') texts.push(item.text);
    }
    assert.deepEqual(
      texts,
      Array.from({ length: 32 }, (_, i) => String(i)),
    );
  });

  it('one large frame fills it', () => {
    const inbox = createInbox();
    inbox.push({ kind: 'frame', text: 'x'.repeat(65_536) });
    assert.equal(inbox.full, true);
    inbox.shift();
    assert.equal(inbox.roomy, true);
    assert.equal(inbox.shift(), undefined);
  });
});

describe('pings', () => {
  it('a pong answers its ping and every earlier one, and no later one', async () => {
    const ledger = createPingLedger();
    const settled: string[] = [];
    const pings = [ledger.next(), ledger.next(), ledger.next()];
    for (const [index, { answered }] of pings.entries()) {
      void answered.then(
        () => settled.push(`${index} answered`),
        () => settled.push(`${index} failed`),
      );
    }
    ledger.answer(pings[1]?.payload ?? '');
    await new Promise(setImmediate);
    assert.deepEqual(settled, ['0 answered', '1 answered']);
    ledger.failAll(new Error('closed'));
    await new Promise(setImmediate);
    assert.deepEqual(settled.at(-1), '2 failed');
  });

  it('an aborted ping fails with the reason of its signal', async () => {
    const ledger = createPingLedger();
    const stop = new AbortController();
    const { answered } = ledger.next(stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(answered, /enough/);
    await assert.rejects(ledger.next(AbortSignal.abort(new Error('before'))).answered, /before/);
  });
});

describe('write deadline', () => {
  function scene(timeoutMs: number) {
    let now = 0;
    let timer: { at: number; task: () => void } | undefined;
    const clock: Clock = {
      now: () => now,
      monotonic: () => now,
      after: (ms, task) => {
        timer = { at: now + ms, task };
        return () => {
          timer = undefined;
        };
      },
    };
    const state = { unwritten: 0, stalls: 0 };
    const deadline = createWriteDeadline(
      clock,
      timeoutMs,
      () => state.unwritten,
      () => {
        state.stalls += 1;
      },
    );
    const advance = (to: number): void => {
      while (timer !== undefined && timer.at <= to) {
        const due = timer;
        timer = undefined;
        now = due.at;
        due.task();
      }
      now = to;
    };
    return { deadline, state, advance, armed: () => timer !== undefined };
  }

  it('bytes that do not move are a stall after the timeout and the time a slow link needs', () => {
    const { deadline, state, advance } = scene(1_000);
    state.unwritten = 16_000;
    deadline.begun();
    advance(1_999);
    assert.equal(state.stalls, 0);
    advance(2_000);
    assert.equal(state.stalls, 1);
  });

  it('progress starts the wait anew, and nothing unwritten ends it without a timer', () => {
    const { deadline, state, advance, armed } = scene(1_000);
    state.unwritten = 16;
    deadline.begun();
    for (let at = 900; at < 20_000; at += 900) {
      advance(at);
      deadline.progressed();
    }
    assert.equal(state.stalls, 0);
    state.unwritten = 0;
    advance(60_000);
    assert.equal(state.stalls, 0);
    assert.equal(armed(), false);
  });
});
