import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { createRawClient, type RawClient } from '../testing/raw-client.ts';
import { type ApiServer, createApiServer } from './index.ts';

type Json = Record<string, unknown> & {
  metadata: Record<string, unknown>;
  spec: Record<string, unknown>;
  status: Record<string, unknown>;
};

let server: ApiServer;
let client: RawClient;

before(async () => {
  server = await createApiServer();
  client = createRawClient(server);
});
after(async () => {
  client.close();
  await server.close();
});

const CMS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';
const json = async (...call: Parameters<RawClient['json']>) => (await client.json(...call)) as Json;
const statusOf = async (method: string, path: string, body?: unknown) =>
  (await client.send({ method, path, ...(body !== undefined && { body: JSON.stringify(body) }) })).status;

const pod = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'registry.local:5000/x:1' }], ...spec },
});

test('a pod that runs on a node gets its grace period, and goes when the node says so', async () => {
  await json('POST', PODS, pod('graceful', { nodeName: 'n1' }));
  const deleted = await json('DELETE', `${PODS}/graceful`);
  assert.equal(deleted.metadata['deletionGracePeriodSeconds'], 30);
  assert.ok(Date.parse(String(deleted.metadata['deletionTimestamp'])) > Date.now() + 20_000);
  assert.equal(await statusOf('GET', `${PODS}/graceful`), 200);

  const again = await json('DELETE', `${PODS}/graceful`, { gracePeriodSeconds: 60 });
  assert.equal(again.metadata['deletionGracePeriodSeconds'], 30, 'a period is never made longer');
  const shorter = await json('DELETE', `${PODS}/graceful`, { gracePeriodSeconds: 5 });
  assert.equal(shorter.metadata['deletionGracePeriodSeconds'], 5);
  await json('DELETE', `${PODS}/graceful`, { gracePeriodSeconds: 0 });
  assert.equal(await statusOf('GET', `${PODS}/graceful`), 404);
});

test('a pod nobody runs goes at once', async () => {
  await json('POST', PODS, pod('pending'));
  await json('DELETE', `${PODS}/pending`);
  assert.equal(await statusOf('GET', `${PODS}/pending`), 404);
});

test('a deletion waits for finalizers, and no new ones are accepted meanwhile', async () => {
  await json('POST', CMS, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'held', finalizers: ['a.b/c'] },
  });
  await json('DELETE', `${CMS}/held`);
  const patch = (finalizers: string[]) =>
    client.send({
      method: 'PATCH',
      path: `${CMS}/held`,
      body: JSON.stringify({ metadata: { finalizers } }),
      headers: { 'content-type': 'application/merge-patch+json' },
    });
  const refused = await patch(['a.b/c', 'd.e/f']);
  assert.equal(refused.status, 422);
  assert.match(refused.text, /no new finalizers can be added if the object is being deleted/);
  assert.equal((await patch([])).status, 200);
  assert.equal(await statusOf('GET', `${CMS}/held`), 404);
});

test('a delete with a wrong uid or version as precondition deletes nothing', async () => {
  const made = await json('POST', CMS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'pre' } });
  for (const preconditions of [{ uid: 'other' }, { resourceVersion: '1' }]) {
    assert.equal(await statusOf('DELETE', `${CMS}/pre`, { preconditions }), 409);
  }
  const { uid, resourceVersion } = made.metadata;
  assert.equal(await statusOf('DELETE', `${CMS}/pre`, { preconditions: { uid, resourceVersion } }), 200);
});

test('a collection delete takes what the selector means and nothing else', async () => {
  for (const [name, team] of [
    ['c1', 'a'],
    ['c2', 'a'],
    ['c3', 'b'],
  ]) {
    await json('POST', CMS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { team } } });
  }
  const list = await client.json('DELETE', `${CMS}?labelSelector=team%3Da`);
  assert.equal((list['items'] as unknown[]).length, 2);
  assert.equal(await statusOf('GET', `${CMS}/c1`), 404);
  assert.equal(await statusOf('GET', `${CMS}/c3`), 200);
});

test('a dry run answers like the real thing and changes nothing', async () => {
  const before = await client.json('GET', CMS);
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'dry' }, data: { a: '1' } };
  await json('POST', `${CMS}?dryRun=All`, object);
  await json('POST', CMS, object);
  await json('PUT', `${CMS}/dry?dryRun=All`, { ...object, data: { a: '2' } });
  await json('DELETE', `${CMS}/dry?dryRun=All`);
  const found = await json('GET', `${CMS}/dry`);
  assert.deepEqual(found['data'], { a: '1' });
  const after = await client.json('GET', CMS);
  assert.equal((after['items'] as unknown[]).length, (before['items'] as unknown[]).length + 1);
});

