import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bench } from './testing/queue-bench.ts';

describe('connections', () => {
  test('reconnecting resends what is unacked, deletes included, and nothing that is confirmed (A3)', () => {
    const b = bench();
    b.connect([]);
    for (const uid of ['confirmed', 'deleted']) b.want({ uid });
    b.ackAll();
    b.want({ uid: 'unacked' });
    b.unwant('deleted');
    b.sent();
    b.apply({ type: 'disconnected' });
    b.connect();
    assert.deepEqual(b.sent().sort(), ['delete deleted', 'insert unacked']);
  });

  test('wanted again while its delete was on a connection that broke, it is inserted', () => {
    const b = bench();
    b.connect([]);
    b.want({});
    b.ackAll();
    b.unwant('u1');
    b.want({});
    assert.deepEqual(b.sent(), ['delete u1']);
    b.apply({ type: 'disconnected' });
    b.connect();
    assert.deepEqual(b.ackAll(), ['insert u1']);
  });

  test('an ack of the connection before is not taken for one of this', () => {
    const b = bench();
    b.connect([]);
    b.want({});
    const old = b.next();
    b.apply({ type: 'disconnected' });
    b.connect();
    b.apply({ type: 'acked', id: old.id });
    assert.equal(b.queue.inFlight, 1);
  });

  test('while the node is away changes cost nothing and no timer runs', () => {
    const b = bench();
    b.connect([]);
    b.want({});
    b.apply({ type: 'disconnected' });
    b.log.length = 0;
    for (let i = 0; i < 100; i++) b.want({ version: String(i) });
    assert.deepEqual([b.log, b.sent().length], [[], 1]);
  });
});

describe('resending', () => {
  test('a message that is never acked stops holding up others after three sends', () => {
    const b = bench({ window: 1 });
    b.connect([]);
    b.want({ type: 'configmap', uid: 'poison' });
    b.want({ type: 'pod', uid: 'pod' });
    b.apply({ type: 'timer' });
    assert.deepEqual(b.sent(), ['insert poison', 'insert poison']);
    b.apply({ type: 'timer' });
    assert.deepEqual(b.sent(), ['insert poison', 'insert pod']);
    assert.equal(b.log.includes('stalled'), true);
    b.apply({ type: 'timer' });
    b.apply({ type: 'timer' });
    assert.deepEqual(b.sent(), ['insert poison', 'insert pod'], 'the one whose last send is longest ago');
  });

  test('the pause doubles up to a minute and an ack starts over', () => {
    const b = bench();
    b.connect([]);
    b.want({ uid: 'a' });
    b.want({ uid: 'b' });
    for (let i = 0; i < 6; i++) b.apply({ type: 'timer' });
    b.apply({ type: 'acked', id: b.next().id });
    const pauses = b.log.filter((line) => line.startsWith('set-timer'));
    assert.deepEqual(
      pauses.map((line) => Number(line.slice(10)) / 1000),
      [5, 10, 20, 40, 60, 60, 60, 5],
    );
  });

  test('resent messages keep their id and content', () => {
    const b = bench();
    b.connect([]);
    b.want({});
    const first = b.next();
    b.want({ version: '2' });
    b.apply({ type: 'timer' });
    assert.deepEqual(b.next(), { ...first, resent: true });
  });
});
