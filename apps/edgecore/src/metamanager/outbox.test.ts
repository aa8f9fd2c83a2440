import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Message } from '@kubeedge-ts/apis';
import { storeErrors } from '@kubeedge-ts/errors';
import { until } from '../edgehub/testing/manual-clock.ts';
import { type Rig, withMetaManager } from './testing/rig.ts';
import { errorAnswer, objectAnswer } from './testing/scripted-hub.ts';

const web = { namespace: 'default', name: 'web', uid: 'u-1' };
const condition = (status: string) => ({ type: 'Ready', status, lastProbeTime: null });
const running = { phase: 'Running', conditions: [condition('True')], podIP: '10.0.0.1' };
const podObject = (status: object, resourceVersion = '1') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u-1', resourceVersion },
  spec: {},
  status,
});
const patches = ({ hub }: Rig): Message[] =>
  hub.sent.filter((message) => message.route.operation === 'patch');
const statusOf = (message: Message | undefined): unknown => JSON.parse(String(message?.content)).status;
const outbox = async (rig: Rig) => (await rig.rows('SELECT key FROM outbox')).map((row) => row['key']);
const storedStatus = async (rig: Rig): Promise<unknown> => {
  const [row] = await rig.rows("SELECT value FROM meta WHERE key = 'default/pod/web'");
  return row === undefined ? undefined : JSON.parse(String(row['value'])).status;
};
const emptied = (rig: Rig): Promise<void> =>
  until(async () => (await outbox(rig)).length === 0, 'an empty outbox');
