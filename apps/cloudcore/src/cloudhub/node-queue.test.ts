import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { wish } from './testing/hub-bed.ts';
import { bench, record } from './testing/queue-bench.ts';

describe('one object', () => {
  test('changes while it is in flight become one message, of the newest', () => {
    const b = bench();
    b.connect([]);
    b.want({ version: '1' });
    for (const version of ['2', '3', '4']) b.want({ version });
    const first = b.next();
    assert.deepEqual(b.sent(), []);
    b.apply({ type: 'acked', id: first.id });
    assert.equal(b.last().resourceVersion, '4');
    assert.deepEqual(b.ackAll(), ['update u1']);
  });

  test('unwanted before it was ever sent, it leaves nothing behind', () => {
    const b = bench();
    b.held.value = true;
    b.connect([]);
    b.want({});
    b.unwant('u1');
    b.held.value = false;
    b.apply({ type: 'record-created', uid: 'u1' });
    assert.deepEqual([b.sent(), b.log, b.queue.empty], [[], ['create-record u1', 'delete-record u1'], true]);
  });

  test('unwanted while it is in flight, its delete waits for the ack', () => {
    const b = bench();
    b.connect([]);
    b.want({});
    b.unwant('u1');
    assert.deepEqual(b.ackAll(), ['insert u1', 'delete u1']);
    assert.equal(b.queue.empty, true);
  });

  test('unwanted and wanted again while its delete is in flight, it is inserted after the ack', () => {
    const b = bench();
    b.connect([]);
    b.want({});
    b.ackAll();
    b.unwant('u1');
    b.want({});
    assert.deepEqual(b.ackAll(), ['delete u1', 'insert u1']);
  });

  test('before a delete goes out the record claims nothing any more: the same object may come back', () => {
    const b = bench();
    b.connect([]);
    b.want({});
    b.ackAll();
    b.held.value = true;
    b.unwant('u1');
    assert.deepEqual([b.sent(), b.log.at(-1)], [[], 'reset-record u1']);
    b.apply({ type: 'record-reset', uid: 'u1' });
    assert.deepEqual(b.sent(), ['delete u1']);
  });

  test('a pod that is being deleted travels as an update even when it is new; its end is a delete', () => {
    const b = bench();
    b.connect([]);
    b.want({ type: 'pod', deleting: true });
    assert.deepEqual(b.ackAll(), ['update u1']);
    b.unwant('u1');
    assert.deepEqual(b.ackAll(), ['delete u1']);
  });

  test('secrets are updates from the first time, others inserts', () => {
    const b = bench();
    b.connect([]);
    b.want({ type: 'secret', uid: 's' });
    b.want({ type: 'configmap', uid: 'c' });
    assert.deepEqual(b.ackAll(), ['update s', 'insert c']);
  });

  test('a record of another cluster proves nothing: inserted again, and noted even for the same version', () => {
    const b = bench();
    b.want({ version: '5' });
    b.connect([{ ...record({ version: '5' }), cluster: 'another' }]);
    assert.deepEqual(b.ackAll(), ['insert u1']);
    assert.equal(b.log.at(-1), 'advance-record u1');
  });

  test('a record of another edge store proves nothing towards an edge that names its own (M15)', () => {
    const b = bench();
    b.want({ uid: 'lost' });
    b.want({ uid: 'kept' });
    b.connect([record({ uid: 'lost', store: 'before' }), record({ uid: 'kept', store: 's1' })], 's1');
    assert.deepEqual(b.ackAll(), ['insert lost']);
    b.apply({ type: 'disconnected' });
    b.connect(undefined, 'another');
    assert.deepEqual(b.ackAll().sort(), ['insert kept', 'insert lost']);
  });

  test('a record without confirmation means insert again, one with another version update', () => {
    const b = bench();
    b.want({ uid: 'maybe', version: '5' });
    b.want({ uid: 'older', version: '5' });
    b.want({ uid: 'equal', version: '5' });
    b.connect([
      record({ uid: 'maybe', version: '0' }),
      record({ uid: 'older', version: '4' }),
      record({ uid: 'equal', version: '5' }),
    ]);
    assert.deepEqual(b.ackAll(), ['insert maybe', 'update older']);
  });

  test('a device is not judged by its version, since it is merged with its model', () => {
    const b = bench();
    b.want({ type: 'device', version: '5' });
    b.connect([record({ type: 'device', version: '5' })]);
    assert.deepEqual(b.ackAll(), ['update u1']);
  });

  test('a content that is gone is not sent, blocks nobody, and is asked for again', () => {
    const b = bench();
    let there = false;
    const content = () =>
      there ? { metadata: { name: 'late', uid: 'late', resourceVersion: '1' } } : undefined;
    b.connect([]);
    b.want({ uid: 'late', content });
    b.want({ type: 'pod', uid: 'p' });
    assert.deepEqual(b.ackAll(), ['insert p']);
    there = true;
    b.apply({ type: 'timer' });
    assert.deepEqual(b.ackAll(), ['insert late']);
  });

  test('a content that is not at hand is asked for again even when an ack stopped the timer', () => {
    const b = bench();
    b.connect([]);
    b.want({ uid: 'other' });
    b.want({ uid: 'absent', content: () => undefined });
    b.ackAll();
    const timers = b.log.filter((line) => line.endsWith('-timer') || line.startsWith('set-timer'));
    assert.equal(timers.at(-1), 'set-timer 5000');
  });

  test('a content whose name belongs to another object by now is not sent', () => {
    const b = bench();
    b.connect([]);
    b.want({ content: () => ({ metadata: { name: 'u1', uid: 'successor' } }) });
    assert.deepEqual(b.sent(), []);
  });

  test('a content newer than the hash is sent again unless the next version is the one that was sent', () => {
    const b = bench();
    const newer = () => ({ metadata: { name: 'u1', uid: 'u1', resourceVersion: '2' } });
    b.held.value = true;
    b.connect([]);
    b.want({ version: '1', content: newer });
    b.apply({ type: 'record-created', uid: 'u1' });
    b.want({ version: '2', hash: 'h2', content: newer });
    assert.deepEqual(b.ackAll(), ['insert u1']);
  });

  test('a content that always differs from what was asked for is not sent over and over', () => {
    const b = bench();
    b.connect([]);
    b.want({ content: () => ({ metadata: { name: 'u1', uid: 'u1', resourceVersion: '99' } }) });
    assert.deepEqual(b.ackAll(), ['insert u1']);
    b.apply({ type: 'timer' });
    assert.deepEqual(b.sent(), ['update u1']);
  });

  test('what is sent is hashed where its controller says how: a model that changed meanwhile is seen', () => {
    const b = bench();
    const device = (hash: string): void =>
      b.apply({
        type: 'want',
        object: { ...wish({ type: 'device', hash }), hashOf: () => 'with new model' },
      });
    b.connect([]);
    device('with old model');
    assert.deepEqual(b.ackAll(), ['insert u1']);
    device('with new model');
    assert.deepEqual(b.sent(), []);
    device('with old model');
    assert.deepEqual(b.sent(), ['update u1']);
  });

  test('a record somebody deleted is created again while the edge has the object', () => {
    const b = bench();
    b.connect([]);
    b.want({});
    b.ackAll();
    b.log.length = 0;
    b.apply({ type: 'record-gone', uid: 'u1' });
    assert.deepEqual(b.log, ['create-record u1', 'advance-record u1']);
  });
});

