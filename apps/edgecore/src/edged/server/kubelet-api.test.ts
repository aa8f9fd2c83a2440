import assert from 'node:assert/strict';
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { criErrors } from '@kubeedge-ts/errors';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { sendText } from './http-answers.ts';
import { type Answer, createKubeletApi, type KubeletApi, type StreamOpener } from './kubelet-api.ts';
import { refusal } from './refusal.ts';
import { ROUTES, type StreamName } from './routes.ts';
import { type FakeRuntime, fakeRuntime, type Listening, listen, rawClient } from './testing/raw-http.ts';

let runtime: FakeRuntime;
let api: KubeletApi;
let loopback: Listening;
let cloud: Listening;
let answer: Answer;
let opener: StreamOpener;

async function start(debuggingHandlers?: boolean): Promise<void> {
  const echo: Answer = (ask, response) => answer(ask, response);
  const opens: StreamOpener = (ask) => opener(ask);
  const names = ROUTES.map(({ name }) => name);
  api = createKubeletApi({
    answers: Object.fromEntries(names.map((name) => [name, echo])) as never,
    streams: Object.fromEntries(names.map((name) => [name, opens])) as Record<StreamName, StreamOpener>,
    debuggingHandlers,
    streamIdleMs: 14_400_000,
    clock: systemClock,
    log: silentLogger,
  });
  loopback = await listen(api.server('loopback'));
  cloud = await listen(api.server('cloud'));
}

beforeEach(async () => {
  runtime = await fakeRuntime();
  answer = ({ params, query }, response) =>
    sendText(response, 200, JSON.stringify({ params, query: [...query] }));
  opener = async () => runtime.url;
  await start();
});
afterEach(async () => {
  api.close();
  await Promise.all([loopback.close(), cloud.close(), runtime.close()]);
});

const get = (path: string, init: RequestInit = {}, at = loopback) =>
  fetch(`http://127.0.0.1:${at.port}${path}`, init);
const SPDY = 'Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n';
const WS =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const exec = (head = SPDY, at = cloud, path = '/exec/ns/pod/c?command=ls&output=1') =>
  rawClient(at.port, `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${head}Content-Length: 0\r\n\r\n`);

