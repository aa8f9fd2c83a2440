import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { ROUTES } from '../kubelet-routes.ts';
import { type FrameConnect, fakeFrameTunnel, linkedPair } from '../testing/fake-tunnels.ts';
import { kubeletWorld } from '../testing/kubelet-world.ts';
import { connectTypeOf, withoutRequest } from './frames.ts';

const AGREE =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nX-Odd-Case: Kept\r\nUpgrade: SPDY/3.1\r\n\r\n';

async function upstreamNode(t: TestContext, onConnect: (connect: FrameConnect) => void, name = 'edge-go') {
  const world = await kubeletWorld(t);
  const tunnel = fakeFrameTunnel(name, onConnect);
  const port = await world.connectNode(tunnel);
  return { world, tunnel, port };
}

describe('an upstream edge', () => {
  test('gives logs as they come, after an answer that has begun before', async (t) => {
    const { world, tunnel, port } = await upstreamNode(t, ({ stream }) => {
      stream.write('first\n');
      stream.end('second\n');
    });
    const path = '/containerLogs/shop/web/main?follow=true';
    const headers = { 'x-some-header': 'a', authorization: 'Bearer secret', 'accept-encoding': 'gzip' };
    const answer = await world.call({ port, path, tls: world.apiServer, headers });
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'first\nsecond\n');
    const [connect] = tunnel.connects;
    assert.equal(connect?.type, 'logs');
    assert.equal(connect?.request.path, path);
    assert.deepEqual(connect?.request.headers['X-Some-Header'], ['a']);
    assert.deepEqual(connect?.request.headers['Accept-Encoding'], ['identity']);
    assert.equal(connect?.request.headers['Authorization'], undefined);
  });

  test('gives figures', async (t) => {
    const { world, tunnel, port } = await upstreamNode(t, ({ stream }) => void stream.end('{"node":{}}\n'));
    for (const path of ['/stats/summary', '/metrics/resource', '/healthz', '/stats/shop/web/uid/main']) {
      const answer = await world.call({ port, path, tls: world.apiServer });
      assert.equal(answer.status, 200, path);
      assert.equal(answer.text, '{"node":{}}\n');
    }
    assert.ok(tunnel.connects.every(({ type }) => type === 'metrics'));
    const { headers } = await world.call({ port, path: '/stats/summary', tls: world.apiServer });
    assert.equal(headers['content-type'], 'application/json');
  });

  test('an asker of logs that goes away ends the stream', async (t) => {
    let gone = false;
    const { world, port } = await upstreamNode(t, ({ stream }) => {
      stream.on('error', () => undefined);
      stream.on('close', () => {
        gone = true;
      });
      stream.write('x');
    });
    const client = await world.raw(port, world.apiServer);
    client.write('GET /containerLogs/shop/web/main?follow=true HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(client, 'data');
    client.destroy();
    for (let turn = 0; !gone && turn < 2_000; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
    assert.ok(gone);
  });

  test('is told of an exec with the client’s own request, and its answer and bytes come back as they are', async (t) => {
    const heard: Buffer[] = [];
    const { world, tunnel, port } = await upstreamNode(t, ({ stream }) => {
      stream.write(`${AGREE}early`);
      stream.on('data', (part: Buffer) => {
        heard.push(part);
        stream.write(part);
      });
    });
    const client = await world.raw(port, world.apiServer);
    let text = '';
    client.on('data', (part: Buffer) => {
      text += part.toString('latin1');
    });
    client.write(
      'POST /exec/shop/web/main?command=sh HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\nX-Stream-Protocol-Version: v3.channel.k8s.io\r\n\r\n',
    );
    while (!text.endsWith('early')) await once(client, 'data');
    assert.equal(text, `${AGREE}early`);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    client.write(bytes);
    while (text.length < AGREE.length + 5 + 256) await once(client, 'data');
    assert.deepEqual(Buffer.concat(heard), bytes, 'nothing of the request is sent behind the connect frame');
    const [connect] = tunnel.connects;
    assert.equal(connect?.type, 'exec');
    assert.equal(connect?.request.method, 'POST');
    assert.equal(connect?.request.path, '/exec/shop/web/main?command=sh');
    assert.deepEqual(connect?.request.headers['X-Stream-Protocol-Version'], [
      'v4.channel.k8s.io',
      'v3.channel.k8s.io',
    ]);
    assert.deepEqual(connect?.request.headers['Upgrade'], ['SPDY/3.1']);
    client.destroy();
  });

  test('refuses an exec with its kubelet’s status and text', async (t) => {
    const { world, port } = await upstreamNode(t, ({ stream }) => {
      stream.end('HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nno pod\n');
    });
    const headers = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };
    const answer = await world.call({
      port,
      path: '/exec/a/b/c',
      method: 'POST',
      tls: world.apiServer,
      headers,
    });
    assert.equal(answer.status, 404);
    assert.equal(JSON.parse(answer.text).message, 'no pod');
  });

  test('is not asked for what its tunnel has no word for; the answer says so', async (t) => {
    const { world, tunnel, port } = await upstreamNode(t, () => undefined);
    const upgrade = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };
    for (const [method, path, headers] of [
      ['POST', '/portForward/shop/web', upgrade],
      ['POST', '/run/shop/web/main', {}],
      ['GET', '/pods', {}],
      ['GET', '/configz', {}],
    ] as const) {
      const answer = await world.call({ port, path, method, tls: world.apiServer, headers });
      assert.equal(answer.status, 501, path);
      assert.match(
        answer.text,
        /edge-go runs an upstream edgecore, whose tunnel has no word for (portForward|run|pods|configz)/,
      );
    }
    assert.equal(tunnel.connects.length, 0);
  });

  test('one of 1.9 is not sent attach, which would end it', async (t) => {
    const { world, tunnel, port } = await upstreamNode(t, () => undefined, 'edge-old');
    const headers = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };
    const answer = await world.call({
      port,
      path: '/attach/a/b/c',
      method: 'POST',
      tls: world.apiServer,
      headers,
    });
    assert.equal(answer.status, 501);
    assert.match(answer.text, /older than v1\.14 \(v1\.19\.3-kubeedge-v1\.9\.1\)/);
    assert.equal(tunnel.connects.length, 0);
  });
});

