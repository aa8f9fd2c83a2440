import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Event, Message } from '@kubeedge-ts/apis';
import { storeErrors } from '@kubeedge-ts/errors';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createManualClock, until } from '../edgehub/testing/manual-clock.ts';
import { createEventOutbox } from './event-outbox.ts';
import type { EventOutcome } from './event-sender.ts';
import { OUR_CLOUD, type Rig, withMetaManager } from './testing/rig.ts';

const event = (name: string, count = 1): Event =>
  ({
    metadata: { name, namespace: 'shop' },
    involvedObject: { kind: 'Pod', namespace: 'shop', name: 'till' },
    reason: 'Started',
    count,
  }) as Event;

const isEvent = ({ route }: Message): boolean => route.resource?.includes('/event/') === true;
const sentEvents = ({ hub }: Rig): string[] =>
  hub.sent
    .filter(isEvent)
    .map(({ route, content }) => `${route.operation} ${route.resource} ${(content as Event).count}`);
const connect = async (rig: Rig): Promise<void> => {
  await rig.hub.connect(true);
  await until(() => rig.meta.client.connected);
};
const waitingRows = (rig: Rig) => rig.rows("SELECT * FROM outbox WHERE kind = 'event'");
const drained = (rig: Rig) =>
  until(async () => {
    rig.clock.advance(1_000);
    return (await waitingRows(rig)).length === 0;
  }, 'an empty outbox');
const refused = (reason: string) => ({ ErrStatus: { reason, message: `it is ${reason}` } });

const ours = { cloudHeaders: OUR_CLOUD };

