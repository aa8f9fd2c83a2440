import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Lease, Message, Node } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { until } from '../edgehub/testing/manual-clock.ts';
import { type Rig, withMetaManager } from './testing/rig.ts';
import { errorAnswer, objectAnswer } from './testing/scripted-hub.ts';

const configMap = (resourceVersion: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'app', namespace: 'default', uid: 'c', resourceVersion },
});
const connected = async (rig: Rig): Promise<void> => {
  await rig.hub.connect(true);
  await until(() => rig.meta.client.connected);
};
const operations = ({ hub }: Rig) =>
  hub.sent.map(({ route, content }) => [route.operation, route.resource, content]);

describe('getReferenced', () => {
  test('asks the cloud for what is not stored, stores and acknowledges the answer, and asks no more', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      rig.hub.answer = ({ route }) => (route.operation === 'query' ? configMap('7') : undefined);
      assert.deepEqual(await rig.meta.client.getReferenced('configmap', 'default', 'app'), configMap('7'));
      assert.deepEqual(await rig.meta.client.getReferenced('configmap', 'default', 'app'), configMap('7'));
      assert.deepEqual(operations(rig), [
        ['query', 'default/configmap/app', null],
        ['response', 'default/configmap/app', 'OK'],
      ]);
    }));

  test('serves what is stored while the cloud is away, and says so when there is nothing', () =>
    withMetaManager(async (rig) => {
      await rig.hub.down('insert', 'default/secret/s', { ...configMap('1'), kind: 'Secret' });
      await until(() => rig.told.includes('secret default/s'));
      assert.ok(await rig.meta.client.getReferenced('secret', 'default', 's'));
      await assert.rejects(rig.meta.client.getReferenced('secret', 'default', 'other'), {
        code: 'EDGE_DISCONNECTED',
      });
    }));

  test('an answer that is older than what the cloud has sent meanwhile does not replace it', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      const asked = rig.meta.client.getReferenced('configmap', 'default', 'app');
      await until(() => rig.hub.sent.some(({ route }) => route.operation === 'query'));
      const [question] = rig.hub.sent;
      await rig.hub.down('update', 'default/configmap/app', configMap('10'));
      await until(() => rig.told.includes('configmap default/app'));
      rig.hub.answerTo(question as Message, configMap('9'));
      await asked;
      await until(
        () => rig.hub.sent.filter(({ content }) => content === 'OK').length === 2,
        'both are acked',
      );
      const [row] = await rig.rows("SELECT value FROM meta WHERE key = 'default/configmap/app'");
      assert.deepEqual(JSON.parse(String(row?.['value'])), configMap('10'));
    }));

  for (const [form, reply] of [
    ['{ErrStatus}', { ErrStatus: { reason: 'NotFound', message: 'configmap "app" not found', code: 404 } }],
    ['{Object, Err}', errorAnswer('NotFound', 'not found')],
  ] as const) {
    test(`a not-found answer as ${form} is undefined and is never stored as an object`, () =>
      withMetaManager(async (rig) => {
        await connected(rig);
        rig.hub.answer = ({ route }) => (route.operation === 'query' ? reply : undefined);
        assert.equal(await rig.meta.client.getReferenced('configmap', 'default', 'app'), undefined);
        assert.deepEqual(await rig.rows('SELECT * FROM meta'), []);
      }));
  }

  for (const reply of ['text', 7, [], {}, null, { metadata: null }, { ErrStatus: { reason: 'Forbidden' } }]) {
    test(`the answer ${JSON.stringify(reply)} is a typed error and is not stored`, () =>
      withMetaManager(async (rig) => {
        await connected(rig);
        rig.hub.answer = ({ route }) => (route.operation === 'query' ? reply : undefined);
        const asked = rig.meta.client.getReferenced('configmap', 'default', 'app');
        await assert.rejects(asked, { code: 'EDGE_REMOTE_FAILED' });
        assert.deepEqual(await rig.rows('SELECT * FROM meta'), []);
      }));
  }

  test('many who ask for one object at the same time are one question, and all get its answer', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      let questions = 0;
      const asked = [1, 2, 3].map(() => rig.meta.client.getReferenced('configmap', 'default', 'app'));
      rig.hub.answer = ({ route }) => {
        if (route.operation === 'query') questions += 1;
        return route.operation === 'query' ? configMap('7') : undefined;
      };
      assert.deepEqual(await Promise.all(asked), [configMap('7'), configMap('7'), configMap('7')]);
      assert.equal(questions, 1);
    }));

  test('the object arriving unasked answers the question (an upstream cloud sends only the last of two messages)', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      rig.hub.answer = ({ route }) => {
        if (route.operation === 'query') void rig.hub.down('insert', 'default/configmap/app', configMap('8'));
        return undefined;
      };
      assert.deepEqual(await rig.meta.client.getReferenced('configmap', 'default', 'app'), configMap('8'));
    }));

  test('an answer that arrives after a newer update does not replace it', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      rig.hub.answer = ({ route }) => {
        if (route.operation !== 'query') return undefined;
        void rig.hub.down('update', 'default/configmap/app', configMap('9'));
        return undefined;
      };
      const asked = rig.meta.client.getReferenced('configmap', 'default', 'app');
      await until(() => rig.told.includes('configmap default/app'));
      const query = rig.hub.sent.find((message) => message.route.operation === 'query');
      rig.hub.bus.respond({
        header: { msg_id: 'a', parent_msg_id: query?.header.msg_id ?? '', timestamp: 1 },
        route: { operation: 'response', resource: 'default/configmap/app' },
        content: configMap('7'),
      });
      await asked;
      const [row] = await rig.rows('SELECT value FROM meta');
      assert.deepEqual(JSON.parse(String(row?.['value'])), configMap('9'));
    }));

  test('fails with reason Timeout when the cloud does not answer, and at once when the link ends', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      const slow = rig.meta.client.getReferenced('configmap', 'default', 'app');
      await until(() => rig.hub.sent.length === 1);
      rig.clock.advance(60_000);
      await assert.rejects(slow, (error) => isKubeEdgeError(error) && error.details['reason'] === 'Timeout');
      const cut = rig.meta.client.getReferenced('configmap', 'default', 'app');
      await until(() => rig.hub.sent.length === 2);
      await rig.hub.connect(false);
      await assert.rejects(cut, { code: 'EDGE_DISCONNECTED' });
    }));
});