test('attach is for edges that are known to know it', () => {
  const attach = ROUTES.find(({ path }) => path.startsWith('/attach'))!;
  for (const version of [
    'v1.24.17-kubeedge-v1.14.0',
    'v1.29.5-kubeedge-v1.23.1',
    'v1.40.0-kubeedge-v2.0.0',
    'v1.32.10-kubeedge-v0.0.0-master+$Format:%h$',
  ]) {
    assert.equal(connectTypeOf(attach, 'n', version), 'attach');
  }
  for (const version of [
    undefined,
    '',
    'v1.30.0',
    'v1.22.6-kubeedge-v1.13.5',
    'v1.19.3-kubeedge-v1.9.1',
    'v1.19.3-kubeedge-v0.0.0-master',
  ]) {
    assert.throws(() => connectTypeOf(attach, 'n', version), /would end at the word attach/);
  }
});

test('of what is written to a connection the far end has begun, the request alone is swallowed, however it is cut', async () => {
  const request = 'POST /x HTTP/1.1\r\nHost: y\r\n\r\n';
  for (let cut = 1; cut < request.length + 3; cut++) {
    const [near, far] = linkedPair();
    const connection = withoutRequest(near);
    const whole = `${request}body\r\n\r\nmore`;
    connection.write(whole.slice(0, cut));
    connection.write(whole.slice(cut));
    let text = '';
    far.on('data', (part) => {
      text += part;
    });
    while (text.length < 12) await once(far, 'data');
    assert.equal(text, 'body\r\n\r\nmore', `cut at ${cut}`);
    connection.destroy();
  }
});