const tick = async (rig: Rig, ms: number): Promise<void> => {
  rig.clock.advance(ms);
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Brings the pod to the edge and the link up; the cloud then takes every patch. */
async function begin(rig: Rig, status: object = { phase: 'Pending' }): Promise<void> {
  await rig.hub.connect(true);
  await rig.hub.down('insert', 'default/pod/web', podObject(status));
  await until(() => rig.told.some((line) => line.startsWith('podChanged')));
  let version = 1;
  let known = { ...status };
  rig.hub.answer = ({ route, content }) => {
    if (route.operation === 'delete') return 'OK';
    if (route.operation !== 'patch') return undefined;
    version += 1;
    known = { ...known, ...JSON.parse(String(content)).status };
    return objectAnswer({ ...podObject(known, String(version)), kind: undefined });
  };
}

describe('a pod status', () => {
  test('is sent as a patch against what the cloud has, and its row leaves with the answer', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      await rig.meta.client.reportPodStatus(web, running);
      await emptied(rig);
      const [patch] = patches(rig);
      assert.deepEqual(patch?.route, {
        source: 'edged',
        group: 'meta',
        operation: 'patch',
        resource: 'default/podpatch/web',
      });
      assert.deepEqual(JSON.parse(String(patch?.content)), { metadata: { uid: 'u-1' }, status: running });
      assert.deepEqual(await storedStatus(rig), running);
      const [last] = await rig.rows("SELECT value FROM meta WHERE key = 'default/podpatch/web'");
      assert.equal(last?.['value'], patch?.content);
      assert.equal(
        rig.hub.sent.filter((message) => message.content === 'OK').length,
        1,
        'only the insert is acked',
      );
    }));

  test('that says nothing new is not sent', () =>
    withMetaManager(async (rig) => {
      await begin(rig, running);
      await rig.meta.client.reportPodStatus(web, running);
      await emptied(rig);
      await rig.meta.client.reportPodStatus(web, { ...running });
      assert.deepEqual(patches(rig), []);
    }));

  test('reported many times while one is in flight is sent as the newest only', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      const { answer } = rig.hub;
      rig.hub.answer = () => undefined;
      await rig.meta.client.reportPodStatus(web, { ...running, message: '0' });
      await until(() => patches(rig).length === 1);
      for (const message of ['1', '2', '3'])
        await rig.meta.client.reportPodStatus(web, { ...running, message });
      assert.equal(patches(rig).length, 1);
      rig.hub.answer = answer;
      const [first] = patches(rig);
      rig.hub.bus.respond({
        header: { msg_id: 'a', parent_msg_id: first?.header.msg_id ?? '', timestamp: 1 },
        route: { source: 'edgecontroller', group: 'resource', operation: 'response' },
        content: first === undefined ? undefined : answer(first),
      });
      await emptied(rig);
      assert.deepEqual(patches(rig).slice(1).map(statusOf), [{ message: '3' }]);
    }));

  test('waits in the store while the cloud is away, over a restart too', () =>
    withMetaManager(async (first) => {
      await first.hub.down('insert', 'default/pod/web', podObject({ phase: 'Pending' }));
      await until(() => first.told.length > 0);
      await first.meta.client.reportPodStatus(web, { ...running, message: 'old' });
      await first.meta.client.reportPodStatus(web, running);
      assert.deepEqual(patches(first), []);
      const rig = await first.restart();
      assert.deepEqual(await outbox(rig), ['podstatus/default/web/u-1']);
      rig.hub.answer = () => objectAnswer(podObject(running, '2'));
      await rig.hub.connect(true);
      await emptied(rig);
      assert.deepEqual(patches(rig).map(statusOf), [running]);
    }));

  test('whose answer is lost with the connection is sent again on the next one', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      const { answer } = rig.hub;
      rig.hub.answer = () => undefined;
      await rig.meta.client.reportPodStatus(web, running);
      await until(() => patches(rig).length === 1);
      await rig.hub.connect(false);
      await until(() => !rig.meta.client.connected);
      rig.hub.answer = answer;
      await rig.hub.connect(true);
      await emptied(rig);
      assert.equal(patches(rig).length, 2);
    }));

  test('that something in the cloud rewrites every time is contradicted with growing pauses, a new one at once', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      let turn = 0;
      rig.hub.answer = ({ route }) => {
        if (route.operation !== 'patch') return undefined;
        turn += 1;
        // Never the same twice in a row, so that the patches against it differ.
        const rewritten = turn % 2 === 0 ? { message: 'x' } : { reason: 'x' };
        return objectAnswer(podObject({ ...running, ...rewritten }, String(turn)));
      };
      await rig.meta.client.reportPodStatus(web, running);
      await until(() => patches(rig).length === 3);
      const begun = rig.clock.monotonic();
      await until(() => {
        rig.clock.advance(10);
        return patches(rig).length === 4;
      });
      assert.ok(rig.clock.monotonic() - begun >= 400, 'after a pause');
      await rig.meta.client.reportPodStatus(web, { ...running, podIP: '10.0.0.2' });
      await until(() => patches(rig).some((patch) => String(patch.content).includes('10.0.0.2')));
      await rig.hub.connect(false);
    }));

  test('the cloud refuses is repeated with growing pauses and as a full patch', () =>
    withMetaManager(async (rig) => {
      await begin(rig, { phase: 'Running', podIP: '10.0.0.1' });
      const { answer } = rig.hub;
      rig.hub.answer = () => errorAnswer('Conflict', 'the object has been modified');
      await rig.meta.client.reportPodStatus(web, running);
      await until(() => patches(rig).length === 1);
      assert.deepEqual(statusOf(patches(rig)[0]), { conditions: [condition('True')] });
      await tick(rig, 1_000);
      await until(() => patches(rig).length === 2);
      rig.hub.answer = answer;
      await until(async () => {
        await tick(rig, 500);
        return patches(rig).length === 3;
      });
      assert.deepEqual(statusOf(patches(rig)[2]), running);
      await emptied(rig);
    }));

  for (const [what, reply] of [
    ['does not exist', errorAnswer('NotFound', 'pods "web" not found')],
    [
      'has another UID',
      errorAnswer('Conflict', 'Precondition failed: UID in precondition: u-1, UID in object: u-2'),
    ],
  ] as const) {
    test(`of a pod that ${what} in the cloud is dropped with the pod, and edged is told`, () =>
      withMetaManager(async (rig) => {
        await begin(rig);
        rig.hub.answer = () => reply;
        await rig.meta.client.reportPodStatus(web, running);
        await until(() => rig.told.includes('podDeleted default/web u-1'));
        assert.deepEqual(await outbox(rig), []);
        assert.equal(await storedStatus(rig), undefined);
      }));
  }

  test('of a pod that is not stored any more is dropped', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      await rig.hub.down('delete', 'default/pod/web', {
        metadata: { name: 'web', namespace: 'default', uid: 'u-1' },
      });
      await until(() => rig.told.includes('podDeleted default/web u-1'));
      await rig.meta.client.reportPodStatus(web, running);
      await emptied(rig);
      assert.deepEqual(patches(rig), []);
    }));

  test('is said in full after an outage, because the cluster may have taken the node for lost', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      await rig.meta.client.reportPodStatus(web, running);
      await emptied(rig);
      for (const [awayMs, expected] of [
        [5_000, 1],
        [60_000, 2],
      ] as const) {
        await rig.hub.connect(false);
        await until(() => !rig.meta.client.connected);
        rig.clock.advance(awayMs);
        await rig.hub.connect(true);
        await until(() => rig.meta.client.connected);
        await tick(rig, 0);
        await until(() => patches(rig).length === expected, `${expected} patches after ${awayMs} ms`);
      }
      assert.deepEqual(statusOf(patches(rig)[1]), {
        '$setElementOrder/conditions': [{ type: 'Ready' }],
        conditions: [{ status: 'True', type: 'Ready' }],
        phase: 'Running',
        podIP: '10.0.0.1',
      });
    }));

  test('changed by someone else in the cloud is put right, once, when the cloud tells', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      await rig.meta.client.reportPodStatus(web, running);
      await emptied(rig);
      const lost = { ...running, conditions: [condition('False')] };
      rig.hub.answer = () => objectAnswer(podObject(lost, '9'));
      for (const version of ['5', '6', '7'])
        await rig.hub.down('update', 'default/pod/web', podObject(lost, version));
      await until(() => patches(rig).length === 2);
      assert.deepEqual((statusOf(patches(rig)[1]) as { conditions: unknown }).conditions, [
        { status: 'True', type: 'Ready' },
      ]);
      await tick(rig, 60_000);
      assert.equal(patches(rig).length, 2, 'a cloud that does not take it is not asked for ever');
    }));

  test('is sent even when the disk is full, and the caller learns that it is not durable', () => {
    let full = false;
    return withMetaManager(
      async (rig) => {
        await begin(rig);
        full = true;
        await assert.rejects(rig.meta.client.reportPodStatus(web, running), { code: 'STORE_FULL' });
        await until(() => patches(rig).length > 0);
        full = false;
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
});

describe('a pod deletion', () => {
  test('follows the last status, with grace 0 and the UID as precondition', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      const reports = [
        rig.meta.client.reportPodStatus(web, { phase: 'Succeeded' }),
        rig.meta.client.deletePod(web),
      ];
      await Promise.all(reports);
      await emptied(rig);
      const operations = rig.hub.sent.map((message) => message.route.operation).slice(1);
      assert.deepEqual(operations, ['patch', 'delete']);
      const last = rig.hub.sent.at(-1);
      assert.equal(last?.route.resource, 'default/pod/web');
      assert.deepEqual(last?.content, { gracePeriodSeconds: 0, preconditions: { uid: 'u-1' } });
      assert.notEqual(await storedStatus(rig), undefined, "the row stays until the cloud's own delete");
    }));

  test('does not wait for a status the cloud will not take', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      rig.hub.answer = ({ route }) =>
        route.operation === 'delete' ? 'OK' : errorAnswer('Invalid', 'status');
      await Promise.all([rig.meta.client.reportPodStatus(web, running), rig.meta.client.deletePod(web)]);
      await until(async () => {
        await tick(rig, 500);
        return rig.hub.sent.some((message) => message.route.operation === 'delete');
      });
    }));

  test("waits for the last status while the API is away: that is not the status' fault", () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      const { answer } = rig.hub;
      rig.hub.answer = () => errorAnswer('ServiceUnavailable', 'try later');
      await Promise.all([
        rig.meta.client.reportPodStatus(web, { phase: 'Succeeded' }),
        rig.meta.client.deletePod(web),
      ]);
      await until(async () => {
        await tick(rig, 60_000);
        return patches(rig).length >= 5;
      });
      rig.hub.answer = answer;
      await until(async () => {
        await tick(rig, 60_000);
        return (await outbox(rig)).length === 0;
      });
      const operations = rig.hub.sent
        .map((message) => message.route.operation)
        .filter((op) => op !== 'response');
      assert.equal(operations.indexOf('delete'), operations.length - 1);
      assert.deepEqual(operations.slice(-2), ['patch', 'delete']);
    }));

  test('waits for three unanswered statuses, no more: the cloud may have no answer to them', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      rig.hub.answer = ({ route }) => (route.operation === 'delete' ? 'OK' : undefined);
      await Promise.all([rig.meta.client.reportPodStatus(web, running), rig.meta.client.deletePod(web)]);
      await until(async () => {
        await tick(rig, 10_000);
        return rig.hub.sent.some((message) => message.route.operation === 'delete');
      });
      await emptied(rig);
      await tick(rig, 30_000);
      assert.equal(patches(rig).length, 3, 'a pod that is deleted is not spoken of again');
    }));

  test('of a pod that is gone already is done, and edged is told', () =>
    withMetaManager(async (rig) => {
      await begin(rig);
      rig.hub.answer = () => ({ ErrStatus: { reason: 'NotFound', message: 'pods "web" not found' } });
      await rig.meta.client.deletePod(web);
      await until(() => rig.told.includes('podDeleted default/web u-1'));
      assert.deepEqual(await outbox(rig), []);
    }));

  test('a cloud never answers leaves when a later ping is answered', () => {
    let proofs = 0;
    return withMetaManager(
      async (rig) => {
        await begin(rig);
        rig.hub.answer = () => undefined;
        await rig.meta.client.deletePod(web);
        await until(() => rig.hub.sent.some((message) => message.route.operation === 'delete'));
        assert.deepEqual(await outbox(rig), ['poddelete/default/web/u-1']);
        rig.clock.advance(30_000);
        await emptied(rig);
        assert.equal(proofs, 1);
      },
      {
        proveReceipt: async () => {
          proofs += 1;
        },
      },
    );
  });
});