describe('node and lease', () => {
  const node = { metadata: { name: 'edge-a', labels: { a: 'b' } } } as unknown as Node;

  test('createNode stores what the API answered, with kind and apiVersion', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      rig.hub.answer = ({ route, content }) =>
        route.operation === 'insert' ? objectAnswer(content) : undefined;
      const created = await rig.meta.client.createNode(node);
      assert.deepEqual(created, { ...node, apiVersion: 'v1', kind: 'Node' });
      assert.deepEqual(await rig.meta.client.getNode('edge-a'), created);
      assert.equal(rig.hub.sent[0]?.route.resource, 'null/node/edge-a');
      assert.equal(rig.hub.sent[1]?.content, 'OK');
    }));

  test("the API's refusal is an error with its reason; the answer is acknowledged as recorded", () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      rig.hub.answer = ({ route }) =>
        route.operation === 'insert'
          ? errorAnswer('AlreadyExists', 'nodes "edge-a" already exists')
          : undefined;
      await assert.rejects(rig.meta.client.createNode(node), (error) => {
        assert.ok(isKubeEdgeError(error, 'EDGE_REMOTE_FAILED'));
        assert.equal(error.details['reason'], 'AlreadyExists');
        return true;
      });
      assert.equal(await rig.meta.client.getNode('edge-a'), undefined);
      assert.equal(rig.hub.sent[1]?.content, 'OK');
    }));

  test('a lease is inserted, then updated, and never written to flash', () =>
    withMetaManager(async (rig) => {
      await assert.rejects(rig.meta.client.getLease('edge-a'), { code: 'EDGE_DISCONNECTED' });
      await connected(rig);
      rig.hub.answer = ({ route, content }) => {
        if (route.operation === 'query') return errorAnswer('NotFound', 'no lease');
        if (route.operation === 'response') return undefined;
        const { metadata } = content as Lease;
        return objectAnswer({ ...(content as object), metadata: { ...metadata, resourceVersion: '5' } });
      };
      assert.equal(await rig.meta.client.getLease('edge-a'), undefined);
      const lease = { metadata: { name: 'edge-a', namespace: 'kube-node-lease' }, spec: {} } as Lease;
      const stored = await rig.meta.client.putLease(lease);
      assert.equal(stored.metadata.resourceVersion, '5');
      await rig.meta.client.putLease(stored);
      const asked = rig.hub.sent.filter((message) => message.route.operation !== 'response');
      assert.deepEqual(
        asked.map((message) => message.route.operation),
        ['query', 'insert', 'update'],
      );
      assert.deepEqual(await rig.rows('SELECT * FROM meta'), []);
    }));
});

test('listPods gives every stored pod and passes over rows that are none', () =>
  withMetaManager(async (rig) => {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'default', uid: 'u' } };
    await rig.hub.down('insert', 'default/pod/web', pod);
    await until(() => rig.told.length === 1);
    for (const [key, value] of [
      ['a', 'garbage'],
      ['b', 'null'],
      ['c', '{"metadata":[]}'],
      ['d', '{"__proto__":{},"metadata":{}}'],
    ]) {
      await rig.store.write([
        { sql: 'INSERT INTO meta VALUES (?, ?, ?)', params: [key ?? '', 'pod', value ?? ''] },
      ]);
    }
    assert.deepEqual(await rig.meta.client.listPods(), [pod]);
  }));

test('listPods has the status that was last reported, also after a restart before the cloud was told', () =>
  withMetaManager(async (rig) => {
    const pod = { metadata: { name: 'web', namespace: 'default', uid: 'u' }, status: { phase: 'Pending' } };
    await rig.hub.down('insert', 'default/pod/web', pod);
    await until(() => rig.told.length === 1);
    const status = { phase: 'Running', containerStatuses: [{ name: 'main', ready: true }] };
    const { client } = rig.meta;
    await client.reportPodStatus({ namespace: 'default', name: 'web', uid: 'u' }, status);
    await client.reportPodStatus({ namespace: 'default', name: 'web', uid: 'old' }, { phase: 'Failed' });
    await client.reportPodStatus({ namespace: 'other', name: 'web', uid: 'u' }, { phase: 'Failed' });
    assert.deepEqual(await (await rig.restart()).meta.client.listPods(), [{ ...pod, status }]);
  }));

test('edged hears of every change of the connection once', () =>
  withMetaManager(async (rig) => {
    for (const state of [true, true, false, false, true]) await rig.hub.connect(state);
    await until(() => rig.told.length === 3);
    assert.deepEqual(rig.told, ['connected', 'disconnected', 'connected']);
  }));