describe('a request to the kubelet endpoint', () => {
  test('reaches its answer with parameters and query', async () => {
    const response = await get('/containerLogs/ns/my%2Fpod/c?a=1&a=2', {}, cloud);
    assert.deepEqual(await response.json(), {
      params: { namespace: 'ns', pod: 'my/pod', container: 'c' },
      query: [
        ['a', '1'],
        ['a', '2'],
      ],
    });
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  });

  test('on loopback gets what is open, and is told what is not', async () => {
    for (const { path, methods, identity } of ROUTES) {
      const response = await get(path.replaceAll(':', ''), { method: methods.at(-1) ?? 'GET' });
      const isStream = /^\/(exec|attach|portForward)/.test(path);
      assert.equal(response.status, identity === 'none' ? 200 : 403, path);
      if (identity === 'cloud') assert.match(await response.text(), /is served to the cloud only/);
      assert.ok(identity === 'cloud' || !isStream, path);
    }
  });

  test('from the cloud gets everything', async () => {
    for (const { path, methods, name } of ROUTES) {
      const response = await get(path.replaceAll(':', ''), { method: methods[0] ?? 'GET' }, cloud);
      const isStream = ['exec', 'attach', 'portForward'].includes(name);
      assert.equal(response.status, isStream ? 400 : 200, path);
      if (isStream) assert.equal(await response.text(), 'Upgrade request required\n');
    }
  });

  test('unknown or by another method: 404, or 405 with what is allowed', async () => {
    assert.equal((await get('/logs/')).status, 404);
    const response = await get('/run/a/b/c', {}, cloud);
    assert.equal(response.status, 405);
    assert.equal(response.headers.get('allow'), 'POST');
  });

  test('of a web page whose name was turned to this machine is refused', async () => {
    const client = await rawClient(loopback.port, 'GET /pods HTTP/1.1\r\nHost: evil.test:10350\r\n\r\n');
    await client.until(({ text }) => text.includes('is not this machine'));
    assert.match(client.text, /^HTTP\/1.1 403 /);
    client.socket.destroy();
    // names do not matter where the way in is ours
    const tunnel = await rawClient(cloud.port, 'GET /pods HTTP/1.1\r\nHost: 192.0.2.7:10350\r\n\r\n');
    await tunnel.until(({ text }) => text.startsWith('HTTP/1.1 200 '));
    tunnel.socket.destroy();
  });

  test('that fails is answered with a status and the reason; the next one is not affected', async () => {
    const cases: [Error, number][] = [
      [refusal(422, 'no'), 422],
      [criErrors.create('CRI_NOT_FOUND', { method: 'm', problem: 'p' }), 404],
      [criErrors.create('CRI_UNAVAILABLE', { endpoint: 'e', method: 'm', problem: 'p' }), 503],
      [criErrors.create('CRI_FAILED', { grpcCode: 'INVALID_ARGUMENT', method: 'm', problem: 'p' }), 400],
      [criErrors.create('CRI_FAILED', { grpcCode: 'UNKNOWN', method: 'm', problem: 'p' }), 500],
      [new TypeError('oops'), 500],
    ];
    for (const [error, status] of cases) {
      answer = () => Promise.reject(error);
      const response = await get('/pods');
      assert.equal(response.status, status);
      assert.equal(await response.text(), `${error.message}\n`);
    }
  });

  test('whose answer breaks off in the middle is cut off, not ended', async () => {
    answer = (_ask, response) => {
      response.write('half');
      return Promise.reject(new Error('broken'));
    };
    const response = await get('/pods');
    await assert.rejects(response.text());
  });

  test('that is no HTTP, or has a head without end, costs its connection only', async () => {
    for (const nonsense of [
      '\x00\xff\r\n\r\n',
      'GET\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'a'.repeat(300_000)}`,
      'GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n',
    ]) {
      const client = await rawClient(loopback.port, nonsense);
      await client.until(({ text, reset, ended }) => reset || ended || /^HTTP\/1.1 4\d\d /.test(text));
      client.socket.destroy();
    }
    assert.equal((await get('/pods')).status, 200);
  });

  test('over a tunnel is a request of the cloud', async () => {
    const [ours, theirs] = duplexPair();
    api.serve(theirs);
    let text = '';
    ours.on('data', (bytes) => {
      text += bytes.toString();
    });
    ours.write('GET /containerLogs/ns/pod/c HTTP/1.1\r\nHost: 127.0.0.1:10350\r\nConnection: close\r\n\r\n');
    await new Promise((resolve) => ours.once('end', resolve));
    assert.match(text, /^HTTP\/1.1 200 OK/);
    assert.match(text, /"pod":"pod"/);
  });
});

describe('the user’s word on debugging handlers', () => {
  test('true opens on loopback what upstream has open', async () => {
    await Promise.all([loopback.close(), cloud.close()]);
    await start(true);
    assert.equal((await get('/containerLogs/a/b/c')).status, 200);
    const client = await exec(SPDY, loopback);
    await client.until(({ text }) => text.startsWith('HTTP/1.1 101 '));
    client.socket.destroy();
  });

  test('false closes it for everyone', async () => {
    await Promise.all([loopback.close(), cloud.close()]);
    await start(false);
    const response = await get('/containerLogs/a/b/c', {}, cloud);
    assert.deepEqual([response.status, await response.text()], [405, 'Debug endpoints are disabled.\n']);
    assert.equal((await get('/healthz')).status, 200);
  });
});