describe('a node status', () => {
  test('of a node that is gone from the cluster is dropped with what was stored of it, and edged is told', () =>
    withMetaManager(async (rig) => {
      await rig.hub.connect(true);
      const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'edge-a', uid: 'n-1' } };
      await rig.hub.down('update', 'null/node/edge-a', node);
      await until(() => rig.told.includes('nodeChanged edge-a'));
      rig.hub.answer = () => errorAnswer('NotFound', 'nodes "edge-a" not found');
      await rig.meta.client.reportNodeStatus('edge-a', { phase: 'x' });
      await until(() => rig.told.includes('nodeGone'));
      assert.deepEqual(await outbox(rig), []);
      assert.equal(await rig.meta.client.getNode('edge-a'), undefined);
      assert.deepEqual(await rig.rows('SELECT key FROM meta_v2'), []);
    }));

  test('taken for lost by the cluster is corrected in the next exchange', () =>
    withMetaManager(async (rig) => {
      const ready = (status: string, lastHeartbeatTime: string) => ({
        type: 'Ready',
        status,
        lastHeartbeatTime,
      });
      const node = (status: object, resourceVersion: string) => ({
        metadata: { name: 'edge-a', uid: 'n', resourceVersion },
        status,
      });
      let inCloud = { conditions: [ready('True', '1')] };
      await rig.hub.connect(true);
      await rig.hub.down('update', 'null/node/edge-a', node(inCloud, '1'));
      let version = 1;
      rig.hub.answer = ({ route, content }) => {
        if (route.operation !== 'patch') return undefined;
        const [change] = JSON.parse(String(content)).status.conditions;
        inCloud = { conditions: [{ ...(inCloud.conditions[0] as object), ...change }] };
        version += 1;
        return objectAnswer(node(inCloud, String(version)));
      };
      await rig.meta.client.reportNodeStatus('edge-a', { conditions: [ready('True', '1')] });
      await emptied(rig);
      assert.equal(patches(rig).length, 0);
      inCloud = { conditions: [ready('Unknown', '1')] };
      await rig.meta.client.reportNodeStatus('edge-a', { conditions: [ready('True', '2')] });
      await emptied(rig);
      await until(() => patches(rig).length === 2);
      assert.deepEqual(
        patches(rig).map((patch) => [
          patch.route.resource,
          (statusOf(patch) as { conditions: unknown[] }).conditions,
        ]),
        [
          ['null/nodepatch/edge-a', [{ lastHeartbeatTime: '2', type: 'Ready' }]],
          ['null/nodepatch/edge-a', [{ status: 'True', type: 'Ready' }]],
        ],
      );
    }));

  for (const [what, keeps] of [
    ['is contradicted each time, also with the very same words', false],
    ['by a cloud that keeps to it is contradicted once, not for ever', true],
  ] as const) {
    test(`that the cloud shows otherwise again ${what}`, () =>
      withMetaManager(async (rig) => {
        const ready = (status: string) => ({ type: 'Ready', status, lastHeartbeatTime: '1' });
        const node = (status: string, version: number) => ({
          metadata: { name: 'edge-a', uid: 'n', resourceVersion: String(version) },
          status: { conditions: [ready(status)] },
        });
        let version = 1;
        rig.hub.answer = ({ route }) =>
          route.operation === 'patch' ? objectAnswer(node(keeps ? 'Unknown' : 'True', ++version)) : undefined;
        await rig.hub.connect(true);
        await rig.meta.client.reportNodeStatus('edge-a', { conditions: [ready('True')] });
        await until(() => patches(rig).length === 1, 'the whole status is said first');
        for (let turn = 1; turn <= 3; turn++) {
          await rig.hub.down('update', 'null/node/edge-a', node('Unknown', ++version));
          await until(() => rig.hub.sent.filter(({ content }) => content === 'OK').length === turn);
          await emptied(rig);
          await tick(rig, 0);
          if (!keeps) await until(() => patches(rig).length === 1 + turn, 'one patch a turn');
        }
        assert.equal(patches(rig).length, keeps ? 2 : 4);
      }));
  }

  test('that somebody overwrites each time it is said is said with growing pauses', () =>
    withMetaManager(async (rig) => {
      const ready = (status: string) => ({ type: 'Ready', status, lastHeartbeatTime: '1' });
      let version = 1;
      const node = (status: string) => ({
        metadata: { name: 'edge-a', uid: 'n', resourceVersion: String(++version) },
        status: { conditions: [ready(status)] },
      });
      rig.hub.answer = ({ route }) => {
        if (route.operation !== 'patch') return undefined;
        if (patches(rig).length < 6)
          setImmediate(() => void rig.hub.down('update', 'null/node/edge-a', node('Unknown')));
        return objectAnswer(node('True'));
      };
      await rig.hub.connect(true);
      await rig.meta.client.reportNodeStatus('edge-a', { conditions: [ready('True')] });
      await until(
        () => patches(rig).length === 5,
        'the whole status, and three times the same, are said at once',
      );
      for (let turn = 0; turn < 20; turn++) await tick(rig, 0);
      assert.equal(patches(rig).length, 5);
      await until(async () => {
        await tick(rig, 500);
        return patches(rig).length === 6;
      }, 'after a pause');
    }));
});
