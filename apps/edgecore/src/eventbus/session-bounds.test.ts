import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@kubeedge-ts/runtime';
import { boundSessions, createSessionLimit, type SessionMemory } from './session-bounds.ts';

function memory() {
  const queues = new Map<string, number>();
  const retained = new Set<string>();
  const plain: SessionMemory = {
    async storeRetained({ topic = '', payload }) {
      if (payload?.length) retained.add(topic);
      else retained.delete(topic);
    },
    async outgoingEnqueue({ clientId }) {
      queues.set(clientId, (queues.get(clientId) ?? 0) + 1);
    },
    async outgoingEnqueueCombi(subscriptions, packet) {
      for (const one of subscriptions) await plain.outgoingEnqueue(one, packet);
    },
    async outgoingClearMessageId({ id }, packet) {
      const count = queues.get(id) ?? 0;
      if (count === 0) return undefined;
      queues.set(id, count - 1);
      return packet;
    },
  };
  const enqueue = plain.outgoingEnqueue;
  const bounded: SessionMemory = {
    ...plain,
    async outgoingEnqueueCombi(subscriptions, packet) {
      for (const one of subscriptions) await enqueue(one, packet);
    },
  };
  boundSessions(bounded, 3, silentLogger);
  return { bounded, queues, retained };
}

test('a session keeps as many messages as configured, and takes more when the client has taken some', async () => {
  const { bounded, queues } = memory();
  const [away, other] = [{ clientId: 'away' }, { clientId: 'other' }];
  for (let i = 0; i < 10; i++) await bounded.outgoingEnqueueCombi([away], {});
  await bounded.outgoingEnqueueCombi([away, other], {});
  assert.deepEqual(
    [...queues],
    [
      ['away', 3],
      ['other', 1],
    ],
  );
  for (let i = 0; i < 5; i++) await bounded.outgoingClearMessageId({ id: 'away' }, {});
  for (let i = 0; i < 10; i++) await bounded.outgoingEnqueue(away, {});
  assert.equal(queues.get('away'), 3);
});

test('retained messages are bounded in number and size, replaced and cleared', async () => {
  const { bounded, retained } = memory();
  for (let i = 0; i < 4096; i++) await bounded.storeRetained({ topic: `t${i}`, payload: { length: 1 } });
  await assert.rejects(bounded.storeRetained({ topic: 'more', payload: { length: 1 } }), {
    code: 'EVENTBUS_RETAINED_FULL',
  });
  await bounded.storeRetained({ topic: 't1', payload: { length: 2 } });
  await bounded.storeRetained({ topic: 't0', payload: { length: 0 } });
  await bounded.storeRetained({ topic: 'more', payload: { length: 1 } });
  await assert.rejects(bounded.storeRetained({ topic: 'more', payload: { length: 9_000_000 } }), {
    code: 'EVENTBUS_RETAINED_FULL',
  });
  assert.equal(retained.size, 4096);
});

test('only so many clients get a session that outlives their connection', () => {
  const clean = createSessionLimit();
  for (let i = 0; i < 256; i++) assert.equal(clean(`c${i}`, false), false);
  assert.equal(clean('one more', false), true);
  assert.equal(clean('c1', false), false);
  assert.equal(clean('c0', true), true);
  assert.equal(clean('one more', false), false);
});