test('an update of the object leaves the status, an update of the status leaves the spec', async () => {
  await json('POST', PODS, pod('split'));
  await json(
    'PATCH',
    `${PODS}/split/status`,
    { status: { phase: 'Running' }, spec: { nodeName: 'evil' } },
    'application/merge-patch+json',
  );
  const main = await json(
    'PATCH',
    `${PODS}/split`,
    { status: { phase: 'Failed' }, metadata: { labels: { a: 'b' } } },
    'application/merge-patch+json',
  );
  assert.equal(main.status['phase'], 'Running');
  assert.equal(main.spec['nodeName'], undefined);
  assert.deepEqual(main.metadata['labels'], { a: 'b' });
});

test('the spec of a pod cannot change, but its images can', async () => {
  await json('POST', PODS, pod('fixed'));
  const image = { spec: { containers: [{ name: 'c', image: 'y:2' }] } };
  await json('PATCH', `${PODS}/fixed`, image, 'application/strategic-merge-patch+json');
  const refused = await client.send({
    method: 'PATCH',
    path: `${PODS}/fixed`,
    headers: { 'content-type': 'application/merge-patch+json' },
    body: JSON.stringify({ spec: { hostNetwork: true } }),
  });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /pod updates may not change fields other than .*changed: hostNetwork/);
});

test('a node status patch of an edge merges conditions by type', async () => {
  await json('POST', '/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'edge' },
    status: {
      capacity: { cpu: '4' },
      conditions: [
        { type: 'MemoryPressure', status: 'False' },
        { type: 'Ready', status: 'False', reason: 'KubeletNotReady' },
      ],
    },
  });
  const patched = await json(
    'PATCH',
    '/api/v1/nodes/edge/status',
    {
      status: {
        '$setElementOrder/conditions': [{ type: 'MemoryPressure' }, { type: 'Ready' }],
        conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
      },
    },
    'application/strategic-merge-patch+json',
  );
  const conditions = patched.status['conditions'] as Record<string, unknown>[];
  assert.deepEqual(
    conditions.map(({ type, status, reason }) => [type, status, reason]),
    [
      ['MemoryPressure', 'False', undefined],
      ['Ready', 'True', 'KubeletReady'],
    ],
  );
  assert.deepEqual(patched.status['allocatable'], { cpu: '4' });
});

test('of writers that read the same version only one gets through', async () => {
  const made = await json('POST', CMS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'race' } });
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      statusOf('PUT', `${CMS}/race`, { ...made, data: { writer: String(index) } }),
    ),
  );
  assert.equal(outcomes.filter((status) => status === 200).length, 1);
  assert.equal(outcomes.filter((status) => status === 409).length, 9);
});

test('patches without a version all get through', async () => {
  await json('POST', CMS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'many' } });
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      json('PATCH', `${CMS}/many`, { data: { [`k${index}`]: '1' } }, 'application/merge-patch+json'),
    ),
  );
  const found = await json('GET', `${CMS}/many`);
  assert.equal(Object.keys(found['data'] as object).length, 20);
});

test('services get distinct addresses that stay theirs', async () => {
  const path = '/api/v1/namespaces/default/services';
  const service = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ port: 80 }], selector: { a: 'b' } },
  });
  const [one, two] = [await json('POST', path, service('one')), await json('POST', path, service('two'))];
  assert.match(String(one.spec['clusterIP']), /^10\.96\.\d+\.\d+$/);
  assert.notEqual(one.spec['clusterIP'], two.spec['clusterIP']);
  const kept = await json('PUT', `${path}/one`, service('one'));
  assert.equal(kept.spec['clusterIP'], one.spec['clusterIP']);
});

test('a pod gets its service account, token volume, tolerations and defaults', async () => {
  const made = await json('POST', PODS, pod('complete'));
  const container = (made.spec['containers'] as Record<string, unknown>[])[0]!;
  assert.equal(made.spec['serviceAccountName'], 'default');
  assert.equal(container['imagePullPolicy'], 'IfNotPresent');
  assert.match(JSON.stringify(made.spec['volumes']), /"expirationSeconds":3607/);
  assert.equal((made.spec['tolerations'] as unknown[]).length, 2);
  assert.deepEqual(made.status, { phase: 'Pending', qosClass: 'BestEffort' });
  assert.equal(await statusOf('POST', PODS, pod('nobody', { serviceAccountName: 'absent' })), 403);
});

test('an event written in the new API is an event of the old one', async () => {
  await json('POST', '/apis/events.k8s.io/v1/namespaces/default/events', {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'e1' },
    eventTime: '2026-01-01T00:00:00.000001Z',
    action: 'Testing',
    reason: 'Because',
    note: 'it happened',
    regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
    reportingController: 'tester',
    reportingInstance: 't-1',
    type: 'Normal',
  });
  const core = await json('GET', '/api/v1/namespaces/default/events/e1');
  assert.equal(core['message'], 'it happened');
  assert.equal((core['involvedObject'] as Record<string, unknown>)['name'], 'p');
  const list = await client.json(
    'GET',
    '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp',
  );
  assert.equal((list['items'] as unknown[]).length, 1);
});