describe('objects of one key', () => {
  test('the delete of the old UID is acked before the insert of the new one is sent (M13)', () => {
    const b = bench();
    b.connect([]);
    b.want({ type: 'pod', uid: 'old', name: 'web-0' });
    b.ackAll();
    b.want({ type: 'pod', uid: 'new', name: 'web-0' });
    const removal = b.next();
    assert.equal(removal.operation, 'delete');
    assert.deepEqual(b.sent(), [], 'the new one waits');
    b.apply({ type: 'acked', id: removal.id });
    assert.deepEqual(b.ackAll(), ['insert web-0']);
    assert.equal(b.queue.size, 1);
  });

  test('a new UID needs no delete of an old one that never went out', () => {
    const b = bench();
    b.want({ uid: 'old', name: 'x' });
    b.want({ uid: 'new', name: 'x' });
    b.connect([]);
    assert.deepEqual([b.ackAll(), b.queue.size], [['insert x'], 1]);
  });

  test('an old record whose successor the edge has confirmed: both are settled, the old record goes last', () => {
    const b = bench();
    b.want({ uid: 'new', name: 'x', version: '5' });
    b.connect([
      record({ uid: 'old', name: 'x', version: '3' }),
      record({ uid: 'new', name: 'x', version: '5' }),
    ]);
    const removal = b.next();
    assert.deepEqual(removal.object.uid, 'old');
    b.apply({ type: 'acked', id: removal.id });
    assert.equal(b.log.includes('delete-record old'), false, 'the delete may have removed the new one');
    assert.deepEqual(b.ackAll(), ['insert x']);
    assert.equal(b.log.includes('delete-record old'), true);
  });
});

