import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import { until } from '../edgehub/testing/manual-clock.ts';
import { OUR_CLOUD, type Rig, withMetaManager } from './testing/rig.ts';
import { errorAnswer, objectAnswer } from './testing/scripted-hub.ts';

const connected = async (rig: Rig): Promise<void> => {
  await rig.hub.connect(true);
  await until(() => rig.meta.client.connected);
};
const disconnected = async (rig: Rig): Promise<void> => {
  await rig.hub.connect(false);
  await until(() => !rig.meta.client.connected);
};
const asked = ({ hub }: Rig) =>
  hub.sent
    .filter(({ route }) => route.operation !== 'response')
    .map(({ route }) => `${route.operation} ${route.resource}`);
const volume = (resourceVersion: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'pv-1', uid: 'pv', resourceVersion },
});
const notFound = { ErrStatus: { reason: 'NotFound', message: 'not found', code: 404 } };

describe('getObject', () => {
  test('asks in the words of each type and keeps the answers for when the cloud is away', () =>
    withMetaManager(
      async (rig) => {
        await connected(rig);
        rig.hub.answer = ({ route }) =>
          route.operation === 'query'
            ? { kind: 'K', metadata: { name: route.resource?.split('/').at(-1), uid: 'u' } }
            : undefined;
        const types = [
          ['persistentvolume', undefined, 'null/persistentvolume/x'],
          ['persistentvolumeclaim', 'shop', 'shop/persistentvolumeclaim/x'],
          ['volumeattachment', undefined, 'default/volumeattachment/x'],
          ['runtimeclass', undefined, 'null/runtimeclass/x'],
          ['csidriver', undefined, 'null/csidriver/x'],
        ] as const;
        for (const [type, namespace] of types) await rig.meta.client.getObject(type, namespace, 'x');
        assert.deepEqual(
          asked(rig),
          types.map(([, , resource]) => `query ${resource}`),
        );
        await disconnected(rig);
        for (const [type, namespace] of types) {
          const object = await rig.meta.client.getObject(type, namespace, 'x');
          assert.equal(object?.metadata.name, 'x', type);
        }
      },
      { cloudHeaders: OUR_CLOUD },
    ));

  test('asks again while connected, and forgets what is gone', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      for (const answer of [volume('1'), volume('2'), notFound]) {
        rig.hub.answer = ({ route }) => (route.operation === 'query' ? answer : undefined);
        const object = await rig.meta.client.getObject('persistentvolume', undefined, 'pv-1');
        assert.deepEqual(object, 'metadata' in answer ? answer : undefined);
      }
      await disconnected(rig);
      assert.equal(await rig.meta.client.getObject('persistentvolume', undefined, 'pv-1'), undefined);
    }));

  test('an answer that says nothing about the object leaves the stored one in use, a refusal does not', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      const get = () => rig.meta.client.getObject('persistentvolume', undefined, 'pv-1');
      const reply = (answer: unknown) => {
        rig.hub.answer = ({ route }) => (route.operation === 'query' ? answer : undefined);
      };
      const unavailable = { ErrStatus: { reason: 'ServiceUnavailable', message: 'later', code: 503 } };
      reply(unavailable);
      await assert.rejects(get(), { code: 'EDGE_REMOTE_FAILED' });
      reply(volume('1'));
      await get();
      reply(unavailable);
      assert.deepEqual(await get(), volume('1'));
      reply({ ErrStatus: { reason: 'Forbidden', message: 'no', code: 403 } });
      await assert.rejects(get(), { code: 'EDGE_REMOTE_FAILED' });
    }));

  test('does not ask a cloud of upstream what it would not answer', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      assert.equal(await rig.meta.client.getObject('runtimeclass', undefined, 'kata'), undefined);
      assert.equal(await rig.meta.client.getObject('csidriver', undefined, 'd'), undefined);
      assert.equal(await rig.meta.client.getPod('shop', 'till'), undefined);
      assert.deepEqual(asked(rig), []);
    }));
});

