import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bench, record } from './testing/queue-bench.ts';

const settle = (b: ReturnType<typeof bench>): void => {
  b.apply({ type: 'settled', source: 'edgecontroller' });
  b.apply({ type: 'settled', source: 'devicecontroller' });
};

describe('an edge that tells what it has stored (M15)', () => {
  test('is asked at every connect, and nothing is sent before it has answered', () => {
    const b = bench();
    b.connectOurs([]);
    b.want({ uid: 'a' });
    assert.deepEqual(b.sent(), []);
    b.tell();
    assert.deepEqual(b.ackAll(), ['insert a']);
    b.apply({ type: 'disconnected' });
    b.want({ uid: 'b' });
    b.connectOurs();
    assert.deepEqual(b.sent(), []);
    assert.equal(b.tell({ uid: 'a' }), 'same');
    assert.deepEqual(b.sent(), ['insert b']);
  });

  test('is not asked when it cannot tell', () => {
    const b = bench();
    b.connect([], 's1');
    b.want({});
    assert.deepEqual(b.sent(), ['insert u1']);
  });

  test('gets what it lost, what it has in another version, and deletes of what nobody wants', () => {
    const b = bench();
    settle(b);
    b.connectOurs([]);
    b.tell();
    for (const uid of ['lost', 'old', 'fine']) b.want({ uid, version: '2' });
    b.ackAll();
    b.apply({ type: 'disconnected' });
    b.connectOurs();
    b.tell(
      { uid: 'old', version: '1' },
      { uid: 'fine', version: '2' },
      { uid: 'gone', type: 'pod' },
      { uid: 'gone-model', type: 'devicemodel' },
    );
    assert.deepEqual(b.ackAll().sort(), ['delete gone', 'delete gone-model', 'insert lost', 'update old']);
    assert.ok(b.log.includes('store-differs 1 missing, 1 changed, 2 unknown'));
    b.apply({ type: 'disconnected' });
    b.connectOurs();
    assert.equal(
      b.tell({ uid: 'old', version: '2' }, { uid: 'fine', version: '2' }, { uid: 'lost', version: '2' }),
      'same',
    );
    assert.deepEqual(b.sent(), []);
  });

  test('is asked for a list where an ack was lost, and what had arrived is not sent again', () => {
    const b = bench();
    b.connectOurs([]);
    b.tell();
    b.want({ uid: 'arrived' });
    b.want({ uid: 'lost' });
    b.sent();
    b.apply({ type: 'disconnected' });
    b.connectOurs();
    assert.notEqual(b.tell({ uid: 'arrived' }), 'same');
    assert.deepEqual(b.sent(), ['insert lost']);
  });

  test('keeps, after a restart of cloudcore, what is equal although no record says so', () => {
    const b = bench();
    b.connectOurs([
      record({ uid: 'noted', version: '7', store: 's1' }),
      record({ uid: 'behind', version: '1', store: 's1' }),
    ]);
    b.want({ uid: 'noted', version: '7' });
    b.want({ uid: 'behind', version: '9', hash: 'h' });
    b.want({ uid: 'unrecorded', hash: 'h' });
    b.tell({ uid: 'noted', version: '7' }, { uid: 'behind', hash: 'h' }, { uid: 'unrecorded', hash: 'h' });
    assert.deepEqual(b.sent(), []);
    assert.deepEqual(
      b.log.filter((line) => line.includes('record')),
      ['create-record unrecorded', 'advance-record behind', 'advance-record unrecorded'],
    );
  });

  test('loses what nobody wants only when its controller has spoken', () => {
    const b = bench();
    b.connectOurs([]);
    b.tell({ uid: 'wanted' }, { uid: 'gone' });
    assert.deepEqual(b.sent(), []);
    b.want({ uid: 'wanted' });
    settle(b);
    assert.deepEqual(b.ackAll(), ['delete gone']);
    assert.equal(b.queue.size, 1);
  });

  test('holds an older object of the same name: that one is deleted first (M13)', () => {
    const b = bench();
    b.connectOurs([]);
    b.want({ uid: 'new', name: 'web', type: 'pod' });
    b.tell({ uid: 'old', name: 'web', type: 'pod' });
    assert.deepEqual(b.sent(), ['delete web']);
    assert.equal(b.queue.inFlight, 1);
  });

  test('is believed more than a record that somebody else made', () => {
    const b = bench();
    b.held.value = true;
    b.connectOurs([]);
    b.want({ version: '3' });
    b.tell();
    b.apply({ type: 'record-created', uid: 'u1', found: record({ version: '3', store: 's1' }) });
    assert.deepEqual(b.sent(), ['insert u1']);
  });

  test('takes back a hash the record holds when the store has another content', () => {
    const b = bench();
    b.connectOurs([{ ...record({ version: '3', store: 's1' }), hash: 'h3' }]);
    b.want({ version: '4', hash: 'h2' });
    b.tell({ version: '2' });
    assert.deepEqual(b.sent(), [], 'the store has what is wanted');
    assert.deepEqual(
      b.log.filter((line) => line.includes('record')),
      ['reset-record u1', 'advance-record u1'],
    );
  });

  test('that does not answer is served by the records', () => {
    const b = bench();
    b.connectOurs([record({ uid: 'a', store: 's1' })]);
    b.want({ uid: 'a' });
    b.want({ uid: 'b' });
    b.apply({ type: 'inventory', id: 'another question', inventory: [] });
    assert.deepEqual(b.sent(), []);
    b.apply({ type: 'inventory', id: 'm1', inventory: 'unknown' });
    assert.deepEqual(b.sent(), ['insert b']);
    b.apply({ type: 'inventory', id: 'm1', inventory: [] });
    assert.deepEqual(b.sent(), [], 'a late answer counts no more');
  });

  test('cannot fill the memory with objects that do not exist, nor touch what belongs to other programs', () => {
    const b = bench();
    settle(b);
    b.connectOurs([record({ uid: 'service', type: 'secret' })].map((r) => ({ ...r, type: 'service' })));
    b.tell(...Array.from({ length: 100 }, (_, index) => ({ uid: `invented-${index}` })), { uid: '' });
    assert.equal(b.queue.size, 101);
    assert.equal(b.sent().length, 32);
    b.apply({ type: 'disconnected' });
    assert.equal(b.queue.size, 1);
    b.connectOurs();
    b.tell({ uid: 'service', type: 'service' });
    assert.deepEqual(b.sent(), ['delete service'], 'what nobody has named is forgotten with the connection');
  });

  test('that has stored its own Node, or what it was answered, differs in nothing', () => {
    const b = bench();
    settle(b);
    b.connectOurs([]);
    b.want({ uid: 'answered', hash: 'h' });
    b.tell({ uid: 'n1', name: 'edge-a', type: 'node', hash: 'own' }, { uid: 'answered', hash: 'h' });
    assert.deepEqual(b.sent(), [], 'nor is the Node deleted before its controller has heard of it');
    assert.ok(!b.log.some((line) => line.startsWith('store-differs')));
    b.want({ uid: 'n1', name: 'edge-a', type: 'node', hash: 'as written' });
    assert.deepEqual(b.ackAll(), ['update edge-a']);
  });

  test('whose Node was named meanwhile gets it only where it is another one', () => {
    for (const [hash, sent] of [
      ['h', []],
      ['older', ['update edge-a']],
    ] as const) {
      const b = bench();
      b.connectOurs([]);
      b.want({ uid: 'n1', name: 'edge-a', type: 'node', hash: 'h' });
      b.tell({ uid: 'n1', name: 'edge-a', type: 'node', hash });
      assert.deepEqual(b.ackAll(), sent);
      assert.ok(!b.log.some((line) => line.startsWith('store-differs')));
    }
  });
});