describe('an exec, attach or port-forward', () => {
  test('is the runtime’s from its answer on, byte for byte, and what came early is not lost', async () => {
    const client = await rawClient(
      cloud.port,
      `POST /exec/ns/pod/c?command=ls HTTP/1.1\r\nHost: x\r\n${SPDY}Authorization: Bearer secret\r\n\r\nearly`,
    );
    const socket = await runtime.next();
    let got = '';
    socket.on('data', (bytes) => {
      got += String(bytes);
    });
    await client.until(({ text }) => text.includes('\r\n\r\n'));
    assert.equal(
      client.text,
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Odd-Case: Kept\r\n\r\n',
    );
    client.socket.write(' late');
    await client.until(() => got === 'early late');
    socket.end('bye');
    await client.until(({ text, ended }) => ended && text.endsWith('bye'));
    client.socket.destroy();
    const [request] = runtime.requests;
    assert.equal(request?.method, 'POST');
    assert.equal(request?.url, '/exec/token');
    assert.equal(request?.headers['x-stream-protocol-version'], 'v4.channel.k8s.io');
    assert.equal(request?.headers.host, runtime.url.host);
    assert.equal(request?.headers.authorization, undefined);
    assert.equal(request?.headers['transfer-encoding'], undefined);
  });

  test('over a tunnel is relayed as well, both ways and to the end', async () => {
    const [ours, theirs] = duplexPair();
    api.serve(theirs);
    let text = '';
    ours.on('data', (bytes) => {
      text += bytes.toString();
    });
    ours.write(`GET /exec/ns/pod/c HTTP/1.1\r\nHost: 127.0.0.1\r\n${SPDY}\r\n`);
    const socket = await runtime.next();
    ours.write('in');
    const [input] = await once(socket, 'data');
    assert.equal(String(input), 'in');
    socket.end('out');
    await new Promise((resolve) => ours.once('end', resolve));
    assert.match(text, /\r\n\r\nout$/);
    ours.end();
  });

  test('offers of WebSocket protocols are reduced to what the runtime speaks', async () => {
    const client = await exec(`${WS}Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\n`);
    await runtime.next();
    assert.equal(runtime.requests[0]?.headers['sec-websocket-protocol'], 'v4.channel.k8s.io');
    client.socket.destroy();
  });

  test('an offer of v5 alone is refused before the runtime is asked: kubectl goes on over SPDY', async () => {
    opener = () => Promise.reject(new Error('must not be asked'));
    for (const offer of ['v5.channel.k8s.io', 'SPDY/3.1+portforward.k8s.io']) {
      const client = await exec(`${WS}Sec-WebSocket-Protocol: ${offer}\r\n`);
      await client.until(({ ended }) => ended);
      // no 101: for client-go an upgrade failure, whatever the status
      assert.match(client.text, /^HTTP\/1.1 403 Forbidden\r\n/);
      assert.match(client.text, /SPDY\/3.1 is\n$/);
      client.socket.destroy();
    }
  });

  test('another protocol than these two is refused', async () => {
    const client = await exec('Connection: Upgrade\r\nUpgrade: h2c\r\n');
    await client.until(({ ended }) => ended);
    assert.match(client.text, /^HTTP\/1.1 400 /);
    client.socket.destroy();
  });

  test('on loopback is refused', async () => {
    const client = await exec(SPDY, loopback);
    await client.until(({ ended }) => ended);
    assert.match(client.text, /^HTTP\/1.1 403 Forbidden\r\n/);
    client.socket.destroy();
  });

  test('a path that is not upgraded ignores the wish', async () => {
    const client = await rawClient(
      loopback.port,
      'GET /pods HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n',
    );
    await client.until(({ text }) => text.startsWith('HTTP/1.1 200 OK'));
    client.socket.destroy();
  });

  test('what the runtime says instead of an upgrade is the answer', async () => {
    await runtime.close();
    runtime = await fakeRuntime(
      'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nno token\n',
    );
    const client = await exec();
    await client.until(({ ended }) => ended);
    assert.match(client.text, /^HTTP\/1.1 404 Not Found\r\n[\s\S]*\r\n\r\nno token\n$/);
    client.socket.destroy();
  });

  test('a runtime that is away, or talks nonsense, is a 502; the next stream works', async () => {
    const there = runtime.url;
    opener = async () => new URL('http://127.0.0.1:1/');
    const gone = await exec();
    await gone.until(({ ended }) => ended);
    assert.match(gone.text, /^HTTP\/1.1 502 Bad Gateway\r\n/);
    const odd = await fakeRuntime('nonsense\r\n\r\n');
    opener = async () => odd.url;
    const nonsense = await exec();
    await nonsense.until(({ ended }) => ended);
    assert.match(nonsense.text, /^HTTP\/1.1 502 Bad Gateway\r\n/);
    await odd.close();
    opener = async () => there;
    const next = await exec();
    await next.until(({ text }) => text.startsWith('HTTP/1.1 101 '));
    for (const { socket } of [gone, nonsense, next]) socket.destroy();
  });

  test('a client that leaves while the runtime is asked takes nothing with it', async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    opener = ({ signal }) => {
      asked.resolve(signal);
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const client = await exec();
    const signal = await asked.promise;
    client.socket.resetAndDestroy();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    opener = async () => runtime.url;
    const next = await exec();
    await next.until(({ text }) => text.startsWith('HTTP/1.1 101 '));
    next.socket.destroy();
  });

  test('all end when edged stops', async () => {
    const client = await exec();
    await runtime.next();
    await client.until(({ text }) => text.startsWith('HTTP/1.1 101 '));
    api.close();
    await client.until(({ reset, ended }) => reset || ended);
  });
});
