import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Lease, Message, Node, TokenRequest } from '@kubeedge-ts/apis';
import { createBus } from '@kubeedge-ts/beehive';
import { seededRandom, silentLogger, systemRandom } from '@kubeedge-ts/runtime';
import { edgeMigrations, openStore, type Store } from '@kubeedge-ts/store';
import { createEdgeHub } from '../edgehub/edge-hub.ts';
import { createFakeCloud, type FakeLink } from '../edgehub/testing/fake-cloud.ts';
import { createManualClock, until } from '../edgehub/testing/manual-clock.ts';
import { createMetaManager } from './meta-manager.ts';

/**
 * The recorded upstream cloud drives our EdgeHub and MetaManager on a real store; edged's calls are taken from what the
 * recorded upstream edge sent. What we send must equal the recording, and the rows must be what the cloud sent.
 */

interface Frame extends Message {
  readonly event?: string;
  readonly dir?: 'cloud->edge' | 'edge->cloud';
}
type Status = Record<string, unknown>;

const file = new URL('../../../../tests/fixtures/upstream-wire/cloudhub-websocket.jsonl', import.meta.url);
const frames: readonly Frame[] = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const fromCloud = frames.filter((frame) => frame.dir === 'cloud->edge');
const fromEdge = frames.filter((frame) => frame.dir === 'edge->cloud' && frame.header.msg_id !== '');
const RECORDED_AT = 1_795_356_529_000;

