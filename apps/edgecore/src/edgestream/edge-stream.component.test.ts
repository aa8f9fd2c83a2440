import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import { type Logger, silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { listenTunnels, type NodeTunnel, type StreamTunnel } from '@kubeedge-ts/tunnel';
import { testCredentials } from '@kubeedge-ts/tunnel/testing';
import { admitNode } from '@kubeedge-ts/viaduct';
import { until } from '@kubeedge-ts/viaduct/testing';
import { sendText } from '../edged/server/http-answers.ts';
import { fakeRuntime } from '../edged/server/testing/raw-http.ts';
import { createEdgeStream, type EdgeStreamOptions } from './edge-stream.ts';
import { kubeletWith } from './testing/kubelet.ts';

/** A node with its kubelet endpoint, and a cloud that it dials. */
async function site(t: TestContext, changes: Partial<EdgeStreamOptions> = {}) {
  const { serverTls, clientTls } = await testCredentials();
  const runtime = await fakeRuntime();
  const kubelet = kubeletWith(
    ({ params, query }, response) =>
      sendText(response, 200, JSON.stringify({ ...params, query: [...query] })),
    async () => runtime.url,
  );
  const tunnels: NodeTunnel[] = [];
  const listen = (port: number) =>
    listenTunnels(
      {
        address: '127.0.0.1',
        port,
        tls: serverTls,
        admission: admitNode(),
        clock: systemClock,
        log: silentLogger,
      },
      (tunnel) => tunnels.push(tunnel),
    );
  let server = await listen(0);
  const { port } = server;
  const module = createEdgeStream({
    config: { nodeName: 'edge-a', server: `127.0.0.1:${port}`, handshakeTimeoutMs: 5_000 },
    credentials: async () => clientTls('edge-a'),
    internalIp: async () => '192.0.2.10',
    kubelet,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    backoff: { initialMs: 5, maxMs: 20 },
    ...changes,
  });
  await module.start(new AbortController().signal);
  t.after(async () => {
    await module.stop();
    kubelet.close();
    await server.close();
    await runtime.close();
  });
  return {
    runtime,
    tunnels,
    module,
    async restartCloud() {
      await server.close();
      server = await listen(port);
    },
    async tunnel(count = 1): Promise<StreamTunnel> {
      await until(() => tunnels.length >= count);
      const tunnel = tunnels[count - 1];
      if (tunnel?.kind !== 'streams') throw new Error('not the tunnel that was expected');
      return tunnel;
    },
  };
}

const SPDY = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1' };

async function get(tunnel: StreamTunnel, path: string): Promise<{ status: number; body: string }> {
  const request = httpRequest({ path, createConnection: () => tunnel.open() });
  request.on('error', () => undefined);
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}

async function exec(tunnel: StreamTunnel): Promise<Duplex> {
  const request = httpRequest({
    method: 'POST',
    path: '/exec/ns/pod/c?command=sh&output=1',
    headers: SPDY,
    createConnection: () => tunnel.open(),
  });
  request.end();
  const [, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
  return socket;
}

function heardBy(socket: Duplex): { text: string; ended: boolean } {
  const state = { text: '', ended: false };
  socket.on('data', (chunk: Buffer) => {
    state.text += chunk.toString();
  });
  socket.on('end', () => {
    state.ended = true;
  });
  socket.on('error', () => undefined);
  return state;
}

describe('the node behind its tunnel', () => {
  test('answers the cloud with what its kubelet endpoint has for the cloud only', async (t) => {
    const { tunnel } = await site(t);
    const cloud = await tunnel();
    assert.deepEqual([cloud.nodeName, cloud.internalIp], ['edge-a', '192.0.2.10']);
    const { status, body } = await get(cloud, '/containerLogs/ns/pod/c?tailLines=5');
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body), {
      namespace: 'ns',
      pod: 'pod',
      container: 'c',
      query: [['tailLines', '5']],
    });
    assert.equal((await get(cloud, '/nothing')).status, 404);
    await until(() => cloud.openStreams === 0);
  });

  test('lets an exec be ended by either side first, and the other finish what it says', async (t) => {
    const { tunnel, runtime } = await site(t);
    const cloud = await tunnel();
    for (const kubectlFirst of [true, false]) {
      const kubectl = await exec(cloud);
      const process: Socket = await runtime.next();
      const [first, second] = kubectlFirst ? [kubectl, process] : [process, kubectl];
      const [heardByFirst, heardBySecond] = [heardBy(first), heardBy(second)];
      first.end('that was all');
      await until(() => heardBySecond.ended, `the end of ${kubectlFirst ? 'kubectl' : 'the process'}`);
      assert.equal(heardBySecond.text, 'that was all');
      second.end('goodbye');
      await until(() => heardByFirst.ended);
      assert.equal(heardByFirst.text, 'goodbye');
    }
    await until(() => cloud.openStreams === 0);
  });

  test('resets the process of an exec whose client has vanished', async (t) => {
    const { tunnel, runtime } = await site(t);
    const cloud = await tunnel();
    const kubectl = await exec(cloud);
    const process = await runtime.next();
    process.on('error', () => undefined);
    kubectl.destroy();
    await new Promise<void>((resolve) => process.once('close', () => resolve()));
    await until(() => cloud.openStreams === 0);
  });

  test('dials again when the cloud has been restarted; what was open ends with an error', {
    timeout: 10_000,
  }, async (t) => {
    const { tunnel, runtime, restartCloud } = await site(t);
    const kubectl = await exec(await tunnel());
    const process = await runtime.next();
    const failed = once(kubectl, 'error');
    const closed = new Promise<void>((resolve) =>
      process.on('error', () => undefined).once('close', () => resolve()),
    );
    await restartCloud();
    assert.match(String((await failed)[0]), /the tunnel of node edge-a has ended: cloudcore is stopping/);
    await closed;
    assert.equal((await get(await tunnel(2), '/pods')).status, 200);
  });

  test('waits for its certificate, and complains once', async (t) => {
    const complaints: string[] = [];
    const log: Logger = { ...silentLogger, warn: (_fields, message) => complaints.push(message) };
    const { clientTls } = await testCredentials();
    let tries = 0;
    const { tunnel } = await site(t, {
      log,
      async credentials() {
        tries += 1;
        if (tries < 5)
          throw edgecoreErrors.create('EDGE_TOKEN_MISSING', { nodeName: 'edge-a', problem: 'none' });
        return clientTls('edge-a');
      },
    });
    await tunnel();
    assert.equal(tries, 5);
    assert.equal(complaints.length, 1);
    assert.match(complaints[0] ?? '', /no tunnel to the cloud/);
  });

  test('stops while it dials and while it waits', async (t) => {
    const { module } = await site(t, {
      config: { nodeName: 'edge-a', server: '127.0.0.1:1', handshakeTimeoutMs: 5_000 },
      backoff: { initialMs: 3_600_000, maxMs: 3_600_000 },
    });
    await module.stop();
    const hanging = await site(t, {
      credentials: (signal) => once(signal, 'abort').then(() => Promise.reject(signal.reason)),
    });
    await hanging.module.stop();
  });

  test('dials at once when it hears that the cloud is there again', async (t) => {
    const { module, tunnel, restartCloud } = await site(t, {
      backoff: { initialMs: 3_600_000, maxMs: 3_600_000 },
    });
    const first = await tunnel();
    await restartCloud();
    await first.closed;
    // it may hear of it before it has noticed the loss itself
    const poking = setInterval(() => module.poke(), 5);
    t.after(() => clearInterval(poking));
    assert.equal((await tunnel(2)).nodeName, 'edge-a');
  });
});