describe('mirror pods', () => {
  const mirror = {
    metadata: {
      name: 'web-edge',
      namespace: 'kube-system',
      annotations: { 'kubernetes.io/config.mirror': 'h' },
    },
    spec: { nodeName: 'edge', containers: [] },
  } as unknown as Pod;
  const created = { ...mirror, metadata: { ...mirror.metadata, uid: 'm-1', resourceVersion: '5' } };

  test('are created in the API, and found from then on, also without the cloud', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      rig.hub.answer = ({ route }) => (route.operation === 'insert' ? objectAnswer(created) : undefined);
      const typed = { ...created, apiVersion: 'v1', kind: 'Pod' };
      assert.deepEqual(await rig.meta.client.createPod(mirror), typed);
      await disconnected(rig);
      assert.deepEqual(await rig.meta.client.getPod('kube-system', 'web-edge'), typed);
      assert.deepEqual(asked(rig), ['insert kube-system/pod/web-edge']);
      await assert.rejects(rig.meta.client.createPod(mirror), { code: 'EDGE_DISCONNECTED' });
    }));

  test('a refusal carries the reason of the API', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      rig.hub.answer = ({ route }) =>
        route.operation === 'insert' ? errorAnswer('AlreadyExists', 'it exists') : undefined;
      await assert.rejects(rig.meta.client.createPod(mirror), ({ code, details }) => {
        assert.deepEqual([code, details.reason], ['EDGE_REMOTE_FAILED', 'AlreadyExists']);
        return true;
      });
    }));

  test('getPod asks our cloud for a pod that is not stored, and leaves storing it to the cloud', () =>
    withMetaManager(
      async (rig) => {
        await connected(rig);
        rig.hub.answer = ({ route }) => (route.operation === 'query' ? created : undefined);
        assert.deepEqual(await rig.meta.client.getPod('kube-system', 'web-edge'), created);
        assert.deepEqual(await rig.meta.client.listPods(), []);
      },
      { cloudHeaders: OUR_CLOUD },
    ));

  for (const [what, answer] of [
    ['deleted', 'OK'],
    ['gone', notFound],
    ['another one by now', { ErrStatus: { reason: 'Conflict', message: 'UID in precondition', code: 409 } }],
  ] as const) {
    test(`deletion of one that is ${what} succeeds, with its UID as precondition`, () =>
      withMetaManager(async (rig) => {
        await connected(rig);
        rig.hub.answer = ({ route }) => (route.operation === 'delete' ? answer : undefined);
        await rig.meta.client.deleteMirrorPod({ namespace: 'kube-system', name: 'web-edge', uid: 'm-1' });
        const [sent] = rig.hub.sent;
        assert.deepEqual(
          [sent?.route.operation, sent?.route.resource],
          ['delete', 'kube-system/pod/web-edge'],
        );
        assert.deepEqual(sent?.content, { gracePeriodSeconds: 0, preconditions: { uid: 'm-1' } });
      }));
  }
});

describe('patchNode', () => {
  test('sends the patch as text and keeps the node as answered', () =>
    withMetaManager(async (rig) => {
      await connected(rig);
      const node = { metadata: { name: 'edge', uid: 'n', resourceVersion: '9', labels: { a: 'b' } } };
      rig.hub.answer = ({ route }) => (route.operation === 'patch' ? objectAnswer(node) : undefined);
      await rig.meta.client.patchNode('edge', { metadata: { labels: { a: 'b' } } });
      const [sent] = rig.hub.sent;
      assert.equal(sent?.route.resource, 'null/nodepatch/edge');
      assert.equal(sent?.content, '{"metadata":{"labels":{"a":"b"}}}');
      assert.deepEqual(await rig.meta.client.getNode('edge'), { ...node, apiVersion: 'v1', kind: 'Node' });
    }));
});

describe('listServices', () => {
  test('are those of the namespace and of no other, also after a restart without the cloud', () =>
    withMetaManager(async (first) => {
      for (const key of ['shop/service/b', 'shop/service/a', 'shop2/service/c', 'sho/service/d']) {
        const [namespace, , name] = key.split('/');
        await first.hub.down('insert', key, { kind: 'Service', metadata: { name, namespace } });
      }
      await until(() => first.told.length === 4);
      const rig = await first.restart();
      const services = await rig.meta.client.listServices('shop');
      assert.deepEqual(
        services.map(({ metadata }) => metadata.name),
        ['a', 'b'],
      );
    }));
});

describe('clusterVersion', () => {
  test('is what our cloud says at the handshake, and is known after a restart without it', () =>
    withMetaManager(
      async (first) => {
        assert.equal(first.meta.client.clusterVersion, undefined);
        await connected(first);
        assert.equal(first.meta.client.clusterVersion, 'v1.31.2');
        const rig = await first.restart();
        assert.equal(rig.meta.client.clusterVersion, 'v1.31.2');
      },
      { cloudHeaders: OUR_CLOUD },
    ));

  for (const version of ['1.31', 'v1', '<script>', `v1.31.2${'x'.repeat(100)}`]) {
    test(`${version.slice(0, 20)} is none`, () =>
      withMetaManager(
        async (rig) => {
          await connected(rig);
          assert.equal(rig.meta.client.clusterVersion, undefined);
        },
        { cloudHeaders: { 'x-kubeedge-ts-cluster-version': version } },
      ));
  }
});

test('unhold-upgrade of MetaServer releases the pod it names, and no message of the cloud does', () =>
  withMetaManager(async (rig) => {
    await rig.hub.down('unhold-upgrade', 'shop/pod/till', null, 'metaserver');
    await rig.hub.down('unhold-upgrade', 'shop/pod', null, 'metaserver');
    await rig.hub.down('unhold-upgrade', 'shop/pod/other', null, 'edgecontroller');
    await rig.hub.down('insert', 'shop/configmap/c', { metadata: { name: 'c', namespace: 'shop' } });
    await until(() => rig.told.includes('configmap shop/c'));
    assert.deepEqual(rig.told, ['released shop/till', 'configmap shop/c']);
  }));