const folder = mkdtempSync(join(tmpdir(), 'recording-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let store: Store;
const sent: Message[] = [];
const twinInbox: Message[] = [];

/** Recorded id of a request of the edge → the id ours had. */
const ids = new Map<string, string>();
const isAck = (message: Message): boolean =>
  message.route.operation === 'response' && message.content === 'OK';
const body = ({ route, content }: Message) => ({ route, content });
const answerTo = (request: Frame): Frame | undefined =>
  fromCloud.find((frame) => frame.header.parent_msg_id === request.header.msg_id);

before(async () => {
  const cloud = createFakeCloud();
  cloud.onMessage = (message) => sent.push(message);
  const clock = createManualClock(RECORDED_AT);
  const bus = createBus(clock);
  const twin = bus.register({ module: 'twin', group: 'twin' });
  void (async () => {
    for (let m = await twin.mailbox.take(); m; m = await twin.mailbox.take()) twinInbox.push(m);
  })();
  store = await openStore({
    path: join(folder, 'edgecore.db'),
    migrations: edgeMigrations,
    random: systemRandom,
    log: silentLogger,
  });
  const random = seededRandom(1);
  const hub = createEdgeHub({
    config: {
      nodeName: 'edge-go',
      projectId: 'e632aba927ea4ac2b575ec1603d56f10',
      websocketUrl: '127.0.0.1:10000',
      heartbeat: 15,
      rotateCertificates: false,
    },
    transport: cloud.transport,
    identity: {
      obtain: async () => ({ ca: '', cert: '', key: '' }),
      refused: () => {},
      keepRenewed: async () => {},
    },
    bus,
    clock,
    random,
    log: silentLogger,
  });
  const meta = createMetaManager({
    store,
    bus,
    clock,
    random,
    log: silentLogger,
    deliver: async () => {},
  });
  const { client } = meta;
  await meta.module.start(new AbortController().signal);
  await hub.start(new AbortController().signal);
  const calls: Promise<unknown>[] = [];
  let link: FakeLink | undefined;

  /** What edged would have called for the upstream edge to send this. */
  const call = (frame: Frame): Promise<unknown> | undefined => {
    const { source, operation, resource = '' } = frame.route;
    if (source !== 'edged') return undefined;
    const [namespace = '', type, name = ''] = resource.split('/');
    if (type === 'lease') {
      return operation === 'query' ? client.getLease(name) : client.putLease(frame.content as Lease);
    }
    if (type === 'node') return client.createNode(frame.content as Node);
    if (type === 'serviceaccounttoken')
      return client.getToken(namespace, name, frame.content as TokenRequest);
    if (type === 'configmap') return client.getReferenced(type, namespace, name);
    const { Object: object } = (answerTo(frame) as Frame).content as {
      Object: { metadata: { uid: string }; status: Status };
    };
    if (type === 'nodepatch') return client.reportNodeStatus(name, object.status);
    return client.reportPodStatus({ namespace, name, uid: object.metadata.uid }, object.status);
  };

  for (const frame of frames) {
    if (frame.event === 'connect') {
      await until(() => {
        clock.advance(100);
        return hub.connected;
      }, 'connection');
      link = cloud.links.at(-1);
      await until(() => client.connected, 'metamanager to hear of it');
    } else if (frame.event === 'close') {
      link?.close();
      await until(() => !client.connected, 'metamanager to hear of the end');
    } else if (frame.dir === 'edge->cloud') {
      const count = sent.length;
      const asked = call(frame);
      if (asked === undefined) continue;
      calls.push(asked.catch((error) => error));
      const { operation, resource } = frame.route;
      const find = () =>
        sent.slice(count).find((m) => m.route.operation === operation && m.route.resource === resource);
      // Ours asks once where upstream asks again for what it has already stored.
      const settled = asked.then(
        () => true,
        () => true,
      );
      let done = false;
      void settled.then(() => {
        done = true;
      });
      const isReport = operation === 'patch';
      await until(() => find() !== undefined || (done && !isReport), `${operation} ${resource}`);
      const ours = find();
      if (ours !== undefined) ids.set(frame.header.msg_id, ours.header.msg_id);
    } else if (frame.dir === 'cloud->edge') {
      const parent = frame.header.parent_msg_id;
      const header = parent ? { ...frame.header, parent_msg_id: ids.get(parent) ?? parent } : frame.header;
      await link?.send({ header, route: frame.route, content: frame.content });
      const wasAcked = fromEdge.some((m) => isAck(m) && m.header.parent_msg_id === frame.header.msg_id);
      const acked = () => sent.some((m) => isAck(m) && m.header.parent_msg_id === frame.header.msg_id);
      if (wasAcked) await until(acked, `ack of ${frame.route.operation} ${frame.route.resource}`);
    }
  }
  await Promise.all(calls);
  await until(
    async () => (await store.read({ sql: 'SELECT 1 FROM outbox' })).length === 0,
    'an empty outbox',
  );
  await hub.stop();
  await meta.module.stop();
  twin.close();
});
after(() => store.close());

describe('what we send', () => {
  test('acknowledges exactly what the upstream edge acknowledged, with equal route and content', () => {
    const acks = (messages: readonly Message[]) =>
      Object.fromEntries(messages.filter(isAck).map((ack) => [ack.header.parent_msg_id ?? '', body(ack)]));
    assert.deepEqual(acks(sent), acks(fromEdge));
  });

  test('asks and reports with equal messages, wherever upstream does not ask twice', () => {
    const requests = fromEdge.filter((frame) => frame.route.source === 'edged');
    const ours = new Map(sent.map((message) => [message.header.msg_id, message]));
    let compared = 0;
    for (const request of requests) {
      const id = ids.get(request.header.msg_id);
      if (id === undefined) continue;
      compared += 1;
      assert.deepEqual(body(ours.get(id) as Message), body(request), request.route.resource ?? '');
    }
    const skipped = requests
      .filter((request) => !ids.has(request.header.msg_id))
      .map((r) => r.route.resource);
    assert.deepEqual([...new Set(skipped)].sort(), [
      'default/configmap/kube-root-ca.crt',
      'default/configmap/openshift-service-ca.crt',
      'default/serviceaccounttoken/default',
    ]);
    assert.equal(compared, requests.length - skipped.length);
    const edgedSent = sent.filter((message) => message.route.source === 'edged');
    assert.equal(edgedSent.length, compared, 'and nothing else');
  });

  test('begins every connection with the keepalive', () => {
    const keepalives = sent.filter((message) => message.route.operation === 'keepalive');
    const recorded = fromEdge.find((frame) => frame.route.operation === 'keepalive') as Frame;
    assert.equal(keepalives.length, 2);
    for (const keepalive of keepalives) assert.deepEqual(body(keepalive), body(recorded));
  });
});

describe('the store afterwards', () => {
  const rows = async (where: string) =>
    Object.fromEntries(
      (await store.read({ sql: `SELECT key, value FROM meta WHERE ${where}` })).map((row) => [
        String(row['key']),
        JSON.parse(String(row['value'])),
      ]),
    );

  test('holds the objects the cloud sent and not those it deleted', async () => {
    const expected: Record<string, unknown> = {};
    const objects = new Set(['pod', 'node', 'configmap', 'secret', 'device', 'devicemodel']);
    for (const { route, content } of fromCloud) {
      const { resource = '', operation = '' } = route;
      const type = resource.split('/')[1] ?? '';
      if (!objects.has(type) || route.group !== 'resource') continue;
      if (operation === 'delete') delete expected[resource];
      else if (operation !== 'response' || type === 'configmap') expected[resource] = content;
    }
    assert.ok(Object.keys(expected).length >= 9);
    const types = [...objects].map((type) => `'${type}'`).join(', ');
    assert.deepEqual(await rows(`type IN (${types})`), expected);
  });

  test('holds the last patch per object as upstream keeps it', async () => {
    const expected: Record<string, unknown> = {};
    for (const { route, content } of fromEdge) {
      if (route.operation === 'patch') expected[route.resource ?? ''] = JSON.parse(String(content));
    }
    assert.deepEqual(await rows("type IN ('podpatch', 'nodepatch')"), expected);
  });

  test('holds one token per pod and nothing else', async () => {
    assert.equal(Object.keys(await rows("type = 'serviceaccounttoken'")).length, 3);
    const [count] = await store.read({ sql: 'SELECT count(*) AS n FROM meta' });
    const known = "'pod', 'node', 'configmap', 'secret', 'device', 'devicemodel', 'podpatch', 'nodepatch'";
    assert.equal(Number(count?.['n']), 3 + Object.keys(await rows(`type IN (${known})`)).length);
  });

  test('shows the objects in meta_v2 under the keys upstream gives them', async () => {
    const keys = (await store.read({ sql: 'SELECT key FROM meta_v2 ORDER BY key' })).map((row) => row['key']);
    assert.deepEqual(keys, [
      '/core/v1/configmaps/default/app-config',
      '/core/v1/nodes/null/edge-go',
      '/core/v1/pods/default/demo',
      '/core/v1/pods/default/web-6564b7f7-8f7ph',
      '/core/v1/pods/default/web-6564b7f7-w29bj',
      '/core/v1/secrets/default/app-secret',
      '/devices.kubeedge.io/v1beta1/devicemodels/default/thermo-model',
      '/devices.kubeedge.io/v1beta1/devices/default/thermo-1',
    ]);
  });
});

test('devices, models, membership and confirmations reached the twin module', () => {
  const expected = fromCloud.filter(
    ({ route }) => route.group === 'twin' || /\/device(model)?\//.test(route.resource ?? ''),
  );
  const seen = twinInbox.filter((message) => message.route.resource !== 'node/connection');
  assert.deepEqual(
    seen.map(({ route, content }) => [route.operation, route.resource, route.group, content]),
    expected.map(({ route, content }) => [route.operation, route.resource, 'twin', content]),
  );
});
