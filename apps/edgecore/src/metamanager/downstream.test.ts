import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Message } from '@kubeedge-ts/apis';
import { storeErrors } from '@kubeedge-ts/errors';
import { until } from '../edgehub/testing/manual-clock.ts';
import { OUR_CLOUD, type Rig, withMetaManager } from './testing/rig.ts';

const pod = (uid: string, resourceVersion = '1', extra = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid, resourceVersion },
  ...extra,
});
const stub = (name: string, uid: string) => ({ metadata: { name, namespace: 'default', uid } });
const answered = async ({ hub }: Rig, message: Message): Promise<Message> => {
  const find = () => hub.sent.find((sent) => sent.header.parent_msg_id === message.header.msg_id);
  await until(() => find() !== undefined, `answer to ${message.route.operation} ${message.route.resource}`);
  return find() as Message;
};
const keys = async (rig: Rig, table = 'meta') =>
  (await rig.rows(`SELECT key FROM ${table} ORDER BY key`)).map((row) => row['key']);

describe('an object of the cloud', () => {
  test('is stored, handed to edged and acknowledged, in this order', () =>
    withMetaManager(async (rig) => {
      const order: string[] = [];
      const { send } = rig.hub.bus;
      rig.hub.bus.send = (module, message) => {
        if (module === 'websocket') order.push(`ack after ${rig.told.length} told`);
        return send(module, message);
      };
      const message = await rig.hub.down('insert', 'default/pod/web', pod('u-1', '42'));
      const ack = await answered(rig, message);
      assert.deepEqual(ack.route, { ...message.route, operation: 'response' });
      assert.equal(ack.content, 'OK');
      assert.equal(ack.header.resourceversion, undefined);
      assert.deepEqual(rig.told, ['podChanged default/web u-1']);
      assert.deepEqual(order, ['ack after 1 told']);
      const [row] = await rig.rows('SELECT * FROM meta');
      assert.deepEqual(
        { ...row, value: JSON.parse(String(row?.['value'])) },
        { key: 'default/pod/web', type: 'pod', value: pod('u-1', '42') },
      );
      const [view] = await rig.rows('SELECT * FROM meta_v2');
      assert.deepEqual(
        { ...view },
        {
          key: '/core/v1/pods/default/web',
          group_version_resource: '/v1, Resource=pods',
          namespace: 'default',
          name: 'web',
          resource_version: 42,
          value: `${JSON.stringify(pod('u-1', '42'))}\n`,
        },
      );
    }));

  test('replaces what an earlier message stored, in the order they came', () =>
    withMetaManager(async (rig) => {
      const messages = [];
      for (let i = 0; i < 300; i++) {
        messages.push(await rig.hub.down('update', 'default/pod/web', pod('u-1', String(i))));
      }
      for (const message of messages) await answered(rig, message);
      const [row] = await rig.rows('SELECT value FROM meta');
      assert.equal(JSON.parse(String(row?.['value'])).metadata.resourceVersion, '299');
      const acks = rig.hub.sent.map((sent) => sent.header.parent_msg_id);
      assert.deepEqual(
        acks,
        messages.map((message) => message.header.msg_id),
      );
    }));

  test('of a kind edged does not use is stored and acknowledged only', () =>
    withMetaManager(async (rig) => {
      const endpoints = { apiVersion: 'v1', kind: 'Endpoints', ...stub('till', 's') };
      const sent = await rig.hub.down('insert', 'default/endpoints/till', endpoints, 'dynamiccontroller');
      await answered(rig, sent);
      const access = {
        apiVersion: 'policy.kubeedge.io/v1alpha1',
        kind: 'ServiceAccountAccess',
        ...stub('a', 'x'),
      };
      await answered(
        rig,
        await rig.hub.down('insert', 'default/serviceaccountaccess/a', access, 'policycontroller'),
      );
      assert.deepEqual(await keys(rig), ['default/endpoints/till', 'default/serviceaccountaccess/a']);
      assert.deepEqual(rig.told, []);
    }));

  const service = { apiVersion: 'v1', kind: 'Service', ...stub('till', 's') };

  test('that is a service is told to edged by its namespace, also when it goes', () =>
    withMetaManager(
      async (rig) => {
        await rig.hub.connect(true);
        await answered(rig, await rig.hub.down('insert', 'default/service/till', service));
        assert.deepEqual(await rig.meta.client.listServices('default'), [service]);
        assert.deepEqual(await rig.rows('SELECT * FROM meta_v2'), [], 'it is no whole object to show');
        await answered(rig, await rig.hub.down('delete', 'default/service/till', stub('till', 's')));
        assert.deepEqual(await rig.meta.client.listServices('default'), []);
        assert.deepEqual(rig.told, ['connected', 'services default', 'services default']);
      },
      { cloudHeaders: OUR_CLOUD },
    ));

  test('that is a service of an upstream cloud, whole since somebody watches it, is shown as it is', () =>
    withMetaManager(async (rig) => {
      await rig.hub.connect(true);
      // From the dynamiccontroller first, then repaired by the synccontroller in another's name.
      for (const source of ['dynamiccontroller', 'edgecontroller']) {
        await answered(rig, await rig.hub.down('update', 'default/service/till', service, source));
        assert.equal((await rig.rows('SELECT * FROM meta_v2')).length, 1);
        await answered(rig, await rig.hub.down('delete', 'default/service/till', stub('till', 's'), source));
        assert.equal((await rig.rows('SELECT * FROM meta_v2')).length, 0);
      }
    }));

  test('that is a device goes to the twin module as upstream routes it, and its ack carries that route', () =>
    withMetaManager(async (rig) => {
      const twin = rig.hub.bus.register({ module: 'twin', group: 'twin' });
      const device = { apiVersion: 'devices.kubeedge.io/v1beta1', kind: 'Device', ...stub('thermo', 'd') };
      const rewritten = { source: 'meta', group: 'twin' };
      for (const [operation, source, ackRoute] of [
        ['insert', 'devicecontroller', rewritten],
        ['update', 'devicecontroller', {}],
        ['delete', 'devicecontroller', rewritten],
        ['delete', 'edgecontroller', {}],
      ] as const) {
        const message = await rig.hub.down(operation, 'default/device/thermo', device, source);
        const ack = await answered(rig, message);
        assert.deepEqual(ack.route, { ...message.route, operation: 'response', ...ackRoute });
        const forwarded = await twin.mailbox.take();
        assert.deepEqual(forwarded?.route, { ...message.route, ...rewritten });
      }
      twin.close();
    }));

  test('that cannot be stored is answered with an error, so that the cloud sends it again', () => {
    let full = true;
    return withMetaManager(
      async (rig) => {
        const first = await answered(rig, await rig.hub.down('insert', 'default/pod/web', pod('u-1')));
        assert.equal(first.route.operation, 'error');
        assert.deepEqual(rig.told, []);
        full = false;
        const second = await answered(rig, await rig.hub.down('insert', 'default/pod/web', pod('u-1')));
        assert.equal(second.content, 'OK');
      },
      {
        wrap: (store) => ({
          ...store,
          epoch: store.epoch,
          write: (statements) =>
            full ? Promise.reject(storeErrors.create('STORE_FULL', { path: 'x' })) : store.write(statements),
        }),
      },
    );
  });

  test('without an object in it is an error, not a row', () =>
    withMetaManager(async (rig) => {
      const answer = await answered(rig, await rig.hub.down('insert', 'default/pod/web', null));
      assert.equal(answer.route.operation, 'error');
      assert.deepEqual(await keys(rig), []);
    }));
});

