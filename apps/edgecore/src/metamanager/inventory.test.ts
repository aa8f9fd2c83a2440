import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  contentHash,
  decodeInventory,
  INVENTORY_RESOURCE,
  inventoryDigest,
  type Message,
  type StoredObject,
} from '@kubeedge-ts/apis';
import { storeErrors } from '@kubeedge-ts/errors';
import type { Store } from '@kubeedge-ts/store';
import { until } from '../edgehub/testing/manual-clock.ts';
import { type Rig, withMetaManager } from './testing/rig.ts';

const TYPES = ['pod', 'configmap', 'node'];
const object = (kind: string, name: string, uid: string, extra: object = {}) => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'shop', uid, resourceVersion: '1' },
  ...extra,
});
const pod = object('Pod', 'till', 'u-pod', { spec: { nodeName: 'edge' }, status: { phase: 'Pending' } });
const config = object('ConfigMap', 'conf', 'u-conf', { data: { mode: 'cash' } });

/** Asks as cloudcore does, and waits for the answer. */
async function ask(rig: Rig, request: object = { types: TYPES }): Promise<Message> {
  const question = await rig.hub.down('query', INVENTORY_RESOURCE, request, 'cloudhub');
  const find = () => rig.hub.sent.find(({ header }) => header.parent_msg_id === question.header.msg_id);
  await until(() => find() !== undefined, 'an inventory');
  return find() as Message;
}

async function inventory(rig: Rig, request?: object): Promise<readonly StoredObject[]> {
  const answer = decodeInventory((await ask(rig, request)).content);
  assert.ok(Array.isArray(answer), `a list, not ${answer}`);
  return [...answer].sort((a, b) => (a.key < b.key ? -1 : 1));
}

const held = (key: string, type: string, content: Parameters<typeof contentHash>[1]): StoredObject => ({
  key,
  uid: content.metadata.uid ?? '',
  hash: contentHash(type, content),
});
const insert = (key: string | null, type: string, value: string) => ({
  sql: 'INSERT OR REPLACE INTO meta (key, type, value) VALUES (?, ?, ?)',
  params: [key, type, value],
});

