import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import { describe, test } from 'node:test';
import { silentLogger } from '@kubeedge-ts/runtime';
import type { ConnectType, KubeletRequest } from '@kubeedge-ts/tunnel';
import { answerConnect } from './connect-request.ts';

const LOGS: KubeletRequest = { method: 'GET', path: '/containerLogs/ns/pod/c', headers: {} };

/** What a kubelet that answers so gives for one request; `cloud` is the other end of its stream. */
function asked(type: ConnectType, request: KubeletRequest, listener: RequestListener) {
  const server = createServer(listener);
  const requests: IncomingMessage[] = [];
  server.on('request', (incoming) => requests.push(incoming));
  const [cloud, stream] = duplexPair({ allowHalfOpen: false });
  cloud.on('error', () => undefined);
  answerConnect({ serve: (bytes) => server.emit('connection', bytes) }, type, request, stream, silentLogger);
  return { cloud, stream, requests, server };
}

async function read(stream: Duplex): Promise<string> {
  let all = '';
  stream.on('data', (chunk: Buffer) => {
    all += chunk.toString('latin1');
  });
  await once(stream, 'end');
  return all;
}

describe('logs and metrics for an upstream cloud', () => {
  test('are the bare body, asked for with the headers of the request and uncompressed', async () => {
    const { cloud, requests } = asked(
      'logs',
      {
        ...LOGS,
        path: '/containerLogs/ns/pod/c?follow=true',
        headers: {
          'Accept-Encoding': ['gzip'],
          'User-Agent': ['kubectl'],
          'X-Twice': ['a', 'b'],
          Te: ['trailers'],
        },
      },
      (_request, response) => {
        response.write('line 1\n');
        response.end('line 2');
      },
    );
    assert.equal(await read(cloud), 'line 1\nline 2');
    const { headers, method, url } = requests[0] as IncomingMessage;
    assert.deepEqual([method, url], ['GET', '/containerLogs/ns/pod/c?follow=true']);
    assert.equal(headers['accept-encoding'], 'identity');
    assert.equal(headers['user-agent'], 'kubectl');
    assert.equal(headers['x-twice'], 'a, b');
    assert.equal(headers.host, '127.0.0.1:10350');
    assert.equal(headers.te, undefined);
  });

  test('metrics end with a newline, as upstream’s lines do; logs are left as they are', async () => {
    const cases: [body: string, expected: string][] = [
      ['a\nb', 'a\nb\n'],
      ['a\n', 'a\n'],
      ['', ''],
      ['x'.repeat(100_000), `${'x'.repeat(100_000)}\n`],
    ];
    for (const [body, expected] of cases) {
      const { cloud } = asked('metrics', { ...LOGS, path: '/stats/summary' }, (_request, response) =>
        response.end(body),
      );
      assert.equal(await read(cloud), expected);
    }
  });

  test('are the body of the error where there is one: the status cannot be told', async () => {
    const { cloud } = asked('logs', LOGS, (_request, response) =>
      response.writeHead(404).end('pod not found\n'),
    );
    assert.equal(await read(cloud), 'pod not found\n');
  });

  test('stop at the kubelet when the cloud asks for the end', { timeout: 10_000 }, async () => {
    const gone = Promise.withResolvers<void>();
    const { cloud, stream } = asked('logs', LOGS, (_request, response) => {
      response.on('close', gone.resolve);
      response.write('one of many\n');
    });
    await once(cloud, 'data');
    // what a tunnel does upon REMOVE_CONNECT
    stream.destroy();
    await gone.promise;
  });

  test('that the kubelet breaks off are broken off', async () => {
    const { cloud, stream } = asked('logs', LOGS, (_request, response) => {
      response.write('half', () => response.destroy());
    });
    cloud.resume();
    stream.on('error', () => undefined);
    await new Promise<void>((resolve) => stream.once('close', resolve));
  });
});

describe('exec and attach for an upstream cloud', () => {
  test('are a connection: the head as it was asked, everything after it untouched', async () => {
    const { cloud, server } = asked(
      'exec',
      {
        method: 'POST',
        path: '/exec/ns/pod/c?command=ls&output=1',
        headers: {
          Connection: ['Upgrade'],
          Upgrade: ['SPDY/3.1'],
          'Content-Length': ['0'],
          'Transfer-Encoding': ['chunked'],
          Host: ['evil.test'],
          'X-Stream-Protocol-Version': ['v5.channel.k8s.io', 'v4.channel.k8s.io'],
        },
      },
      () => assert.fail('it is an upgrade'),
    );
    cloud.write('\x80\xfftyped early');
    const [request, socket, head] = (await once(server, 'upgrade')) as [IncomingMessage, Duplex, Buffer];
    assert.deepEqual([request.method, request.url], ['POST', '/exec/ns/pod/c?command=ls&output=1']);
    assert.equal(request.headers.host, '127.0.0.1:10350');
    assert.equal(request.headers['transfer-encoding'], undefined);
    assert.equal(request.headers['x-stream-protocol-version'], 'v5.channel.k8s.io, v4.channel.k8s.io');
    let typed = head.toString('latin1');
    if (typed === '') typed = String((await once(socket, 'data'))[0]);
    assert.match(typed, /typed early$/);
    socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n\x80');
    assert.match(await read(cloud), /^HTTP\/1\.1 101 Switching Protocols\r\n\r\n/);
  });

  test('that are refused answer with the kubelet’s own words', async () => {
    const { cloud } = asked('attach', { ...LOGS, path: '/attach/ns/pod/c' }, (_request, response) =>
      response.writeHead(404, { connection: 'close' }).end('no such container\n'),
    );
    assert.match(await read(cloud), /^HTTP\/1\.1 404 Not Found\r\n[\s\S]*no such container\n/);
  });
});
