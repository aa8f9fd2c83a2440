import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { WebSocket } from 'ws';
import { admitNode } from '../admission.ts';
import { collect, createCredentials, type TestCredentials, until } from '../testing/index.ts';
import type { Connection, Server, ServerOptions } from '../types.ts';
import { createWebSocketTransport } from './transport.ts';

/** The end of a socket, with or without an error. */
const ended = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve));

const transport = createWebSocketTransport({ clock: systemClock, log: silentLogger });
const credentials = await createCredentials(1);

async function listen(
  t: TestContext,
  options: Partial<ServerOptions> = {},
): Promise<{ server: Server; accepted: Connection[] }> {
  const accepted: Connection[] = [];
  const server = await transport.listen(
    { address: '127.0.0.1', port: 0, tls: credentials.serverTls, maxFrameBytes: 1_048_576, ...options },
    admitNode(),
    (connection) => accepted.push(connection),
  );
  t.after(() => server.close());
  return { server, accepted };
}

const HEADERS = { node_id: 'edge-0', project_id: 'p', ConnectionUse: 'msg' };

/** A WebSocket client that is not ours. */
function rawPeer(
  port: number,
  headers: Record<string, string> = HEADERS,
  tls: TestCredentials['serverTls'] = credentials.clientTls('edge-0'),
): WebSocket {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/p/edge-0/events`, {
    ...tls,
    ca: credentials.serverTls.ca,
    headers,
  });
  socket.on('error', () => undefined);
  return socket;
}

async function refusalOf(socket: WebSocket): Promise<{ status: number | undefined; text: string }> {
  const [, response] = await once(socket, 'unexpected-response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, text: text.trim() };
}

describe('WebSocket handshake', () => {
  for (const [title, headers] of [
    ['without ConnectionUse', { node_id: 'edge-0', project_id: 'p' }],
    ['with ConnectionUse str', { ...HEADERS, ConnectionUse: 'str' }],
    ['without node_id', { project_id: 'p', ConnectionUse: 'msg' }],
    ['with a node_id that is no node name', { ...HEADERS, node_id: '../edge-0' }],
  ] as const) {
    it(`a peer ${title} is refused with 400`, async (t) => {
      const { server } = await listen(t);
      assert.equal((await refusalOf(rawPeer(server.port, { ...headers }))).status, 400);
    });
  }

  it('header names are compared without case, as Go writes them', async (t) => {
    const { server, accepted } = await listen(t);
    const peer = rawPeer(server.port, { Node_id: 'edge-0', Project_id: 'p', Connectionuse: 'msg' });
    await once(peer, 'open');
    assert.equal(accepted[0]?.peer.nodeName, 'edge-0');
  });

  it('a peer without a client certificate is refused with 401', async (t) => {
    const { server } = await listen(t);
    const socket = new WebSocket(`wss://127.0.0.1:${server.port}/`, {
      ca: credentials.serverTls.ca,
      headers: HEADERS,
    });
    socket.on('error', () => undefined);
    assert.equal((await refusalOf(socket)).status, 401);
  });

  it('an expired certificate is refused with 401 and says so', async (t) => {
    const { server } = await listen(t);
    const refusal = await refusalOf(rawPeer(server.port, HEADERS, credentials.expiredTls));
    assert.equal(refusal.status, 401);
    assert.match(refusal.text, /CERT_HAS_EXPIRED|expired/);
  });

  it('a peer that names another Origin is refused with 403', async (t) => {
    const { server } = await listen(t);
    const refusal = await refusalOf(rawPeer(server.port, { ...HEADERS, Origin: 'https://evil.example' }));
    assert.equal(refusal.status, 403);
  });

  it('plain HTTPS gets 426 with a certificate and 401 without', async (t) => {
    const { server } = await listen(t);
    const { cert, key } = credentials.clientTls('edge-0');
    for (const [client, expected] of [
      [{ cert, key }, 426],
      [{}, 401],
    ] as const) {
      const outgoing = request(`https://127.0.0.1:${server.port}/`, {
        ...client,
        ca: credentials.serverTls.ca,
        agent: false,
      });
      outgoing.end();
      const [response] = await once(outgoing, 'response');
      response.resume();
      assert.equal(response.statusCode, expected);
    }
  });

  it('every cipher of upstream works with TLS 1.2, and TLS 1.1 does not', async (t) => {
    const { server } = await listen(t);
    const handshake = async (options: ConnectionOptions): Promise<string> => {
      const socket: TLSSocket = connect({
        port: server.port,
        host: '127.0.0.1',
        ...credentials.clientTls('edge-0'),
        ...options,
      });
      try {
        await once(socket, 'secureConnect');
        return `${socket.getProtocol()} ${socket.getCipher().name}`;
      } catch {
        return 'refused';
      } finally {
        socket.destroy();
      }
    };
    for (const ciphers of [
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
    ]) {
      assert.equal(await handshake({ ciphers, maxVersion: 'TLSv1.2' }), `TLSv1.2 ${ciphers}`);
    }
    assert.match(await handshake({}), /^TLSv1.3 /);
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' } as const;
    assert.equal(await handshake(old), 'refused');
  });

  it('pending handshakes are bounded in number and in time, and a finished one frees its place', async (t) => {
    const { server } = await listen(t, { maxPendingHandshakes: 2, handshakeTimeoutMs: 300 });
    const open = [rawPeer(server.port)];
    await once(open[0] as WebSocket, 'open');
    const idle = Array.from({ length: 3 }, () => connectTcp(server.port, '127.0.0.1'));
    let closed = 0;
    for (const socket of idle) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        closed += 1;
      });
      socket.resume();
    }
    const started = performance.now();
    await until(() => closed >= 1);
    assert.ok(performance.now() - started < 250, 'the third one is turned away at once');
    await until(() => closed === 3);
    assert.equal(open[0]?.readyState, WebSocket.OPEN, 'the finished handshake has no time limit any more');
    const late = rawPeer(server.port);
    await once(late, 'open');
  });
});

