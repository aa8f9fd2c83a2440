import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { pods } from '@kubeedge-ts/apis';
import { type FakeKubelet, fakeStreamTunnel } from '../testing/fake-tunnels.ts';
import { aPod, type KubeletWorld, kubeletWorld } from '../testing/kubelet-world.ts';

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = performance.now() + 10_000; !condition(); ) {
    if (performance.now() > deadline) assert.fail(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function nodeWith(t: TestContext, kubelet: FakeKubelet) {
  const world = await kubeletWorld(t);
  const tunnel = fakeStreamTunnel('edge-a', kubelet, '10.0.0.5');
  const port = await world.connectNode(tunnel);
  return { world, tunnel, port };
}

/** Begins a request and hands its answer out as a stream. */
function begin(world: KubeletWorld, port: number, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: '127.0.0.1', port, path, ca: world.hubCa.certPem, agent: false, ...world.apiServer },
      resolve,
    );
    request.on('error', reject);
    request.end();
  });
}

describe('a plain request', () => {
  test('comes to the node as it was sent, and its answer back as it was given', async (t) => {
    let seen: IncomingMessage | undefined;
    const { world, port } = await nodeWith(t, {
      onRequest: async (request, response) => {
        seen = request;
        let body = '';
        for await (const part of request) body += part;
        response.writeHead(418, 'Teapot', {
          'content-type': 'text/x-odd',
          'x-own': 'yes',
          connection: 'x-hop',
          'x-hop': '1',
        });
        response.end(`got ${body}`);
      },
    });
    const answer = await world.call({
      port,
      path: '/run/shop/web/main?cmd=ls%20-l&cmd=%2F',
      method: 'POST',
      tls: world.apiServer,
      headers: { 'X-Asked': 'so', connection: 'close, x-mine', 'x-mine': '1' },
      body: 'the body',
    });
    assert.equal(seen?.url, '/run/shop/web/main?cmd=ls%20-l&cmd=%2F');
    assert.equal(seen?.method, 'POST');
    assert.equal(seen?.headers['x-asked'], 'so');
    assert.equal(seen?.headers['x-mine'], undefined);
    assert.equal(answer.status, 418);
    assert.equal(answer.headers['content-type'], 'text/x-odd');
    assert.equal(answer.headers['x-own'], 'yes');
    assert.equal(answer.headers['x-hop'], undefined);
    assert.equal(answer.text, 'got the body');
  });

  test('its answer begins at once, also when there is nothing to say yet', async (t) => {
    let say: ((text: string) => void) | undefined;
    const { world, port } = await nodeWith(t, {
      onRequest: (_request, response) => {
        response.flushHeaders();
        say = (text) => response.write(text);
      },
    });
    const answer = await begin(world, port, '/containerLogs/shop/web/main?follow=true');
    assert.equal(answer.statusCode, 200);
    say?.('first line\n');
    const [line] = await once(answer, 'data');
    assert.equal(String(line), 'first line\n');
    answer.destroy();
  });

  test('an asker that goes away ends the request at the node', async (t) => {
    let gone = false;
    const { world, port, tunnel } = await nodeWith(t, {
      onRequest: (_request, response) => {
        response.write('x');
        response.on('close', () => {
          gone = true;
        });
      },
    });
    const answer = await begin(world, port, '/containerLogs/shop/web/main?follow=true');
    answer.destroy();
    await until(() => gone, 'the node learns of it');
    await until(() => tunnel.openStreams === 0, 'the stream is closed');
  });

  test('so does one that goes away before there is an answer', async (t) => {
    let state = 'not asked';
    const { world, port, tunnel } = await nodeWith(t, {
      onRequest: (_request, response) => {
        state = 'asked';
        response.on('close', () => {
          state = 'gone';
        });
      },
    });
    const client = await world.raw(port, world.apiServer);
    client.write('GET /containerLogs/shop/web/main HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => state === 'asked', 'the node is asked');
    client.tcp.resetAndDestroy();
    await until(() => state === 'gone', 'the node learns of it');
    await until(() => tunnel.openStreams === 0, 'the stream is closed');
  });

  test('a tunnel that breaks cuts the answer off, so that nobody takes it for the whole', async (t) => {
    const { world, port, tunnel } = await nodeWith(t, {
      onRequest: (_request, response) => void response.write('half'),
    });
    const answer = await begin(world, port, '/containerLogs/shop/web/main');
    await once(answer, 'data');
    tunnel.peers[0]?.destroy();
    const [error] = (await once(answer, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNRESET');
  });

  test('a tunnel that breaks before the answer is a 502 that names the node', async (t) => {
    const { world, port } = await nodeWith(t, {
      onRequest: (request) => void request.socket.destroy(),
    });
    const answer = await world.call({ port, path: '/stats/summary', tls: world.apiServer });
    assert.equal(answer.status, 502);
    assert.match(answer.text, /the tunnel of node edge-a ended before its kubelet answered/);
  });

  test('a node without a tunnel is a 502 that says what to look at', async (t) => {
    const { world, port, tunnel } = await nodeWith(t, {});
    tunnel.close('gone');
    await until(() => world.tunnels.of('edge-a') === undefined, 'the tunnel is forgotten');
    const answer = await world.call({ port, path: '/stats/summary', tls: world.apiServer });
    assert.equal(answer.status, 502);
    assert.match(answer.text, /node edge-a has no tunnel to this cloudcore: .*edgeStream/);
  });

  test('a reader that is slow holds the node back and loses nothing', async (t) => {
    const size = 64 * 2 ** 20;
    let written = 0;
    const { world, port } = await nodeWith(t, {
      onRequest: async (_request, response) => {
        const block = Buffer.alloc(65_536, 'x');
        while (written < size) {
          written += block.length;
          if (!response.write(block)) await once(response, 'drain');
        }
        response.end();
      },
    });
    const answer = await begin(world, port, '/containerLogs/shop/web/main');
    let before = -1;
    // until nothing moves any more
    for (let still = 0; still < 20; ) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      still = written === before ? still + 1 : 0;
      before = written;
    }
    assert.ok(
      written < size / 2,
      `${written} bytes were taken from the node for a reader that reads nothing`,
    );
    let got = 0;
    for await (const part of answer as AsyncIterable<Buffer>) got += part.length;
    assert.equal(got, size);
  });

  test('many at once on one tunnel each get their own answer', async (t) => {
    const { world, port } = await nodeWith(t, {
      onRequest: (request, response) => void response.end(request.url),
    });
    const paths = Array.from({ length: 50 }, (_, index) => `/containerLogs/shop/web/c${index}`);
    const answers = await Promise.all(paths.map((path) => world.call({ port, path, tls: world.apiServer })));
    assert.deepEqual(
      answers.map(({ text }) => text),
      paths,
    );
  });
});

describe('the node of a request on the shared port', () => {
  const says = (name: string): FakeKubelet => ({
    onRequest: (_request, response) => void response.end(`node ${name}`),
  });

  test('is where its pod is, whatever else the request says', async (t) => {
    const { world } = await nodeWith(t, says('edge-a'));
    world.tunnels.add(fakeStreamTunnel('edge-b', says('edge-b'), '10.0.0.6'));
    world.kube.put(pods, aPod('web', 'edge-b'));
    const { text } = await world.call({
      port: world.sharedPort,
      path: '/containerLogs/shop/web/main',
      tls: world.apiServer,
      headers: { host: '10.0.0.5:10003' },
    });
    assert.equal(text, 'node edge-b');
  });

  test('is what the API server’s proxy names, else the one that has the address of Host', async (t) => {
    const { world } = await nodeWith(t, says('edge-a'));
    world.tunnels.add(fakeStreamTunnel('edge-b', says('edge-b'), '10.0.0.6'));
    const ask = async (headers: Record<string, string>) =>
      world.call({ port: world.sharedPort, path: '/stats/summary', tls: world.apiServer, headers });
    const uri = '/api/v1/nodes/edge-b/proxy/stats/summary';
    assert.equal((await ask({ 'x-forwarded-uri': uri, host: '10.0.0.5:10003' })).text, 'node edge-b');
    assert.equal((await ask({ host: '10.0.0.6:10003' })).text, 'node edge-b');
    assert.equal((await ask({ host: 'edge-a' })).text, 'node edge-a');
    const unknown = await ask({ host: '10.0.0.9' });
    assert.equal(unknown.status, 404);
    assert.match(unknown.text, /no node that is connected has the address 10\.0\.0\.9/);
  });

  test('an address that two nodes have names neither', async (t) => {
    const { world } = await nodeWith(t, says('edge-a'));
    world.tunnels.add(fakeStreamTunnel('edge-b', says('edge-b'), '10.0.0.5'));
    const { status, text } = await world.call({
      port: world.sharedPort,
      path: '/stats/summary',
      tls: world.apiServer,
      headers: { host: '10.0.0.5' },
    });
    assert.equal(status, 404);
    assert.match(text, /edge-a and edge-b both have the address/);
  });
});

describe('an upgrade', () => {
  const HEAD = (extra = '') =>
    `POST /exec/shop/web/main?command=sh&output=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n${extra}Content-Length: 0\r\n\r\n`;
  const AGREE =
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nX-Odd-Case: Kept\r\nUpgrade: SPDY/3.1\r\n\r\n';

  async function joined(t: TestContext) {
    const upgraded: { request: IncomingMessage; stream: Duplex; head: Buffer }[] = [];
    const { world, port, tunnel } = await nodeWith(t, {
      onUpgrade: (request, stream, head) => {
        upgraded.push({ request, stream, head });
        stream.write(AGREE);
      },
    });
    const client = await world.raw(port, world.apiServer);
    let text = '';
    let ended = false;
    client.on('data', (part: Buffer) => {
      text += part.toString('latin1');
    });
    client.on('end', () => {
      ended = true;
    });
    client.write(HEAD());
    await until(() => upgraded.length === 1 && text.includes('\r\n\r\n'), 'the upgrade');
    const [{ request, stream }] = upgraded as [(typeof upgraded)[0]];
    return {
      world,
      tunnel,
      client,
      request,
      stream,
      text: () => text,
      ended: () => ended,
    };
  }

  test('carries the offer to the node, its answer back, and then bytes as they are', async (t) => {
    const { client, request, stream, text } = await joined(t);
    assert.equal(request.headers['x-stream-protocol-version'], 'v4.channel.k8s.io');
    assert.equal(request.url, '/exec/shop/web/main?command=sh&output=1');
    assert.equal(text(), AGREE);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    client.write(bytes);
    const [got] = await once(stream, 'data');
    assert.deepEqual(got, bytes);
    stream.write(bytes);
    await until(() => text().length === AGREE.length + 256, 'the bytes');
    assert.equal(text().slice(AGREE.length), bytes.toString('latin1'));
    client.destroy();
  });

  test('an end goes on as an end, both ways', async (t) => {
    const { client, stream, text, ended } = await joined(t);
    let heard = '';
    stream.on('data', (part) => {
      heard += part;
    });
    client.end('last words');
    await once(stream, 'end');
    assert.equal(heard, 'last words');
    stream.end('answer after the end');
    await until(ended, 'the end');
    assert.equal(text().slice(AGREE.length), 'answer after the end');
  });

  test('a client that is killed resets the stream at the node', async (t) => {
    const { client, stream, tunnel } = await joined(t);
    client.tcp.resetAndDestroy();
    await until(() => stream.destroyed, 'the node learns of it');
    await until(() => tunnel.openStreams === 0, 'no stream is left');
  });

  test('a node that is lost cuts the client off', async (t) => {
    const { client, stream } = await joined(t);
    stream.destroy();
    await until(() => client.destroyed || client.readableEnded, 'the client learns of it');
  });

  test('a refusal of the kubelet is shown to the client with status and text, and nothing follows it', async (t) => {
    const followed: Buffer[] = [];
    const { world, port } = await nodeWith(t, {
      onUpgrade: (_request, stream) => {
        stream.on('data', (part: Buffer) => followed.push(part));
        stream.write(
          'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nno pod: gone\r\n',
        );
      },
    });
    const client = await world.raw(port, world.apiServer);
    client.write(HEAD() + HEAD());
    let text = '';
    for await (const part of client) text += part;
    assert.match(text, /^HTTP\/1\.1 404 Not Found\r\n/);
    assert.match(text, /\r\nConnection: close\r\n/);
    const status = JSON.parse(text.slice(text.indexOf('\r\n\r\n')));
    assert.equal(status.kind, 'Status', 'or client-go would read the text as YAML');
    assert.equal(status.message, 'no pod: gone');
    assert.equal(status.code, 404);
    assert.equal(Buffer.concat(followed).length, 0, 'the second request never reached the node');
  });

  test('what the client says before the node has agreed waits for it', async (t) => {
    let agree = (): void => {};
    let heard = '';
    const { world, port } = await nodeWith(t, {
      onUpgrade: (_request, stream, head) => {
        heard += head.toString();
        stream.on('data', (part) => {
          heard += part;
        });
        agree = () => void stream.write(AGREE);
      },
    });
    const client = await world.raw(port, world.apiServer);
    client.write(`${HEAD()}hasty`);
    await until(() => agree.length === 0 && heard === '', 'the request is there');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(heard, '');
    agree();
    await until(() => heard === 'hasty', 'the hasty bytes');
    client.destroy();
  });

  test('a plain request for it is told that it must upgrade', async (t) => {
    const { world, port } = await nodeWith(t, {});
    const answer = await world.call({ port, path: '/exec/shop/web/main', tls: world.apiServer });
    assert.equal(answer.status, 400);
    assert.equal(answer.text, 'Upgrade request required');
  });

  test('one that breaks touches no other', async (t) => {
    const streams: Duplex[] = [];
    const { world, port } = await nodeWith(t, {
      onUpgrade: (_request, stream) => {
        streams.push(stream);
        stream.write(AGREE);
        stream.pipe(stream);
      },
    });
    const one = await world.raw(port, world.apiServer);
    const two = await world.raw(port, world.apiServer);
    let text = '';
    two.on('data', (part) => {
      text += part;
    });
    one.write(HEAD());
    two.write(HEAD());
    await until(() => streams.length === 2, 'both are there');
    one.resume();
    streams[0]?.destroy();
    await until(() => one.destroyed || one.readableEnded, 'one is gone');
    two.write('still here');
    await until(() => text.endsWith('still here'), 'the other goes on');
    two.destroy();
  });
});
