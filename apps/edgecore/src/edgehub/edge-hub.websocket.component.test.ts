import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Message } from '@kubeedge-ts/apis';
import { createBus } from '@kubeedge-ts/beehive';
import { type Logger, silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { edgeMigrations, openStore } from '@kubeedge-ts/store';
import {
  type Connection,
  createWebSocketTransport,
  type PeerIdentity,
  type Server,
} from '@kubeedge-ts/viaduct';
import { createCredentials, type TestCredentials } from '@kubeedge-ts/viaduct/testing';
import { createMetaManager } from '../metamanager/meta-manager.ts';
import { createEdgeHub } from './edge-hub.ts';
import { createIdentity } from './identity.ts';
import { type IdentityFiles, writeIdentity } from './identity-files.ts';
import { until } from './testing/manual-clock.ts';

const root = mkdtempSync(join(tmpdir(), 'hub-ws-'));
const transport = createWebSocketTransport({ clock: systemClock, log: silentLogger });
let credentials: TestCredentials;
let server: Server;
const accepted: { connection: Connection; messages: Message[] }[] = [];
const peers: PeerIdentity[] = [];

before(async () => {
  credentials = await createCredentials(1);
  const options = { address: '127.0.0.1', port: 0, tls: credentials.serverTls, maxFrameBytes: 1_048_576 };
  server = await transport.listen(
    options,
    (peer) => {
      peers.push(peer);
      return peer.commonName === `system:node:${peer.nodeName}`
        ? { accept: true }
        : { accept: false, status: 403, reason: 'certificate of another node' };
    },
    (connection) => {
      const messages: Message[] = [];
      accepted.push({ connection, messages });
      connection.start((text) => {
        messages.push(JSON.parse(text));
      });
    },
  );
});
after(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

/** EdgeHub and MetaManager as edgecore composes them, with the certificate of `certificateOf`. */
async function edge(nodeName: string, certificateOf: string, log: Logger = silentLogger) {
  const folder = mkdtempSync(join(root, 'edge-'));
  const files: IdentityFiles = {
    ca: join(folder, 'ca.crt'),
    cert: join(folder, 'node.crt'),
    key: join(folder, 'node.key'),
  };
  await writeIdentity(files, credentials.clientTls(certificateOf));
  const ports = { clock: systemClock, random: systemRandom, log };
  const store = await openStore({ ...ports, path: join(folder, 'edgecore.db'), migrations: edgeMigrations });
  const bus = createBus(systemClock);
  const identity = createIdentity({
    ...ports,
    // Every certificate is taken as the node's own, so that the server has to judge.
    nodeName: certificateOf,
    httpServer: 'https://127.0.0.1:1',
    files,
    token: () => '',
    enrol: () => Promise.reject(new Error('not needed')),
  });
  const hub = createEdgeHub({
    ...ports,
    config: {
      nodeName,
      projectId: 'p',
      websocketUrl: `127.0.0.1:${server.port}`,
      heartbeat: 15,
      rotateCertificates: true,
      storeEpoch: store.epoch,
    },
    transport,
    identity,
    bus,
    backoff: { initialMs: 5, maxMs: 20 },
  });
  const meta = createMetaManager({
    ...ports,
    store,
    bus,
    proveReceipt: () => hub.ping(),
    deliver: (messages) => hub.deliver(messages),
    cloudHeaders: () => hub.cloudHeaders,
  });
  await meta.module.start(new AbortController().signal);
  await hub.start(new AbortController().signal);
  const stop = async (): Promise<void> => {
    await hub.stop();
    await meta.module.stop();
    await store.close();
  };
  return { hub, meta, store, files, stop };
}

describe('over WebSocket with mutual TLS', () => {
  test('an object of the cloud is durable when its ack arrives, before and after a reconnect', async () => {
    const { hub, store, stop } = await edge('edge-a', 'edge-a');
    for (const [round, name] of ['first', 'second'].entries()) {
      await until(() => accepted.length > round && hub.connected, 'connection');
      const { connection, messages } = accepted[round] as (typeof accepted)[number];
      assert.equal(peers.at(-1)?.headers['x-kubeedge-ts-store'], store.epoch);
      await connection.send(
        JSON.stringify({
          header: { msg_id: name, timestamp: 1, resourceversion: '1' },
          route: {
            source: 'edgecontroller',
            group: 'resource',
            operation: 'insert',
            resource: `default/pod/${name}`,
          },
          content: { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', uid: name } },
        }),
      );
      await until(() => messages.some((message) => message.header.parent_msg_id === name), 'ack');
      const rows = await store.read({
        sql: 'SELECT key FROM meta WHERE key = ?',
        params: [`default/pod/${name}`],
      });
      assert.equal(rows.length, 1);
      assert.equal(messages[0]?.route.operation, 'keepalive');
      await hub.ping();
      connection.close(1001);
    }
    await stop();
    assert.equal(hub.connected, false);
  });

  test("with another node's certificate it is refused, says why, and keeps trying", async () => {
    const warnings: string[] = [];
    const before = peers.length;
    const log: Logger = {
      ...silentLogger,
      warn: (fields) => warnings.push(String((fields as { advice?: unknown }).advice)),
    };
    const { hub, files, stop } = await edge('edge-b', 'edge-a', log);
    await until(() => peers.length >= before + 3 && warnings.length >= 3, 'three attempts');
    assert.equal(hub.connected, false);
    assert.match(warnings[0] ?? '', /403: the certificate belongs to another node/);
    assert.equal(
      readFileSync(files.cert, 'utf8'),
      credentials.clientTls('edge-a').cert,
      'nothing is thrown away',
    );
    await stop();
  });
});