describe('objects of one node', () => {
  test('causes before effects: a pod waits for the configmap wanted before it, not for the one wanted after it', () => {
    const b = bench();
    b.connect([]);
    b.want({ type: 'configmap', uid: 'before' });
    b.want({ type: 'pod', uid: 'pod' });
    b.want({ type: 'configmap', uid: 'after' });
    const first = b.next();
    assert.deepEqual(b.sent(), ['insert after']);
    b.apply({ type: 'acked', id: first.id });
    assert.deepEqual(b.sent(), ['insert pod']);
  });

  test('models before devices before pods', () => {
    const b = bench();
    b.connect([]);
    b.held.value = true;
    const types = ['devicemodel', 'configmap', 'device', 'pod'] as const;
    for (const type of types) b.want({ type, uid: type });
    b.held.value = false;
    for (const type of types.toReversed()) b.apply({ type: 'record-created', uid: type });
    assert.deepEqual(b.ackAll(), ['insert devicemodel', 'insert configmap', 'insert device', 'insert pod']);
  });

  test('a configmap that changes again while in flight does not hold up the pod wanted before the change', () => {
    const b = bench();
    b.connect([]);
    b.want({ type: 'configmap', uid: 'c', version: '1' });
    b.want({ type: 'pod', uid: 'p' });
    b.want({ type: 'configmap', uid: 'c', version: '2' });
    b.apply({ type: 'acked', id: b.next().id });
    assert.deepEqual(b.sent(), ['update c', 'insert p']);
  });

  test('at most a window of them is in flight', () => {
    const b = bench({ window: 3 });
    b.connect([]);
    for (let i = 0; i < 10; i++) b.want({ uid: `u${i}` });
    assert.equal(b.queue.inFlight, 3);
    b.apply({ type: 'acked', id: b.next().id });
    assert.equal(b.queue.inFlight, 3);
    assert.equal(b.sent().length, 3, 'two that are not acked, and one more');
  });

  test('deletes wait for nobody', () => {
    const b = bench();
    b.connect([]);
    b.want({ type: 'pod', uid: 'p' });
    b.ackAll();
    b.want({ type: 'configmap', uid: 'c' });
    b.unwant('p');
    assert.deepEqual(b.sent(), ['insert c', 'delete p']);
  });

  test('a record that cannot be created blocks only its object and what came after it', () => {
    const b = bench();
    b.held.value = true;
    b.connect([]);
    b.want({ type: 'configmap', uid: 'stuck' });
    b.want({ type: 'configmap', uid: 'fine' });
    b.apply({ type: 'record-created', uid: 'fine' });
    assert.deepEqual(b.sent(), ['insert fine']);
    b.apply({ type: 'record-refused', uid: 'stuck' });
    assert.deepEqual(b.sent(), ['insert stuck']);
  });
});

test('the hash is noted after a quiet time, and taken back before anything else is sent', () => {
  const b = bench();
  b.connect([]);
  b.want({ version: '1' });
  b.ackAll();
  b.apply({ type: 'quiet', uid: 'u1' });
  assert.equal(b.log.at(-1), 'seal-record u1');
  b.log.length = 0;
  b.want({ version: '2', hash: 'h1' });
  assert.deepEqual([b.log, b.sent()], [[], []], 'a change of the version alone costs no write');
  b.held.value = true;
  b.want({ version: '3' });
  assert.deepEqual([b.log, b.sent()], [['reset-record u1'], []]);
  b.apply({ type: 'record-reset', uid: 'u1' });
  assert.deepEqual(b.sent(), ['update u1']);
});

test('10,000 objects of one node are delivered in well under a second', () => {
  const b = bench();
  const startedAt = performance.now();
  b.connect([]);
  for (let i = 0; i < 10_000; i++) b.want({ type: i % 2 ? 'pod' : 'configmap', uid: `u${i}` });
  assert.equal(b.ackAll().length, 10_000);
  assert.ok(performance.now() - startedAt < 2_000);
});

describe('services that nobody wants', () => {
  const ours = record({ type: 'service', uid: 'u1' });
  const theirs = { ...ours, cluster: undefined };

  test('go when their record is ours', () => {
    const b = bench();
    b.connect([ours]);
    b.apply({ type: 'settled', source: 'edgecontroller' });
    assert.deepEqual(b.ackAll(), ['delete u1']);
    assert.equal(b.queue.empty, true);
  });

  test('stay when an upstream cloudcore sent them, for whoever watches them there, until they were ours', () => {
    const b = bench();
    b.connect([theirs, { ...record({ uid: 'u2' }), cluster: undefined }]);
    b.apply({ type: 'settled', source: 'edgecontroller' });
    assert.deepEqual(b.ackAll(), ['delete u2'], 'a configmap goes all the same');
    b.want({ type: 'service', uid: 'u1', version: '2' });
    assert.deepEqual(b.ackAll(), ['update u1']);
    b.unwant('u1');
    assert.deepEqual(b.ackAll(), ['delete u1']);
  });
});
