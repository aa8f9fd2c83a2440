import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { parse } from 'yaml';
import { createRawClient, type RawClient } from '../testing/raw-client.ts';
import { type ApiServer, type ApiServerOptions, createApiServer } from './index.ts';

const CMS = '/api/v1/namespaces/default/configmaps';

interface Event {
  readonly type: string;
  readonly object: {
    readonly metadata: Record<string, string>;
    readonly code?: number;
    readonly message?: string;
  };
}

/** Runs a test against a server of its own. */
async function withServer(
  options: ApiServerOptions,
  use: (client: RawClient, server: ApiServer) => Promise<void>,
): Promise<void> {
  const server = await createApiServer(options);
  const client = createRawClient(server);
  try {
    await use(client, server);
  } finally {
    client.close();
    await server.close();
  }
}

async function put(client: RawClient, name: string, value: string): Promise<string> {
  const path = `${CMS}/${name}?fieldManager=test`;
  const answer = await client.send({
    method: 'PATCH',
    path,
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } }),
  });
  assert.ok(answer.status < 300, answer.text);
  return (JSON.parse(answer.text) as Event['object']).metadata['resourceVersion'] ?? '';
}

async function watchLines(client: RawClient, query: string, lines: number): Promise<Event[]> {
  let seen = 0;
  const answer = await client.send({
    method: 'GET',
    path: `${CMS}?watch=true&${query}`,
    enough(_text, chunk) {
      seen += chunk.split('\n').length - 1;
      return seen >= lines;
    },
    closeAfterMs: 10_000,
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
}

test('a watch goes on after a restart of the server where it was', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'standalone-watch-'));
  try {
    let since = '';
    await withServer({ dataDir: folder }, async (client) => {
      since = await put(client, 'a', '1');
      await put(client, 'b', '1');
    });
    await withServer({ dataDir: folder }, async (client) => {
      await put(client, 'a', '2');
      const events = await watchLines(client, `resourceVersion=${since}`, 2);
      assert.deepEqual(
        events.map(({ type, object }) => [type, object.metadata['name']]),
        [
          ['ADDED', 'b'],
          ['MODIFIED', 'a'],
        ],
      );
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a watch from a version that history has lost is told so: 410, Expired', async () => {
  await withServer({ history: { events: 50, bytes: 1_000_000 } }, async (client) => {
    const since = await put(client, 'a', '0');
    for (let value = 1; value < 600; value++) await put(client, 'a', String(value));
    const [event] = await watchLines(client, `resourceVersion=${since}`, 1);
    assert.equal(event?.type, 'ERROR');
    assert.equal(event?.object.code, 410);
    assert.match(event?.object.message ?? '', /^too old resource version: \d+ \(\d+\)$/);
    const list = await client.send({
      method: 'GET',
      path: `${CMS}?resourceVersion=${since}&resourceVersionMatch=Exact`,
    });
    assert.equal(list.status, 410);
  });
});

test('a watch from the future is refused, so that a restored cluster is noticed', async () => {
  await withServer({}, async (client) => {
    const answer = await client.send({ method: 'GET', path: `${CMS}?watch=true&resourceVersion=999999` });
    assert.equal(answer.status, 504);
    assert.match(answer.text, /Too large resource version: 999999/);
  });
});

test('bookmarks carry the newest version to watches that see nothing else, and one comes before the end', async () => {
  const clock = createVirtualClock();
  await withServer({ clock }, async (client) => {
    const since = await put(client, 'other', '1');
    let received = '';
    const watching = client.send({
      method: 'GET',
      path: `${CMS}?watch=true&allowWatchBookmarks=true&timeoutSeconds=90&resourceVersion=${since}&fieldSelector=metadata.name%3Dquiet`,
      enough: (text) => {
        received = text;
        return false;
      },
    });
    // The watch is open when an object it selects arrives.
    await put(client, 'quiet', '1');
    await until(() => received.includes('quiet'));
    const newest = await put(client, 'other', '2');
    await clock.advance(61_000);
    await until(() => received.includes('BOOKMARK'));
    await clock.advance(30_000);
    const events = (await watching).text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Event);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['ADDED', 'BOOKMARK', 'BOOKMARK'],
    );
    assert.equal(events[1]?.object.metadata['resourceVersion'], newest);
  });
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, 'waited too long');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a watcher that does not read is dropped; the others see everything', async () => {
  await withServer({}, async (client, server) => {
    const config = parse(server.adminKubeconfig) as { users: { user: Record<string, string> }[] };
    const user = config.users[0]!.user;
    const decode = (name: string): Buffer => Buffer.from(user[name] ?? '', 'base64');
    const { port } = new URL(server.url);
    const socket = connect({
      host: '127.0.0.1',
      port: Number(port),
      ca: server.caPem,
      cert: decode('client-certificate-data'),
      key: decode('client-key-data'),
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {
      // A reset is one way of being dropped.
    });
    await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()));
    socket.write(`GET ${CMS}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.pause();

    const value = 'x'.repeat(900_000);
    const reader = watchLines(client, 'fieldSelector=metadata.name%3Dbig', 40);
    for (let round = 0; round < 40; round++) await put(client, 'big', `${round}${value}`);
    assert.equal((await reader).length, 40);
    // Reading on shows that the server has ended it.
    socket.resume();
    await closed;
  });
});

test('closing the server ends its watches', async () => {
  const server = await createApiServer();
  const client = createRawClient(server);
  const watching = watchLines(client, '', 1000);
  await put(client, 'a', '1');
  await server.close();
  assert.ok((await watching).length >= 0);
  client.close();
});