test('an event is forgotten an hour after it happened last', async () => {
  const clock = createVirtualClock();
  const own = await createApiServer({ clock });
  const its = createRawClient(own);
  const path = '/api/v1/namespaces/default/events';
  const event = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    lastTimestamp: new Date(clock.now()).toISOString(),
  });
  await its.json('POST', path, event('old'));
  await clock.advance(1_800_000);
  await its.json('POST', path, event('young'));
  await clock.advance(1_900_000);
  const list = await its.json('GET', path);
  assert.deepEqual(
    (list['items'] as Json[]).map((item) => item.metadata['name']),
    ['young'],
  );
  its.close();
  await own.close();
});

test('pages of a list show one state, whatever happens between them', async () => {
  for (const name of ['p1', 'p2', 'p3', 'p4']) {
    await json('POST', CMS, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, labels: { page: 'd' } },
    });
  }
  const page = async (token: string) => {
    const list = await client.json(
      'GET',
      `${CMS}?labelSelector=page%3Dd&limit=2&continue=${encodeURIComponent(token)}`,
    );
    const { continue: next } = list['metadata'] as { continue?: string };
    return { names: (list['items'] as Json[]).map((item) => item.metadata['name']), next };
  };
  const first = await page('');
  await json('DELETE', `${CMS}/p3`);
  await json('POST', CMS, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'p5', labels: { page: 'd' } },
  });
  const second = await page(first.next ?? '');
  assert.deepEqual([...first.names, ...second.names], ['p1', 'p2', 'p3', 'p4']);
  assert.equal(second.next, undefined);
});

test('a YAML body is as good as a JSON one', async () => {
  const answer = await client.send({
    method: 'POST',
    path: CMS,
    headers: { 'content-type': 'application/yaml' },
    body: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-yaml\ndata:\n  a: "1"\n',
  });
  assert.equal(answer.status, 201);
});

test('metadata alone is sent to who asks for it', async () => {
  const answer = await client.send({
    method: 'GET',
    path: PODS,
    headers: { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' },
  });
  const list = JSON.parse(answer.text) as { kind: string; items: Record<string, unknown>[] };
  assert.equal(list.kind, 'PartialObjectMetadataList');
  for (const item of list.items) assert.deepEqual(Object.keys(item), ['kind', 'apiVersion', 'metadata']);
});

test('the scale of a Deployment can be read, set and patched', async () => {
  const path = '/apis/apps/v1/namespaces/default/deployments';
  await json('POST', path, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  });
  const scale = await json('GET', `${path}/web/scale`);
  await json('PUT', `${path}/web/scale`, { ...scale, spec: { replicas: 4 } });
  const found = await json('GET', `${path}/web`);
  assert.equal(found.spec['replicas'], 4);
  assert.equal(found.metadata['generation'], 2);
  assert.equal(await statusOf('PUT', `${path}/web/scale`, { ...scale, spec: { replicas: -1 } }), 422);
});

test('containers for debugging are added through their own subresource, and stay as they were added', async () => {
  await json('POST', PODS, pod('debugged', { nodeName: 'n1' }));
  const path = `${PODS}/debugged/ephemeralcontainers`;
  const added = (containers: object[]) =>
    client.send({
      method: 'PATCH',
      path,
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
      body: JSON.stringify({ spec: { ephemeralContainers: containers, nodeName: 'elsewhere' } }),
    });
  const look = { name: 'look', image: 'registry.local:5000/x:1' };
  assert.equal((await added([look])).status, 200);
  const { spec } = await json('GET', `${PODS}/debugged`);
  assert.equal(spec['nodeName'], 'n1', 'nothing else of the pod changes');
  const [container] = spec['ephemeralContainers'] as Json[];
  assert.equal(container?.['name'], 'look');
  assert.equal(container?.['imagePullPolicy'], 'IfNotPresent');

  assert.equal(
    (await added([{ name: 'look', image: 'registry.local:5000/x:2' }])).status,
    422,
    'not changed',
  );
  assert.equal((await added([{ name: 'c', image: 'registry.local:5000/x:1' }])).status, 422, 'no name twice');
  const whole = await json('GET', path);
  const without = { ...whole, spec: { ...whole.spec, ephemeralContainers: [] } };
  assert.equal(await statusOf('PUT', path, without), 422, 'not removed');
  assert.equal(await statusOf('PUT', `${PODS}/debugged`, without), 422, 'nor through the pod itself');
});
