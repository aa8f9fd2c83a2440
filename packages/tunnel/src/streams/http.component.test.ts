import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientRequest,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type Server,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { createTunnelBench, until } from '../testing/tunnels.ts';
import type { StreamTunnel } from '../types.ts';

/** An HTTP server at the edge that is reached through the tunnel only. */
async function served(t: TestContext, server: Server): Promise<StreamTunnel> {
  const bench = await createTunnelBench(t);
  const { cloud } = await bench.pair({ onStream: (stream) => server.emit('connection', stream) });
  return cloud;
}

/** As CloudStream asks: one connection for one request. */
function ask(cloud: StreamTunnel, options: RequestOptions = {}): ClientRequest {
  return httpRequest({ ...options, createConnection: () => cloud.open() });
}
async function answer(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = await once(request, 'response');
  return response;
}

describe('HTTP over a stream of the tunnel', () => {
  test('has status, headers, a body either way and trailers', async (t) => {
    const cloud = await served(
      t,
      createServer(async (request, response) => {
        const body = await text(request);
        response.writeHead(201, { trailer: 'X-Sum', 'x-path': request.url });
        response.write(`${request.method} ${body.length}`);
        response.addTrailers({ 'X-Sum': String(body.length) });
        response.end();
      }),
    );
    const request = ask(cloud, { method: 'POST', path: '/run/a?b=c' });
    request.end('x'.repeat(1_000_000));
    const response = await answer(request);
    assert.equal(response.statusCode, 201);
    assert.equal(response.headers['x-path'], '/run/a?b=c');
    assert.equal(await text(response), 'POST 1000000');
    assert.equal(response.trailers['x-sum'], '1000000');
    await until(() => cloud.openStreams === 0);
  });

  test('answers many at a time, each on a connection of its own', async (t) => {
    const cloud = await served(
      t,
      createServer((request, response) => response.end(Buffer.alloc(200_000, request.url))),
    );
    const bodies = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const request = ask(cloud, { path: `/${index}` });
        request.end();
        return buffer(await answer(request));
      }),
    );
    for (const [index, body] of bodies.entries()) {
      assert.deepEqual(body, Buffer.alloc(200_000, `/${index}`));
    }
    await until(() => cloud.openStreams === 0);
  });

  test('that is abandoned is over at the edge, too', async (t) => {
    const gone = Promise.withResolvers<void>();
    const cloud = await served(
      t,
      createServer((_request, response) => {
        response.on('close', gone.resolve);
        response.write('the first of many lines\n');
      }),
    );
    const request = ask(cloud, { path: '/containerLogs/a/b/c?follow=true' });
    request.on('error', () => undefined);
    request.end();
    const response = await answer(request);
    await once(response, 'data');
    request.destroy();
    await gone.promise;
    await until(() => cloud.openStreams === 0);
  });

  test('whose server breaks off is broken off at the cloud, and not taken for whole', async (t) => {
    const cloud = await served(
      t,
      createServer((_request, response) => {
        response.write('half', () => response.destroy());
      }),
    );
    const request = ask(cloud);
    const failed = once(request, 'error');
    request.end();
    const response = await answer(request);
    await assert.rejects(text(response));
    assert.ok(isKubeEdgeError((await failed)[0], 'TUNNEL_STREAM_RESET'));
  });

  test('that is upgraded carries an end of either side, and what the other says after it', async (t) => {
    const server = createServer();
    const upgraded: Duplex[] = [];
    server.on('upgrade', (_request, socket: Duplex, head: Buffer) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n');
      if (head.length > 0) socket.unshift(head);
      upgraded.push(socket);
    });
    const cloud = await served(t, server);
    const open = async (): Promise<Duplex> => {
      const request = ask(cloud, {
        method: 'POST',
        path: '/exec/a/b/c',
        headers: { Connection: 'Upgrade', Upgrade: 'SPDY/3.1' },
      });
      request.end();
      const [, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
      return socket;
    };
    const said = (socket: Duplex): { text: string; ended: boolean } => {
      const state = { text: '', ended: false };
      socket.on('data', (chunk: Buffer) => {
        state.text += chunk.toString();
      });
      socket.on('end', () => {
        state.ended = true;
      });
      return state;
    };

    for (const cloudFirst of [true, false]) {
      const near = await open();
      const far = upgraded.at(-1) as Duplex;
      const [first, second] = cloudFirst ? [near, far] : [far, near];
      const [heardByFirst, heardBySecond] = [said(first), said(second)];
      first.end('all I had');
      await until(() => heardBySecond.ended);
      assert.equal(heardBySecond.text, 'all I had');
      second.write('and ');
      second.end('my answer');
      await until(() => heardByFirst.ended);
      assert.equal(heardByFirst.text, 'and my answer');
      await until(() => first.closed && second.closed);
    }
    await until(() => cloud.openStreams === 0);
  });
});
