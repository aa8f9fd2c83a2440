import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';
import { createTunnelBench, type TunnelBench, until } from '../testing/tunnels.ts';

const failsWith = (code: string, status?: number) => (error: unknown) =>
  isKubeEdgeError(error, code) && (status === undefined || error.details['status'] === status);

/** A TLS connection, and all that comes over it until it ends. */
async function raw(
  { server, credentials }: TunnelBench,
  tls: Partial<TlsMaterial>,
  text: string,
): Promise<string> {
  const socket = connect({
    port: server.port,
    host: '127.0.0.1',
    ...{ ca: credentials.serverTls.ca, ...tls },
    ALPNProtocols: ['http/1.1'],
  });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  socket.write(text);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString();
  });
  await once(socket, 'close');
  return answer;
}

const ask = (path = '/v1/kubeedge/connect', headers = 'SessionHostNameOverride: edge-a\r\n'): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}\r\n`;

describe('the tunnel listener', () => {
  test('lets an edge in as what its certificate says, and no other', async (t) => {
    const bench = await createTunnelBench(t);
    const tls = bench.credentials.clientTls('edge-a');
    await assert.rejects(bench.dial({ tls, nodeName: 'edge-b' }), failsWith('TUNNEL_REFUSED', 403));
    const answer = await raw(bench, tls, ask(undefined, 'SessionHostNameOverride: edge-b\r\n'));
    assert.match(answer, /^HTTP\/1\.1 403 /);
    assert.match(answer, /system:node:edge-a .* cannot be used as node edge-b/);
    assert.deepEqual(bench.accepted, []);

    const { cloud } = await bench.pair({ tls, nodeName: 'edge-a', internalIp: 'no address' });
    assert.equal(cloud.nodeName, 'edge-a');
    assert.equal(cloud.internalIp, '');
    assert.equal(cloud.remoteAddress, '127.0.0.1');
  });

  test('asks for a certificate of its own CA that is valid today', async (t) => {
    const bench = await createTunnelBench(t);
    const { foreignTls, expiredTls, serverTls } = bench.credentials;
    for (const tls of [{}, { cert: foreignTls.cert, key: foreignTls.key }, expiredTls]) {
      assert.match(await raw(bench, tls, ask()), /^HTTP\/1\.1 401 [\s\S]*client certificate required/);
      const plain = await raw(bench, tls, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      assert.match(plain, /^HTTP\/1\.1 401 /);
    }
    const tls = { ca: serverTls.ca, cert: foreignTls.cert, key: foreignTls.key };
    await assert.rejects(bench.dial({ tls }), failsWith('TUNNEL_REFUSED', 401));
  });

  test('answers what it does not serve, and what is malformed, with the reason', async (t) => {
    const bench = await createTunnelBench(t);
    const tls = bench.credentials.clientTls('edge-a');
    assert.match(await raw(bench, tls, ask('/v1/other')), /^HTTP\/1\.1 404 /);
    assert.match(await raw(bench, tls, ask(undefined, '')), /^HTTP\/1\.1 400 [\s\S]*is no node name/);
    assert.match(await raw(bench, tls, ask()), /^HTTP\/1\.1 400 /);
    assert.match(await raw(bench, tls, ask().replace('websocket', 'h2c')), /^HTTP\/1\.1 400 /);
    // the streams protocol is for those who negotiated it
    const streams = ask().replace('websocket', 'kubeedge-ts.streams.v1');
    assert.match(await raw(bench, tls, streams), /^HTTP\/1\.1 400 /);
    assert.match(await raw(bench, tls, `GET / HTTP/1.1\r\nHost: x\r\n\r\n`), /^HTTP\/1\.1 426 /);
    const long = ask(undefined, `SessionHostNameOverride: edge-a\r\nX: ${'a'.repeat(20_000)}\r\n`);
    assert.doesNotMatch(await raw(bench, tls, long), /^HTTP\/1\.1 101 /);
    await raw(bench, tls, '\x00\xff\r\n\r\n');
    await bench.pair();
  });

  test('bounds what strangers may hold, in number and in time', { timeout: 10_000 }, async (t) => {
    const bench = await createTunnelBench(t, { maxPendingHandshakes: 2, handshakeTimeoutMs: 300 });
    // an edge that is in does not count
    const { cloud } = await bench.pair();
    const strangers = [0, 1, 2].map(() => {
      const socket = connectTcp(bench.server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      return socket;
    });
    const closed = strangers.map((socket) => once(socket, 'close'));
    await Promise.race(closed);
    await Promise.all(closed);
    await bench.pair({ nodeName: 'edge-b' });
    assert.equal(cloud.openStreams, 0);
    cloud.open().destroy();
  });

  test('survives an edge that hangs up in the middle of the handshake', async (t) => {
    const bench = await createTunnelBench(t);
    const tls = bench.credentials.clientTls('edge-a');
    for (let count = 0; count < 20; count += 1) {
      const socket: TLSSocket = connect({
        port: bench.server.port,
        host: '127.0.0.1',
        ...tls,
        ALPNProtocols: ['kubeedge-ts.streams.v1'],
      });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      socket.write(ask().replace('websocket', 'kubeedge-ts.streams.v1'), () => socket.destroy());
      await once(socket, 'close');
    }
    await until(() => bench.accepted.every((tunnel) => tunnel.openStreams === 0));
    await bench.pair();
  });

  test('keeps going when a tunnel cannot be taken, and closes that one', async (t) => {
    const bench = await createTunnelBench(t, {
      onTunnel({ nodeName }) {
        if (nodeName === 'edge-b') throw new Error('no room');
      },
    });
    const edge = await bench.dial({ nodeName: 'edge-b' });
    assert.equal(await edge.closed, 'internal error');
    await bench.pair();
  });

  test('refuses as its owner decides', async (t) => {
    const bench = await createTunnelBench(t, {
      admission: () => ({ accept: false, status: 503, reason: 'not now' }),
    });
    await assert.rejects(bench.dial(), failsWith('TUNNEL_REFUSED', 503));
    assert.deepEqual(bench.accepted, []);
  });

  test('serves with a new certificate as soon as it has one', async (t) => {
    const bench = await createTunnelBench(t);
    const { serverTls, foreignTls } = bench.credentials;
    bench.server.setTls({ ...foreignTls, ca: serverTls.ca });
    await assert.rejects(bench.dial(), failsWith('TUNNEL_TLS'));
    bench.server.setTls(serverTls);
    await bench.pair();
  });
});

describe('dialling the tunnel', () => {
  test('fails with what to do about it', async (t) => {
    const bench = await createTunnelBench(t);
    await assert.rejects(bench.dial({ url: 'wss://127.0.0.1:1' }), failsWith('TUNNEL_UNREACHABLE'));
    await assert.rejects(bench.dial({ url: '[' }), failsWith('TUNNEL_UNREACHABLE'));
    const { foreignTls, clientTls } = bench.credentials;
    const strange = { ...clientTls('edge-a'), ca: foreignTls.ca };
    await assert.rejects(bench.dial({ tls: strange }), failsWith('TUNNEL_TLS'));
    const mixed = { ...clientTls('edge-a'), key: clientTls('edge-b').key };
    await assert.rejects(bench.dial({ tls: mixed }), failsWith('TUNNEL_TLS'));
    await assert.rejects(bench.dial({ tls: { ...mixed, cert: 'none' } }), failsWith('TUNNEL_TLS'));
  });

  test('ends with its deadline or its signal', async (t) => {
    const bench = await createTunnelBench(t);
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    t.after(() => silent.close());
    await once(silent, 'listening');
    const url = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await assert.rejects(bench.dial({ url, handshakeTimeoutMs: 50 }), failsWith('TUNNEL_UNREACHABLE'));
    const stopping = new AbortController();
    const dialling = bench.dial({ url, signal: stopping.signal });
    stopping.abort(new Error('stopping'));
    await assert.rejects(dialling, /stopping/);
    await assert.rejects(bench.dial({ url, signal: stopping.signal }), /stopping/);
  });
});
