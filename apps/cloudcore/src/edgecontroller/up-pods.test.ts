import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Message, pods } from '@kubeedge-ts/apis';
import { faultRules, withFaults } from '@kubeedge-ts/kube/testing';
import { settle } from '../controllers/testing/settle.ts';
import { aPod, edgeWorld, errorOf, NODE, podOf, put, requestOf, responseOf } from './testing/edge-world.ts';

const patchOf = (uid: string | undefined, status: object) =>
  JSON.stringify({ ...(uid ? { metadata: { uid } } : {}), status });
const deletesTo = (posted: readonly { message: Message }[]) =>
  posted.filter(({ message }) => message.route.operation === 'delete').map(({ message }) => message);

test('a status patch is written and answered with the pod and its version', async (t) => {
  const { kube, ask } = await edgeWorld(t, { setUp: (kube) => void put(kube, pods, aPod('till')) });
  const answer = await ask('patch', 'shop/podpatch/till', patchOf('uid-till', { phase: 'Running' }));
  assert.equal(podOf(kube, 'till')?.status?.phase, 'Running');
  assert.equal(responseOf(answer).Err, null);
  assert.equal(responseOf(answer).Object?.kind, undefined);
  assert.equal(answer?.header.resourceversion, podOf(kube, 'till')?.metadata.resourceVersion);
});

test('of a patch only status and UID are passed on', async (t) => {
  const { kube, ask } = await edgeWorld(t, { setUp: (kube) => void put(kube, pods, aPod('till')) });
  const patch = {
    metadata: { uid: 'uid-till', labels: { a: 'b' } },
    spec: { nodeName: 'x' },
    $patch: 'replace',
    status: {},
  };
  await ask('patch', 'shop/podpatch/till', JSON.stringify(patch));
  const sent = kube.calls.findLast(({ verb }) => verb === 'patch');
  assert.deepEqual(sent?.body, { metadata: { uid: 'uid-till' }, status: {} });
  assert.equal(sent?.subresource, 'status');
});

test('patches of one pod are written in their order, however slow the API; other pods do not wait', async (t) => {
  const { kube, clock, controller, downstream } = await edgeWorld(t, {
    setUp(kube) {
      put(kube, pods, aPod('till'));
      put(kube, pods, aPod('other'));
    },
    wrap: (kube, clock) =>
      withFaults(
        kube,
        faultRules([{ verb: 'patch', resource: 'pods', fault: { kind: 'delay', ms: 5_000 } }]),
        clock,
      ),
  });
  const phases = ['Pending', 'Running', 'Succeeded'];
  const requests = phases.map((phase) =>
    requestOf('patch', 'shop/podpatch/till', patchOf('uid-till', { phase })),
  );
  for (const request of requests) await controller.upstream.receive(NODE, request);
  const beside = requestOf('patch', 'shop/podpatch/other', patchOf('uid-other', { phase: 'Running' }));
  await controller.upstream.receive(NODE, beside);
  await settle();
  assert.ok(downstream.answerTo(beside));
  assert.ok(requests.every((request) => downstream.answerTo(request) === undefined));
  await clock.advance(6_000);
  assert.ok(requests.every((request) => downstream.answerTo(request) !== undefined));
  assert.equal(podOf(kube, 'till')?.status?.phase, 'Succeeded');
});

test('a pod that is gone is answered NotFound, and the edge is told to delete it', async (t) => {
  const { downstream, ask } = await edgeWorld(t);
  const answer = await ask('patch', 'shop/podpatch/ghost', patchOf('uid-ghost', {}));
  assert.equal(responseOf(answer).Err?.ErrStatus.reason, 'NotFound');
  const [deletion] = deletesTo(downstream.posted);
  assert.equal(deletion?.route.resource, 'shop/pod/ghost');
  assert.equal(deletion?.route.source, 'edgecontroller');
  assert.deepEqual(deletion?.content, { metadata: { namespace: 'shop', name: 'ghost', uid: 'uid-ghost' } });
  assert.ok(downstream.log.includes('unwant edge-a uid-ghost'));
});

test('a pod replaced on the same node is taken back through the queue only, which keeps the order of names', async (t) => {
  const { kube, downstream, ask } = await edgeWorld(t, {
    setUp: (kube) => void put(kube, pods, aPod('till')),
  });
  const before = podOf(kube, 'till')?.metadata.resourceVersion;
  const answer = await ask('patch', 'shop/podpatch/till', patchOf('uid-before', { phase: 'Running' }));
  assert.equal(responseOf(answer).Err?.ErrStatus.reason, 'NotFound');
  assert.ok(downstream.log.includes('unwant edge-a uid-before'));
  assert.deepEqual(deletesTo(downstream.posted), []);
  assert.equal(podOf(kube, 'till')?.metadata.resourceVersion, before);
});

test('a pod that moved to another node is gone for the first one', async (t) => {
  const { downstream, ask } = await edgeWorld(t, {
    setUp: (kube) => void put(kube, pods, aPod('till', { nodeName: 'edge-b' }, { uid: 'uid-new' })),
  });
  const answer = await ask('patch', 'shop/podpatch/till', patchOf('uid-old', {}));
  assert.equal(responseOf(answer).Err?.ErrStatus.reason, 'NotFound');
  assert.equal(deletesTo(downstream.posted).length, 1);
});