describe('events', () => {
  test('reach our cloud one after the other, in order, and leave the store when they were answered', () =>
    withMetaManager(async (rig) => {
      rig.hub.answer = (message) => (isEvent(message) ? 'OK' : undefined);
      for (const name of ['a', 'b', 'c']) await rig.meta.client.reportEvent(event(name));
      assert.equal((await waitingRows(rig)).length, 3, 'durable before the cloud is there');
      await connect(rig);
      await drained(rig);
      assert.deepEqual(sentEvents(rig), [
        'insert shop/event/a 1',
        'insert shop/event/b 1',
        'insert shop/event/c 1',
      ]);
    }, ours));

  test('have the source, group and content of an upstream edge', () =>
    withMetaManager(async (rig) => {
      await connect(rig);
      await rig.meta.client.reportEvent(event('a'));
      await until(() => rig.hub.sent.length > 0);
      const [message] = rig.hub.sent;
      assert.deepEqual(message?.route, {
        source: 'edged',
        group: 'meta',
        operation: 'insert',
        resource: 'shop/event/a',
      });
      assert.deepEqual(message?.content, event('a'));
    }));

  test('to an upstream cloud are kept until it has proved that it received them', () => {
    const proof = Promise.withResolvers<void>();
    const sent: Message[][] = [];
    return withMetaManager(
      async (rig) => {
        for (const name of ['a', 'b', 'c']) await rig.meta.client.reportEvent(event(name));
        await connect(rig);
        await until(() => sent.length === 1);
        assert.deepEqual(
          sent[0]?.map(({ route }) => route.resource),
          ['shop/event/a', 'shop/event/b', 'shop/event/c'],
        );
        assert.equal((await waitingRows(rig)).length, 3);
        proof.resolve();
        await drained(rig);
      },
      {
        deliver: async (messages) => {
          sent.push([...messages]);
          await proof.promise;
        },
      },
    );
  });

  test('counted up while they wait replace what waits, and follow it once that may have been sent', () =>
    withMetaManager(async (rig) => {
      await rig.meta.client.reportEvent(event('a'));
      await rig.meta.client.reportEvent(event('b'));
      await rig.meta.client.reportEvent(event('a', 2));
      await connect(rig);
      await until(() => sentEvents(rig).length === 1);
      await rig.meta.client.reportEvent(event('a', 3));
      await rig.meta.client.reportEvent(event('a', 4));
      rig.hub.answer = (message) => (isEvent(message) ? 'OK' : undefined);
      await rig.hub.connect(false);
      await connect(rig);
      await drained(rig);
      assert.deepEqual(sentEvents(rig), [
        'insert shop/event/a 2',
        'insert shop/event/a 2',
        'insert shop/event/b 1',
        'update shop/event/a 4',
      ]);
    }, ours));

  test('of which the first was never handed on are inserted, whatever they count', () =>
    withMetaManager(async (rig) => {
      rig.hub.answer = (message) => (isEvent(message) ? 'OK' : undefined);
      await connect(rig);
      await rig.meta.client.reportEvent(event('a', 26));
      await drained(rig);
      assert.deepEqual(sentEvents(rig), ['insert shop/event/a 26']);
    }, ours));

  test('that are there already count as told', () =>
    withMetaManager(async (rig) => {
      rig.hub.answer = (message) => (isEvent(message) ? refused('AlreadyExists') : undefined);
      await connect(rig);
      await rig.meta.client.reportEvent(event('a'));
      await drained(rig);
      assert.equal(sentEvents(rig).length, 1);
      assert.equal(rig.meta.eventCounters.refused, 0);
    }, ours));

  for (const reason of ['Forbidden', 'NotFound', 'Invalid']) {
    test(`that are ${reason} end there, those behind them do not`, () =>
      withMetaManager(async (rig) => {
        rig.hub.answer = (message) =>
          isEvent(message) ? (message.route.resource === 'shop/event/a' ? refused(reason) : 'OK') : undefined;
        await connect(rig);
        for (const name of ['a', 'b']) await rig.meta.client.reportEvent(event(name));
        await drained(rig);
        assert.deepEqual(sentEvents(rig), ['insert shop/event/a 1', 'insert shop/event/b 1']);
        assert.equal(rig.meta.eventCounters.refused, 1);
      }, ours));
  }

  test('wait, in order, while the API is not available, however long', () =>
    withMetaManager(async (rig) => {
      rig.hub.answer = (message) => (isEvent(message) ? refused('ServiceUnavailable') : undefined);
      await connect(rig);
      for (const name of ['a', 'b']) await rig.meta.client.reportEvent(event(name));
      await until(() => {
        rig.clock.advance(60_000);
        return sentEvents(rig).length > 20;
      });
      assert.ok(sentEvents(rig).every((sent) => sent === 'insert shop/event/a 1'));
      rig.hub.answer = (message) => (isEvent(message) ? 'OK' : undefined);
      await until(() => {
        rig.clock.advance(60_000);
        return sentEvents(rig).at(-1) === 'insert shop/event/b 1';
      });
      await drained(rig);
      assert.equal(rig.meta.eventCounters.refused, 0);
    }, ours));

  test('that the API fails on by themselves hold up the others for a while only', () =>
    withMetaManager(async (rig) => {
      rig.hub.answer = (message) =>
        isEvent(message)
          ? message.route.resource === 'shop/event/a'
            ? refused('InternalError')
            : 'OK'
          : undefined;
      await connect(rig);
      for (const name of ['a', 'b']) await rig.meta.client.reportEvent(event(name));
      await until(() => {
        rig.clock.advance(60_000);
        return sentEvents(rig).at(-1) === 'insert shop/event/b 1';
      });
      assert.equal(rig.meta.eventCounters.refused, 1);
    }, ours));

  test('of an earlier run go first, and may have been received by then', () =>
    withMetaManager(async (first) => {
      for (const name of ['a', 'b']) await first.meta.client.reportEvent(event(name));
      const rig = await first.restart();
      rig.hub.answer = (message) => (isEvent(message) ? 'OK' : undefined);
      await rig.meta.client.reportEvent(event('a', 2));
      await connect(rig);
      await drained(rig);
      assert.deepEqual(sentEvents(rig), [
        'insert shop/event/a 1',
        'insert shop/event/b 1',
        'insert shop/event/a 2',
      ]);
    }, ours));

  test('larger than any API takes are refused', () =>
    withMetaManager(async (rig) => {
      const large = { ...event('a'), message: 'x'.repeat(70_000) };
      await assert.rejects(rig.meta.client.reportEvent(large), { code: 'EDGE_SEND_REFUSED' });
      assert.deepEqual(await waitingRows(rig), []);
    }));

  test('are told also when the disk is full, and the caller hears of it', () => {
    let full = false;
    return withMetaManager(
      async (rig) => {
        rig.hub.answer = (message) => (isEvent(message) ? 'OK' : undefined);
        await connect(rig);
        full = true;
        await assert.rejects(rig.meta.client.reportEvent(event('a')), { code: 'STORE_FULL' });
        await until(() => sentEvents(rig).length === 1);
      },
      {
        ...ours,
        wrap: (store) => ({
          ...store,
          write: (statements) =>
            full
              ? Promise.reject(storeErrors.create('STORE_FULL', { path: 'edgecore.db' }))
              : store.write(statements),
        }),
      },
    );
  });

  test('too many of them: the oldest go, counted, in store and memory', async () => {
    const written: string[] = [];
    const sent: string[] = [];
    const gate = Promise.withResolvers<void>();
    const outbox = createEventOutbox({
      store: {
        read: async () => [],
        write: async (statements) => {
          for (const { sql, params } of statements) written.push(`${sql.slice(0, 6)} ${params?.[0]}`);
          return [];
        },
      },
      sender: {
        batch: 1,
        async send([row]): Promise<EventOutcome> {
          sent.push(row?.name ?? '');
          await gate.promise;
          return { is: 'told' };
        },
      },
      clock: createManualClock(),
      random: seededRandom(1),
      log: silentLogger,
      capacity: 3,
    });
    outbox.setConnected(true);
    for (const name of ['a', 'b', 'c', 'd', 'e']) await outbox.report(event(name));
    assert.equal(outbox.counters.dropped, 2);
    // `a` is being sent and cannot be taken back.
    assert.deepEqual(
      written.filter((statement) => statement.startsWith('DELETE')),
      ['DELETE 2', 'DELETE 3'],
    );
    gate.resolve();
    await until(() => sent.length === 3);
    assert.deepEqual(sent, ['a', 'd', 'e']);
    await outbox.stop();
  });

  test('rows that are none of ours are passed over', () =>
    withMetaManager(async (first) => {
      for (const [index, value] of [
        '',
        'null',
        '[]',
        '{"event":1}',
        '{"operation":"x","event":{}}',
      ].entries()) {
        await first.store.write([
          {
            sql: "INSERT INTO outbox (key, kind, namespace, name, uid, value, seq) VALUES (?, 'event', 'a', 'b', '', ?, ?)",
            params: [`event/${index}`, value, index],
          },
        ]);
      }
      const rig = await first.restart();
      rig.hub.answer = (message) => (isEvent(message) ? 'OK' : undefined);
      await connect(rig);
      await rig.meta.client.reportEvent(event('a'));
      await until(() => sentEvents(rig).length > 0);
      assert.deepEqual(sentEvents(rig), ['insert shop/event/a 1']);
    }, ours));
});