describe('inventory', () => {
  test('names what is stored, with the hash of what the cloud has sent', () =>
    withMetaManager(async (rig) => {
      await rig.hub.down('insert', 'shop/pod/till', pod);
      await rig.hub.down('insert', 'shop/configmap/conf', config);
      await rig.hub.down(
        'insert',
        'shop/service/till',
        object('Service', 'till', 'u-service'),
        'dynamiccontroller',
      );
      const expected = [held('shop/configmap/conf', 'configmap', config), held('shop/pod/till', 'pod', pod)];
      assert.deepEqual(await inventory(rig), expected);
      const digest = inventoryDigest(expected);
      assert.deepEqual((await ask(rig, { types: TYPES, digest })).content, { same: true });
      const [first] = await inventory(rig, { types: ['pod'], digest });
      assert.equal(first?.key, 'shop/pod/till');
    }));

  test('contains every message that came before the question, also those not stored yet', () =>
    withMetaManager(async (rig) => {
      for (let i = 0; i < 100; i++) {
        await rig.hub.down('update', 'shop/configmap/conf', { ...config, data: { mode: String(i) } });
      }
      await rig.hub.down('delete', 'shop/pod/till', pod);
      const last = { ...config, data: { mode: '99' } };
      assert.deepEqual(await inventory(rig), [held('shop/configmap/conf', 'configmap', last)]);
    }));

  test('a status changes nothing, a row changed behind our back does', () =>
    withMetaManager(async (rig) => {
      await rig.hub.down('insert', 'shop/pod/till', pod);
      const [before] = await inventory(rig);
      const change = (path: string, value: string) =>
        rig.store.write([
          {
            sql: `UPDATE meta SET value = json_set(value, '${path}', json(?)) WHERE key = 'shop/pod/till'`,
            params: [value],
          },
        ]);
      await change('$.status', '{"phase":"Running"}');
      assert.deepEqual(await inventory(rig), [before]);
      await change('$.spec.nodeName', '"another"');
      const [after] = await inventory(rig);
      assert.notEqual(after?.hash, before?.hash);
    }));

  test('a row that is replaced, renamed or removed is not answered from memory', () =>
    withMetaManager(async (rig) => {
      await rig.store.write([insert('shop/configmap/conf', 'configmap', JSON.stringify(config))]);
      await inventory(rig);
      const other = { ...config, data: { mode: 'card' } };
      await rig.store.write([insert('shop/configmap/conf', 'configmap', JSON.stringify(other))]);
      assert.deepEqual(await inventory(rig), [held('shop/configmap/conf', 'configmap', other)]);
      await rig.store.write([{ sql: "UPDATE meta SET key = 'shop/configmap/renamed'" }]);
      assert.deepEqual(await inventory(rig), [], 'an object under the name of another is none');
      await rig.store.write([insert('shop/configmap/conf', 'configmap', JSON.stringify(config))]);
      await rig.store.write([{ sql: "DELETE FROM meta WHERE key = 'shop/configmap/conf'" }]);
      assert.deepEqual(await inventory(rig), []);
    }));

  test('damaged rows count as absent, whatever they hold', () =>
    withMetaManager(async (rig) => {
      const values = [
        '',
        'null',
        '[]',
        '7',
        '{',
        '{"metadata":null}',
        '{"metadata":{"name":"x","uid":7}}',
        '{"metadata":{"name":"x"}}',
      ];
      await rig.store.write(values.map((value, index) => insert(`shop/pod/x${index || ''}`, 'pod', value)));
      await rig.store.write([
        insert(null, 'pod', JSON.stringify(pod)),
        insert('shop/pod/till', 'pod', JSON.stringify(pod)),
      ]);
      assert.deepEqual(await inventory(rig), [held('shop/pod/till', 'pod', pod)]);
    }));

  test('after the first time only what changed is read again', async () => {
    const read: string[] = [];
    const wrap = (store: Store): Store => ({
      ...store,
      get epoch() {
        return store.epoch;
      },
      async read(statement) {
        const rows = await store.read(statement);
        for (const row of rows) if (statement.sql.includes('meta.value')) read.push(String(row['key']));
        return rows;
      },
    });
    await withMetaManager(
      async (rig) => {
        const many = Array.from({ length: 100 }, (_, index) => object('ConfigMap', `c${index}`, `u${index}`));
        for (const one of many) await rig.hub.down('insert', `shop/configmap/${one.metadata.name}`, one);
        assert.equal((await inventory(rig)).length, 100);
        assert.equal(read.length, 100);
        read.length = 0;
        await rig.hub.down('update', 'shop/configmap/c7', { ...many[7], data: { a: 'b' } });
        assert.equal((await inventory(rig)).length, 100);
        assert.deepEqual(read, ['shop/configmap/c7']);
      },
      { wrap },
    );
  });

  test('two questions at once get the same answer', () =>
    withMetaManager(async (rig) => {
      for (let i = 0; i < 40; i++) {
        await rig.hub.down('insert', `shop/configmap/c${i}`, object('ConfigMap', `c${i}`, `u${i}`));
      }
      const [one, two] = await Promise.all([inventory(rig), inventory(rig)]);
      assert.equal(one.length, 40);
      assert.deepEqual(one, two);
    }));

  test('that cannot be read is answered with the error, and the next question is heard', async () => {
    let broken = true;
    const wrap = (store: Store): Store => ({
      ...store,
      get epoch() {
        return store.epoch;
      },
      read: (statement) =>
        broken && statement.sql.includes('meta.value')
          ? Promise.reject(storeErrors.create('STORE_FAILED', { path: '/db', problem: 'flash is gone' }))
          : store.read(statement),
    });
    await withMetaManager(
      async (rig) => {
        await rig.hub.down('insert', 'shop/pod/till', pod);
        const refused = await ask(rig);
        assert.equal(refused.route.operation, 'error');
        assert.match(String(refused.content), /flash is gone/);
        broken = false;
        assert.deepEqual(await inventory(rig), [held('shop/pod/till', 'pod', pod)]);
      },
      { wrap },
    );
  });

  for (const content of [null, [], {}, { types: 'pod' }, { types: [7] }, { types: ['pod'], digest: 7 }]) {
    test(`a question that is none is refused: ${JSON.stringify(content)}`, () =>
      withMetaManager(async (rig) => {
        await rig.hub.down('query', INVENTORY_RESOURCE, content, 'cloudhub');
        assert.deepEqual(await inventory(rig), []);
      }));
  }
});