test('a pod of another node cannot be patched, reported or deleted', async (t) => {
  const { kube, ask } = await edgeWorld(t, {
    setUp: (kube) => void put(kube, pods, aPod('other', { nodeName: 'edge-b' })),
  });
  const version = kube.resourceVersion;
  for (const uid of [undefined, 'uid-other']) {
    const answer = await ask('patch', 'shop/podpatch/other', patchOf(uid, { phase: 'Failed' }));
    assert.equal(responseOf(answer).Err?.ErrStatus.code, 403);
  }
  const report = { UID: 'uid-other', Name: 'other', Status: { phase: 'Failed' } };
  assert.match(String((await ask('update', 'shop/podstatus/other', report))?.content), /forbidden/);
  await ask('update', 'shop/podstatus', [report]);
  const deleted = await ask('delete', 'shop/pod/other', 'uid-other');
  assert.equal(errorOf(deleted)?.code, 403);
  assert.equal(kube.resourceVersion, version);
});

test('upstream 1.9 reports a pod: start time and times of change are kept, and the report is answered', async (t) => {
  const at = '2025-12-31T23:00:00Z';
  const { kube, ask } = await edgeWorld(t, {
    setUp: (kube) =>
      void put(kube, pods, {
        ...aPod('till'),
        status: {
          phase: 'Pending',
          startTime: at,
          conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at }],
        },
      }),
  });
  const conditions = [
    { type: 'Ready', status: 'True', lastTransitionTime: null },
    { type: 'Initialized', status: 'True', lastTransitionTime: null },
  ];
  const answer = await ask('update', 'shop/podstatus/till', {
    UID: 'uid-till',
    Name: 'till',
    Status: { phase: 'Running', conditions },
  });
  assert.equal(answer?.content, 'OK');
  const status = podOf(kube, 'till')?.status;
  assert.equal(status?.startTime, at);
  assert.deepEqual(
    status?.conditions?.map(({ lastTransitionTime }) => lastTransitionTime),
    [at, '2026-01-01T00:00:00Z'],
  );
});

test('the periodic list of 1.9 is written, unknown pods are deleted on the edge, and it is not answered', async (t) => {
  const { kube, downstream, ask } = await edgeWorld(t, {
    setUp: (kube) => void put(kube, pods, aPod('till')),
  });
  const answer = await ask('update', 'shop/podstatus', [
    { UID: 'uid-ghost', Name: 'ghost', Status: {} },
    { UID: 'uid-till', Name: 'till', Status: { phase: 'Running' } },
  ]);
  assert.equal(answer, undefined);
  assert.equal(podOf(kube, 'till')?.status?.phase, 'Running');
  assert.deepEqual(
    deletesTo(downstream.posted).map(({ route }) => route.resource),
    ['shop/pod/ghost'],
  );
});

test('a deleted pod of 1.9 of which nothing runs any more is removed', async (t) => {
  const { kube, ask } = await edgeWorld(t, {
    setUp: (kube) => void put(kube, pods, aPod('till', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' })),
  });
  await ask('update', 'shop/podstatus/till', {
    UID: 'uid-till',
    Name: 'till',
    Status: { phase: 'Succeeded' },
  });
  assert.equal(podOf(kube, 'till'), undefined);
});

for (const [form, content] of [
  ['of 1.9', 'uid-till'],
  ['of v1.23', { gracePeriodSeconds: 0, preconditions: { uid: 'uid-till' } }],
] as const) {
  test(`a finished pod is deleted at once (form ${form})`, async (t) => {
    const { kube, ask } = await edgeWorld(t, { setUp: (kube) => void put(kube, pods, aPod('till')) });
    assert.equal((await ask('delete', 'shop/pod/till', content))?.content, 'OK');
    assert.equal(podOf(kube, 'till'), undefined);
    assert.equal(
      (await ask('delete', 'shop/pod/till', content))?.content,
      'OK',
      'and again: it is what was wanted',
    );
  });
}

test('the delete of an old pod does not touch the new one of the same name', async (t) => {
  const { kube, ask } = await edgeWorld(t, { setUp: (kube) => void put(kube, pods, aPod('till')) });
  assert.equal((await ask('delete', 'shop/pod/till', 'uid-before'))?.content, 'OK');
  assert.equal(podOf(kube, 'till')?.metadata.uid, 'uid-till');
});

test('a static pod is shown in the API; one that refers to a secret is not', async (t) => {
  const { kube, ask } = await edgeWorld(t);
  const mirror = {
    metadata: {
      name: 'static',
      namespace: 'shop',
      uid: 'chosen',
      finalizers: ['x'],
      annotations: { 'kubernetes.io/config.mirror': 'h' },
    },
    spec: { nodeName: NODE, containers: [{ name: 'c' }] },
    status: { phase: 'Running' },
  };
  const answer = await ask('insert', 'shop/pod/static', mirror);
  assert.equal(responseOf(answer).Err, null);
  const created = podOf(kube, 'static');
  assert.notEqual(created?.metadata.uid, 'chosen');
  assert.equal(created?.metadata.finalizers, undefined);
  const greedy = {
    ...mirror,
    spec: { ...mirror.spec, volumes: [{ name: 'v', secret: { secretName: 's' } }] },
  };
  const refused = await ask('insert', 'shop/pod/static', greedy);
  assert.equal(responseOf(refused).Err?.ErrStatus.code, 403);
});