describe('WebSocket frames', () => {
  it('binary frames carry text as well; one that is not UTF-8 ends the connection with 1007', async (t) => {
    const { server, accepted } = await listen(t);
    const peer = rawPeer(server.port);
    await once(peer, 'open');
    const connection = accepted[0] as Connection;
    const seen = collect(connection);
    peer.send(Buffer.from('{"grüße":1}'), { binary: true });
    await until(() => seen.length === 1);
    assert.equal(seen[0], '{"grüße":1}');
    peer.send(Buffer.from([0xff, 0xfe]), { binary: true });
    assert.equal((await connection.closed).code, 1007);
  });

  it('a fragmented frame arrives as one, with pings between its parts answered', async (t) => {
    const { server, accepted } = await listen(t);
    const peer = rawPeer(server.port);
    await once(peer, 'open');
    const seen = collect(accepted[0] as Connection);
    peer.send('one ', { fin: false });
    peer.ping('hello');
    const [payload] = await once(peer, 'pong');
    assert.equal(String(payload), 'hello');
    peer.send('two', { fin: true });
    await until(() => seen.length === 1);
    assert.equal(seen[0], 'one two');
  });

  it('a peer that ends without a close frame is noticed at once', async (t) => {
    const { server, accepted } = await listen(t);
    const peer = rawPeer(server.port);
    await once(peer, 'open');
    const connection = accepted[0] as Connection;
    collect(connection);
    peer.terminate();
    assert.deepEqual(await connection.closed, {
      code: 1006,
      reason: 'ended without a close frame',
      local: false,
    });
  });

  it('a pong nobody asked for changes nothing', async (t) => {
    const { server, accepted } = await listen(t);
    const peer = rawPeer(server.port);
    await once(peer, 'open');
    const connection = accepted[0] as Connection;
    collect(connection);
    for (const payload of ['', '99', '-1', 'NaN', '__proto__']) peer.pong(payload);
    await connection.ping(AbortSignal.timeout(5_000));
  });
});

describe('WebSocket listener and garbage', () => {
  it('malformed TCP, TLS, HTTP and WebSocket bytes end only the connection they came on', async (t) => {
    const { server, accepted } = await listen(t);
    const good = rawPeer(server.port);
    await once(good, 'open');
    const seen = collect(accepted[0] as Connection);

    const noise = Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 151 + 7) & 0xff));
    for (const bytes of [noise, Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(0)]) {
      const socket = connectTcp(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.end(bytes);
      socket.resume();
      await ended(socket);
    }
    const upgrade =
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nnode_id: edge-0\r\nproject_id: p\r\nConnectionUse: msg\r\n';
    for (const bytes of [
      noise,
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n'),
      Buffer.from(`${upgrade}X: ${'y'.repeat(40_000)}\r\n\r\n`),
      Buffer.from(upgrade.replace('dGhlIHNhbXBsZSBub25jZQ==', 'short')),
      Buffer.concat([Buffer.from(`${upgrade}\r\n`), noise]),
      // A frame that declares 2^63 - 1 bytes.
      Buffer.concat([Buffer.from(`${upgrade}\r\n`), Buffer.from('81ff7fffffffffffffff00000000', 'hex')]),
    ]) {
      const socket = connect({
        port: server.port,
        host: '127.0.0.1',
        ...credentials.clientTls('edge-0'),
      });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      socket.end(bytes);
      socket.resume();
      const before = accepted.length;
      await Promise.race([ended(socket), until(() => accepted.length > before).catch(() => undefined)]);
      for (const connection of accepted.slice(1)) collect(connection);
      socket.destroy();
      accepted.length = 1;
    }
    good.send('still here');
    await until(() => seen.length === 1);
  });
});

describe('WebSocket dial', () => {
  it('a server that never answers is given up after the handshake timeout', async (t) => {
    const { createServer } = await import('node:net');
    const silent = createServer(() => undefined);
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => silent.close());
    const { port } = silent.address() as { port: number };
    const attempt = transport.dial({
      url: `wss://127.0.0.1:${port}/p/edge-0/events`,
      tls: credentials.clientTls('edge-0'),
      nodeName: 'edge-0',
      projectId: 'p',
      maxFrameBytes: 1_000,
      handshakeTimeoutMs: 50,
    });
    await assert.rejects(attempt, (error) => isKubeEdgeError(error, 'VIADUCT_UNREACHABLE'));
  });

  it('a host the server certificate does not cover is VIADUCT_TLS with the name in it', async (t) => {
    const { server } = await listen(t, { address: '0.0.0.0' });
    const attempt = transport.dial({
      url: `wss://127.0.0.2:${server.port}/p/edge-0/events`,
      tls: credentials.clientTls('edge-0'),
      nodeName: 'edge-0',
      projectId: 'p',
      maxFrameBytes: 1_000,
      handshakeTimeoutMs: 5_000,
    });
    await assert.rejects(attempt, (error) => {
      assert.ok(isKubeEdgeError(error, 'VIADUCT_TLS'));
      assert.match(error.message, /127\.0\.0\.2/);
      return true;
    });
  });
});