describe('a delete of the cloud', () => {
  test('removes a pod only if it is the one with that UID, and is acknowledged either way', () =>
    withMetaManager(async (rig) => {
      await answered(rig, await rig.hub.down('insert', 'default/pod/web', pod('new')));
      await rig.store.write([{ sql: "INSERT INTO meta VALUES ('default/podpatch/web', 'podpatch', '{}')" }]);
      const old = await answered(rig, await rig.hub.down('delete', 'default/pod/web', stub('web', 'old')));
      assert.equal(old.content, 'OK');
      assert.deepEqual(await keys(rig), ['default/pod/web', 'default/podpatch/web']);
      assert.equal((await keys(rig, 'meta_v2')).length, 1);
      await answered(rig, await rig.hub.down('delete', 'default/pod/web', stub('web', 'new')));
      assert.deepEqual(await keys(rig), []);
      assert.deepEqual(await keys(rig, 'meta_v2'), []);
      assert.deepEqual(rig.told.slice(1), ['podDeleted default/web old', 'podDeleted default/web new']);
    }));

  test('of a configmap removes it and tells edged', () =>
    withMetaManager(async (rig) => {
      const configMap = { apiVersion: 'v1', kind: 'ConfigMap', ...stub('app', 'c') };
      await answered(rig, await rig.hub.down('insert', 'default/configmap/app', configMap));
      await answered(rig, await rig.hub.down('delete', 'default/configmap/app', stub('app', 'c')));
      assert.deepEqual([...(await keys(rig)), ...(await keys(rig, 'meta_v2'))], []);
      assert.deepEqual(rig.told, ['configmap default/app', 'configmap default/app']);
    }));
});

test('a late answer nobody waits for is acknowledged, not stored', () =>
  withMetaManager(async (rig) => {
    const answer: Message = {
      header: { msg_id: 'late', parent_msg_id: 'gone', timestamp: 1 },
      route: {
        source: 'edgecontroller',
        group: 'resource',
        operation: 'response',
        resource: 'default/secret/s',
      },
      content: stub('s', 'x'),
    };
    await rig.hub.bus.send('metamanager', answer);
    assert.equal((await answered(rig, answer)).content, 'OK');
    assert.deepEqual(await keys(rig), []);
  }));