describe('an edge that stays connected, every reconcile period', () => {
  test('is asked again: what was changed or removed there by somebody else is put right', () => {
    const b = bench();
    settle(b);
    b.connectOurs([]);
    b.tell();
    for (const uid of ['lost', 'old', 'fine']) b.want({ uid, version: '2' });
    b.ackAll();
    b.apply({ type: 'reconcile' });
    assert.equal(
      b.tell({ uid: 'lost', version: '2' }, { uid: 'old', version: '2' }, { uid: 'fine', version: '2' }),
      'same',
    );
    assert.deepEqual(b.sent(), []);
    b.apply({ type: 'reconcile' });
    b.tell({ uid: 'old', version: '1' }, { uid: 'fine', version: '2' }, { uid: 'put there' });
    assert.deepEqual(b.ackAll().sort(), ['delete put there', 'insert lost', 'update old']);
    assert.ok(b.log.includes('store-differs 1 missing, 1 changed, 1 unknown'));
  });

  test('gets what is wanted meanwhile after its answer', () => {
    const b = bench();
    b.connectOurs([]);
    b.tell();
    b.apply({ type: 'reconcile' });
    b.want({});
    assert.deepEqual(b.sent(), []);
    b.tell();
    assert.deepEqual(b.sent(), ['insert u1']);
  });

  test('is not asked while it is asked, away, has something to confirm, or gave no answer', () => {
    const b = bench();
    const asked = (): boolean => {
      b.apply({ type: 'reconcile' });
      return b.open() > 0;
    };
    assert.ok(!asked(), 'away');
    b.connectOurs([]);
    b.apply({ type: 'reconcile' });
    assert.equal(b.open(), 1, 'asked already');
    b.tell();
    b.want({});
    assert.ok(!asked(), 'a message is not confirmed');
    b.ackAll();
    assert.ok(asked());
    b.silence();
    assert.ok(!asked(), 'it did not answer');
    b.apply({ type: 'disconnected' });
    b.connect([], 's1');
    assert.ok(!asked(), 'it cannot tell');
  });

  test('has what it changed by an answer before its controller says the same: no difference', () => {
    const b = bench();
    b.connectOurs([]);
    b.tell();
    b.want({ version: '1' });
    b.ackAll();
    b.apply({ type: 'reconcile' });
    b.want({ version: '2' });
    b.tell({ version: '2' });
    assert.deepEqual(b.sent(), []);
    assert.ok(!b.log.some((line) => line.startsWith('store-differs')));
  });

  test('cannot fill the memory by another list each time', () => {
    const b = bench();
    b.connectOurs([]);
    for (let round = 0; round < 3; round++) {
      b.tell(...Array.from({ length: 50 }, (_, index) => ({ uid: `invented-${round}-${index}` })));
      assert.equal(b.queue.size, 50);
      b.apply({ type: 'reconcile' });
    }
  });
});
