import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiServer, createApiServer } from '../server/index.ts';
import { createRawClient, type RawClient } from '../testing/raw-client.ts';
import { readToEnd, upgrade } from '../testing/raw-upgrade.ts';
import {
  createScriptedKubelet,
  echoUpgrade,
  readCa,
  type Script,
  type ScriptedKubelet,
} from '../testing/scripted-kubelet.ts';

let folder = '';
let server: ApiServer;
let client: RawClient;
let kubelet: ScriptedKubelet;
let stranger: ScriptedKubelet;
let misnamed: ScriptedKubelet;
let script: Script = {};

const PODS = '/api/v1/namespaces/default/pods';
const NODE = '/api/v1/nodes/n1/proxy';
const LIMIT = { timeout: 60_000 };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standalone-forward-'));
  server = await createApiServer({ dataDir: folder });
  client = createRawClient(server);
  const ca = await readCa(folder);
  const scripted: Script = {
    request: (request, response) => {
      if (script.request === undefined) response.writeHead(404).end('not scripted');
      else script.request(request, response);
    },
    upgrade: (request, socket, head) => (script.upgrade ?? echoUpgrade)(request, socket, head),
  };
  kubelet = await createScriptedKubelet(scripted, { ca });
  stranger = await createScriptedKubelet(scripted, {});
  misnamed = await createScriptedKubelet(scripted, { ca, names: ['10.9.8.7', 'edge'] });
  await node('n1', kubelet.port);
  await node('stranger', stranger.port);
  await node('misnamed', misnamed.port);
  await node('off', await freePort());
  await node('silent', undefined);
  await pod('web', 'n1', ['c']);
  await pod('pair', 'n1', ['a', 'b'], ['i']);
  await pod('far', 'stranger', ['c']);
  await pod('wrong', 'misnamed', ['c']);
  await pod('dark', 'off', ['c']);
  await pod('mute', 'silent', ['c']);
  await pod('waiting', '', ['c']);
  await pod('lost', 'gone', ['c']);
});
after(async () => {
  client.close();
  await server.close();
  await Promise.all([kubelet.close(), stranger.close(), misnamed.close()]);
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  script = {};
  kubelet.asked.length = 0;
});

async function node(name: string, port: number | undefined): Promise<void> {
  const status =
    port === undefined
      ? { addresses: [{ type: 'InternalDNS', address: 'silent.example' }] }
      : {
          addresses: [
            { type: 'Hostname', address: 'nowhere.invalid' },
            { type: 'InternalIP', address: '127.0.0.1' },
          ],
          daemonEndpoints: { kubeletEndpoint: { Port: port } },
        };
  await client.json('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name }, status });
}

async function pod(
  name: string,
  nodeName: string,
  containers: string[],
  inits: string[] = [],
): Promise<void> {
  const named = (names: string[]) => names.map((container) => ({ name: container, image: 'x' }));
  await client.json('POST', PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      ...(nodeName && { nodeName }),
      containers: named(containers),
      ...(inits.length > 0 && { initContainers: named(inits) }),
    },
  });
}

async function freePort(): Promise<number> {
  const other = await createScriptedKubelet({}, {});
  await other.close();
  return other.port;
}

const get = (path: string, headers: Record<string, string> = {}) =>
  client.send({ method: 'GET', path, headers });
const messageOf = (text: string): string => (JSON.parse(text) as { message: string }).message;
const reasonOf = (text: string): string => (JSON.parse(text) as { reason: string }).reason;
const answering =
  (status: number, text: string) =>
  (_request: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(status).end(text);

/** Waits until something is so; the test's own time limit ends it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

describe('pods/log', LIMIT, () => {
  test('is the kubelet’s answer, asked with the options of the client', async () => {
    script.request = answering(200, 'one\ntwo\n');
    const answer = await get(
      `${PODS}/web/log?follow=true&previous=false&timestamps&tailLines=5&limitBytes=9&sinceSeconds=60&pretty=1`,
    );
    assert.deepEqual([answer.status, answer.text], [200, 'one\ntwo\n']);
    assert.equal(answer.headers['content-type'], 'text/plain');
    const asked = 'follow=true&timestamps=true&sinceSeconds=60&tailLines=5&limitBytes=9';
    assert.deepEqual(kubelet.asked, [`GET /containerLogs/default/web/c?${asked}`]);
    assert.equal(kubelet.caller(), 'kube-apiserver-kubelet-client of system:masters');
  });

  test('takes a time in any zone, and the container that is named', async () => {
    script.request = answering(200, '');
    await get(`${PODS}/pair/log?container=i&sinceTime=2026-01-02T05:04:05.5%2B02:00`);
    const time = encodeURIComponent('2026-01-02T03:04:05Z');
    assert.deepEqual(kubelet.asked, [`GET /containerLogs/default/pair/i?sinceTime=${time}`]);
  });

  const refused: readonly [query: string, status: number, message: string][] = [
    ['pair/log', 400, 'a container name must be specified for pod pair, choose one of: [i a b]'],
    ['web/log?container=x', 400, 'container x is not valid for pod web'],
    ['web/log?tailLines=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    [
      'web/log?tailLines=9223372036854775808',
      400,
      'strconv.ParseInt: parsing "9223372036854775808": value out of range',
    ],
    ['web/log?sinceTime=now', 400, 'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now"'],
    [
      'web/log?tailLines=-1',
      422,
      'PodLogOptions "web" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'web/log?limitBytes=0&sinceSeconds=0',
      422,
      'PodLogOptions "web" is invalid: [limitBytes: Invalid value: 0: must be greater than 0, sinceSeconds: Invalid value: 0: must be greater than 0]',
    ],
    [
      'web/log?sinceSeconds=1&sinceTime=2026-01-02T03:04:05Z',
      422,
      'PodLogOptions "web" is invalid: : Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    ],
    ['none/log', 404, 'pods "none" not found'],
    ['lost/log', 404, 'pods "gone" not found'],
    ['mute/log', 500, 'no preferred addresses found; known addresses: [{InternalDNS silent.example}]'],
  ];
  for (const [path, status, message] of refused) {
    test(`${path} is refused with ${status}`, async () => {
      const answer = await get(`${PODS}/${path}`);
      assert.deepEqual([answer.status, messageOf(answer.text)], [status, message]);
      assert.deepEqual(kubelet.asked, []);
    });
  }

  test('of a pod that is on no node yet is nothing', async () => {
    const answer = await get(`${PODS}/waiting/log`);
    assert.deepEqual([answer.status, answer.text], [204, '']);
  });

  const said: readonly [status: number, text: string, reason: string, message: string][] = [
    [
      400,
      'container "c" in pod "web" is waiting to start: ContainerCreating',
      'BadRequest',
      'container "c" in pod "web" is waiting to start: ContainerCreating',
    ],
    [404, 'x', 'NotFound', 'the server could not find the requested resource ( pods/log web)'],
    [500, 'no disk', 'InternalError', 'Internal error occurred: no disk'],
    [403, 'not you', 'Forbidden', 'not you ( pods/log web)'],
    [
      502,
      'node "n1" is not connected',
      'InternalError',
      'an error on the server ("node \\"n1\\" is not connected") has prevented the request from succeeding ( pods/log web)',
    ],
    [503, 'x', 'ServiceUnavailable', 'the server is currently unable to handle the request ( pods/log web)'],
  ];
  for (const [status, text, reason, message] of said) {
    test(`what a kubelet says with ${status} is a Status of reason ${reason}`, async () => {
      script.request = answering(status, text);
      const answer = await get(`${PODS}/web/log`);
      assert.equal(answer.status, status);
      assert.deepEqual([reasonOf(answer.text), messageOf(answer.text)], [reason, message]);
    });
  }

  test('is not looked for elsewhere when a kubelet redirects', async () => {
    script.request = (_request, response) =>
      void response.writeHead(302, { location: 'https://evil/' }).end();
    const answer = await get(`${PODS}/web/log`);
    assert.deepEqual([answer.status, messageOf(answer.text)], [500, 'redirects forbidden']);
  });

  test('comes as it is written, and the kubelet is let go when the client leaves', async () => {
    const closed = Promise.withResolvers<void>();
    script.request = (_request, response) => {
      response.write('first\n');
      response.once('close', closed.resolve);
    };
    const answer = await client.send({
      method: 'GET',
      path: `${PODS}/web/log?follow=true`,
      enough: (text) => text.includes('first'),
    });
    assert.equal(answer.text, 'first\n');
    await closed.promise;
  });

  test('that is cut off is no whole log for the client', async () => {
    script.request = (_request, response) => {
      response.write('half');
      setTimeout(() => response.socket?.destroy(), 20);
    };
    const complete = await new Promise<boolean>((resolve, reject) => {
      const sent = httpsRequest(
        new URL(`${PODS}/web/log`, server.url),
        { agent: false, ca: server.caPem, ...server.adminCertificate },
        (response) => {
          response.resume();
          response.on('error', () => undefined);
          response.once('close', () => resolve(response.complete));
        },
      );
      sent.on('error', reject);
      sent.end();
    });
    assert.equal(complete, false);
  });

  test('of a client that does not read waits at the kubelet, not in memory', async () => {
    const PIECE = Buffer.alloc(256 * 1024, 'x');
    let written = 0;
    const closed = Promise.withResolvers<void>();
    script.request = (_request, response) => {
      const write = (): void => {
        while (!response.destroyed && response.write(PIECE)) written += PIECE.length;
        written += PIECE.length;
      };
      response.on('drain', write);
      response.once('close', closed.resolve);
      write();
    };
    const sent = httpsRequest(new URL(`${PODS}/web/log`, server.url), {
      agent: false,
      ca: server.caPem,
      ...server.adminCertificate,
    });
    sent.on('error', () => undefined);
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    // Nothing more is written while nobody reads.
    let before = -1;
    while (before !== written) {
      before = written;
      await delay(100);
    }
    assert.ok(written < 32 * 1024 * 1024, `${written} bytes are on their way to nobody`);
    // Reading goes on where it stopped.
    response.resume();
    await until(() => written > before);
    sent.destroy();
    await closed.promise;
  });
});

describe('a kubelet that cannot be asked', LIMIT, () => {
  test('because nobody listens is named with its address', async () => {
    const log = await get(`${PODS}/dark/log`);
    assert.equal(log.status, 500);
    assert.match(
      messageOf(log.text),
      /^Get "https:\/\/127\.0\.0\.1:\d+\/containerLogs\/default\/dark\/c": dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/,
    );
    const exec = await upgrade(server, { path: `${PODS}/dark/exec?command=ls` });
    assert.ok(exec.socket === undefined);
    assert.equal(exec.answer.statusCode, 500);
    assert.match(
      messageOf(exec.text),
      /^error dialing backend: dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/,
    );
    const proxy = await get('/api/v1/nodes/off/proxy/healthz');
    assert.equal(proxy.status, 503);
    assert.match(messageOf(proxy.text), /^error trying to reach service: dial tcp .* connection refused$/);
  });

  test('because its certificate is of another CA is not believed, unless the client asks for that', async () => {
    script.request = answering(200, 'from far');
    const refused = await get(`${PODS}/far/log`);
    assert.match(messageOf(refused.text), /x509: certificate signed by unknown authority$/);
    assert.deepEqual(stranger.asked, []);
    const taken = await get(`${PODS}/far/log?insecureSkipTLSVerifyBackend=true`);
    assert.deepEqual([taken.status, taken.text], [200, 'from far']);
  });

  test('because its certificate is for others names them', async () => {
    const refused = await get(`${PODS}/wrong/log`);
    assert.match(
      messageOf(refused.text),
      /x509: certificate is valid for 10\.9\.8\.7, edge, not 127\.0\.0\.1$/,
    );
  });
});

describe('pods/exec, attach and portforward', LIMIT, () => {
  test('ask the kubelet in its own words', async () => {
    const exec = 'exec?command=sh&command=-c&command=a%26b&stdin=true&stdout=true&stderr=1&tty=false';
    for (const path of [`web/${exec}`, 'pair/attach?container=b&stdout', 'web/portforward?ports=80,443']) {
      const { socket } = await upgrade(server, { path: `${PODS}/${path}` });
      socket?.destroy();
    }
    assert.deepEqual(kubelet.asked, [
      'POST /exec/default/web/c?command=sh&command=-c&command=a%26b&error=1&input=1&output=1',
      'POST /attach/default/pair/b?output=1',
      'POST /portForward/default/web?port=80%2C443',
    ]);
    assert.equal(kubelet.caller(), 'kube-apiserver-kubelet-client of system:masters');
  });

  test('carry bytes both ways, and the end of one side while the other goes on', async () => {
    const { socket, answer, head } = (await upgrade(server, { path: `${PODS}/web/exec?command=cat` })) as {
      socket: Duplex;
      answer: IncomingMessage;
      head: Buffer;
    };
    assert.deepEqual([answer.statusCode, answer.headers.upgrade], [101, 'SPDY/3.1']);
    const text = 'x'.repeat(1_000_000);
    socket.allowHalfOpen = true;
    socket.end(text);
    assert.equal(await readToEnd(socket, head), text);
    await until(() => kubelet.connections === 0);
  });

  test('offer the kubelet what the client offers', async () => {
    const protocols = 'v5.channel.k8s.io, v4.channel.k8s.io';
    let offered: IncomingMessage['headers'] = {};
    script.upgrade = (request, socket, head) => {
      offered = request.headers;
      echoUpgrade(request, socket, head);
    };
    const { socket } = await upgrade(server, {
      method: 'GET',
      path: `${PODS}/web/exec?command=ls`,
      headers: {
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        'sec-websocket-protocol': protocols,
        authorization: 'Bearer secret',
        'x-forwarded-for': '192.0.2.1',
        'x-remote-user': 'admin',
      },
    });
    socket?.destroy();
    assert.equal(offered['sec-websocket-protocol'], protocols);
    assert.equal(offered['sec-websocket-key'], 'AAAAAAAAAAAAAAAAAAAAAA==');
    assert.equal(offered.upgrade, 'websocket');
    assert.equal(offered['x-forwarded-for'], '192.0.2.1, 127.0.0.1');
    assert.equal(offered.authorization, undefined);
    assert.equal(offered['x-remote-user'], undefined);
  });

  test('hand on what a client sent before it was answered', async () => {
    const { socket, head } = (await upgrade(server, {
      path: `${PODS}/web/exec?command=cat`,
      ahead: 'early',
    })) as { socket: Duplex; head: Buffer };
    socket.allowHalfOpen = true;
    socket.end(' late');
    assert.equal(await readToEnd(socket, head), 'early late');
  });

  test('end at the kubelet when the client vanishes', async () => {
    const { socket } = await upgrade(server, { path: `${PODS}/web/attach` });
    await until(() => kubelet.connections === 1);
    socket?.destroy();
    await until(() => kubelet.connections === 0);
  });

  test('end for the client when the kubelet breaks off', async () => {
    script.upgrade = (request, socket, head) => {
      echoUpgrade(request, socket, head);
      socket.once('data', () => socket.destroy());
    };
    const { socket } = (await upgrade(server, { path: `${PODS}/web/attach` })) as { socket: Duplex };
    const lost = once(socket, 'close');
    socket.write('break off');
    socket.resume();
    await lost;
    await until(() => kubelet.connections === 0);
  });

  test('are refused as the kubelet refuses them', async () => {
    script.upgrade = (_request, socket) =>
      void socket.end(
        'HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nnot you',
      );
    const refused = await upgrade(server, { path: `${PODS}/web/exec?command=ls` });
    assert.ok(refused.socket === undefined);
    assert.deepEqual([refused.answer.statusCode, refused.text], [403, 'not you']);
  });

  test('need an upgrade, on both sides', async () => {
    const plain = await client.send({ method: 'POST', path: `${PODS}/web/exec?command=ls` });
    assert.deepEqual([plain.status, messageOf(plain.text)], [400, 'Upgrade request required']);
    script.upgrade = (_request, socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    const refused = await upgrade(server, { path: `${PODS}/web/exec?command=ls` });
    assert.ok(refused.socket === undefined);
    assert.equal(messageOf(refused.text), 'invalid upgrade response: status code 200');
  });

  const refused: readonly [path: string, status: number, message: string][] = [
    ['waiting/exec?command=ls', 400, 'pod waiting does not have a host assigned'],
    ['waiting/portforward', 400, 'pod waiting does not have a host assigned'],
    ['pair/attach', 400, 'a container name must be specified for pod pair, choose one of: [i a b]'],
    ['web/exec?command=ls&dryRun=All', 400, 'dryRun is not supported'],
    [
      'web/portforward?ports=http',
      400,
      'cannot convert to []int32: strconv.ParseUint: parsing "http": invalid syntax',
    ],
    ['none/exec', 404, 'pods "none" not found'],
  ];
  for (const [path, status, message] of refused) {
    test(`${path} is refused with ${status}`, async () => {
      const answer = await upgrade(server, { path: `${PODS}/${path}` });
      assert.ok(answer.socket === undefined);
      assert.deepEqual([answer.answer.statusCode, messageOf(answer.text)], [status, message]);
    });
  }

  test('an upgrade of what is served here is ignored', async () => {
    const answer = await upgrade(server, { method: 'GET', path: '/readyz', headers: { upgrade: 'h2c' } });
    assert.ok(answer.socket === undefined);
    assert.deepEqual([answer.answer.statusCode, answer.text], [200, 'ok']);
  });
});

describe('nodes/proxy', LIMIT, () => {
  test('hands on any method, path, query and body as they are', async () => {
    const seen: { body: string; headers: IncomingMessage['headers'] }[] = [];
    script.request = async (request, response) => {
      const body = await readToEnd(request);
      seen.push({ body, headers: request.headers });
      response.writeHead(207, { 'x-own': 'yes', 'access-control-allow-origin': '*' }).end(`got ${body}`);
    };
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const body = method === 'GET' ? undefined : `of ${method}`;
      const answer = await client.send({
        method,
        path: `${NODE}/a%2Fb//c/?watch=1&x=%20y`,
        ...(body !== undefined && { body }),
        headers: {
          authorization: 'Bearer x',
          'impersonate-user': 'kubernetes-admin',
          'impersonate-group': 'system:masters',
        },
      });
      assert.equal(answer.status, 207, answer.text);
      assert.equal(answer.text, `got ${body ?? ''}`);
      assert.equal(answer.headers['x-own'], 'yes');
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
      assert.equal(kubelet.asked.pop(), `${method} /a%2Fb//c/?watch=1&x=%20y`);
      const { headers } = seen.pop()!;
      assert.equal(headers['x-forwarded-uri'], `${NODE}/a%2Fb//c/`);
      assert.equal(headers['x-forwarded-for'], '127.0.0.1');
      assert.equal(headers.authorization, undefined);
      assert.equal(headers['impersonate-user'], undefined);
    }
    const head = await client.send({ method: 'HEAD', path: `${NODE}/` });
    assert.deepEqual([head.status, head.text], [207, '']);
  });

  test('reaches the kubelet under the name with its port too', async () => {
    script.request = answering(200, 'ok');
    for (const name of [`n1:${kubelet.port}`, `https:n1:${kubelet.port}`, `http:n1:${kubelet.port}`]) {
      const answer = await get(`/api/v1/nodes/${name}/proxy/healthz`);
      assert.deepEqual([answer.status, answer.text], [200, 'ok'], name);
    }
    assert.equal(kubelet.caller(), 'kube-apiserver-kubelet-client of system:masters');
  });

  const refused: readonly [path: string, status: number, message: string][] = [
    ['n1:22/proxy/', 400, 'address not allowed'],
    ['ftp:n1:10250/proxy/', 400, 'invalid node request "ftp:n1:10250"'],
    ['n1:http/proxy/', 400, 'invalid node request "n1:http"'],
    ['none/proxy/', 404, 'nodes "none" not found'],
    ['n1/proxy/a/../../n2/proxy/b', 400, 'the path has a segment "." or ".."'],
    ['n1/proxy/a/%2e%2E/b', 400, 'the path has a segment "." or ".."'],
    ['n1/proxy/?dryRun=All', 400, 'dryRun is not supported'],
    ['n1/other/x', 404, ''],
  ];
  for (const [path, status, message] of refused) {
    test(`${path} is refused with ${status}`, async () => {
      const answer = await get(`/api/v1/nodes/${path}`);
      assert.equal(answer.status, status);
      if (message !== '') assert.equal(messageOf(answer.text), message);
      assert.deepEqual(kubelet.asked, []);
    });
  }

  test('without a slash leads to its root', async () => {
    const answer = await get(`${NODE}?a=b`);
    assert.deepEqual([answer.status, answer.headers['location']], [301, `${NODE}/?a=b`]);
  });

  test('keeps a redirect of the kubelet within itself', async () => {
    script.request = (_request, response) => void response.writeHead(301, { location: '/logs/' }).end();
    assert.equal((await get(`${NODE}/logs`)).headers['location'], `${NODE}/logs/`);
  });

  test('hands on trailers', async () => {
    script.request = (_request, response) => {
      response.writeHead(200, { trailer: 'x-sum' });
      response.write('body');
      response.addTrailers({ 'x-sum': '4' });
      response.end();
    };
    const trailers = await new Promise<NodeJS.Dict<string>>((resolve, reject) => {
      const sent = httpsRequest(
        new URL(`${NODE}/x`, server.url),
        { agent: false, ca: server.caPem, ...server.adminCertificate, headers: { te: 'trailers' } },
        (response) => {
          response.resume();
          response.once('end', () => resolve(response.trailers));
        },
      );
      sent.on('error', reject);
      sent.end();
    });
    assert.equal(trailers['x-sum'], '4');
  });

  test('carries a body no faster than the kubelet takes it', async () => {
    const taking = Promise.withResolvers<IncomingMessage>();
    script.request = (request, response) => {
      taking.resolve(request);
      request.once('end', () => response.end('done'));
    };
    const sent = httpsRequest(new URL(`${NODE}/upload`, server.url), {
      method: 'POST',
      agent: false,
      ca: server.caPem,
      ...server.adminCertificate,
    });
    const PIECE = Buffer.alloc(256 * 1024, 'x');
    let written = 0;
    const write = (): void => {
      do written += PIECE.length;
      while (written < 128 * 1024 * 1024 && sent.write(PIECE));
      if (written >= 128 * 1024 * 1024) sent.end();
    };
    sent.on('drain', write);
    write();
    const taken = await taking.promise;
    let before = -1;
    while (before !== written) {
      before = written;
      await delay(100);
    }
    assert.ok(written < 48 * 1024 * 1024, `${written} bytes are on their way to nobody`);
    taken.resume();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    assert.equal(await readToEnd(answer), 'done');
  });

  test('lets the kubelet go when a client breaks off its body', async () => {
    const aborted = Promise.withResolvers<void>();
    script.request = (request) => {
      request.on('error', () => undefined);
      request.once('aborted', aborted.resolve);
      request.once('data', () => sent.destroy());
    };
    const sent = httpsRequest(new URL(`${NODE}/upload`, server.url), {
      method: 'PUT',
      agent: false,
      ca: server.caPem,
      ...server.adminCertificate,
    });
    sent.on('error', () => undefined);
    sent.write('a beginning');
    await aborted.promise;
  });

  test('hands on a refusal that comes before the body has', async () => {
    script.request = (_request, response) => {
      response.writeHead(413, { connection: 'close' }).end('too much');
    };
    const answer = await client.send({ method: 'POST', path: `${NODE}/upload`, body: 'x'.repeat(1000) });
    assert.deepEqual([answer.status, answer.text], [413, 'too much']);
  });

  test('upgrades, without a word of the client about its path', async () => {
    let uri: unknown = 'unasked';
    script.upgrade = (request, socket, head) => {
      uri = request.headers['x-forwarded-uri'];
      echoUpgrade(request, socket, head);
    };
    const { socket, head } = (await upgrade(server, {
      path: `${NODE}/exec/default/web/c?command=cat`,
      headers: { 'x-forwarded-uri': '/api/v1/nodes/n2/proxy/exec' },
    })) as { socket: Duplex; head: Buffer };
    socket.allowHalfOpen = true;
    socket.end('through the node');
    assert.equal(await readToEnd(socket, head), 'through the node');
    assert.equal(uri, undefined);
    assert.deepEqual(kubelet.asked, ['POST /exec/default/web/c?command=cat']);
  });
});

describe('who may', LIMIT, () => {
  const as = async (name: string, rules: object[]): Promise<string> => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await client.json('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name } });
    await client.json('POST', `${rbac}/clusterroles`, { metadata: { name }, rules });
    await client.json('POST', `${rbac}/clusterrolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'default' }],
    });
    const answer = await client.json('POST', `/api/v1/namespaces/default/serviceaccounts/${name}/token`, {});
    return (answer['status'] as { token: string }).token;
  };
  const statusAs = async (token: string, method: string, path: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    return (await client.send({ method, path, headers, anonymous: true })).status;
  };

  test('exec is decided by pods/exec: create for POST, get for GET', async () => {
    const rule = { apiGroups: [''], resources: ['pods/exec'] };
    const poster = await as('poster', [{ ...rule, verbs: ['create'] }]);
    const getter = await as('getter', [{ ...rule, verbs: ['get'] }]);
    const path = `${PODS}/web/exec?command=ls`;
    // 400: allowed, and told that it takes an upgrade.
    assert.equal(await statusAs(poster, 'POST', path), 400);
    assert.equal(await statusAs(poster, 'GET', path), 403);
    assert.equal(await statusAs(getter, 'GET', path), 400);
    assert.equal(await statusAs(getter, 'POST', path), 403);
    assert.equal(await statusAs(poster, 'POST', `${PODS}/web/attach`), 403);
    assert.equal(await statusAs(poster, 'GET', `${PODS}/web/log`), 403);
  });

  test('a node’s proxy is decided by nodes/proxy and the method’s verb', async () => {
    script.request = answering(200, 'ok');
    const rule = { apiGroups: [''], resources: ['nodes/proxy'] };
    const reader = await as('proxy-reader', [{ ...rule, verbs: ['get'] }]);
    const all = await as('proxy-all', [{ ...rule, verbs: ['*'] }]);
    const plain = await as('node-reader', [{ apiGroups: [''], resources: ['nodes'], verbs: ['*'] }]);
    assert.equal(await statusAs(reader, 'GET', `${NODE}/healthz`), 200);
    assert.equal(await statusAs(reader, 'POST', `${NODE}/run/x`), 403);
    assert.equal(await statusAs(reader, 'OPTIONS', `${NODE}/healthz`), 403);
    assert.equal(await statusAs(all, 'OPTIONS', `${NODE}/healthz`), 200);
    assert.equal(await statusAs(all, 'DELETE', `${NODE}/x`), 200);
    assert.equal(await statusAs(plain, 'GET', `${NODE}/healthz`), 403);
  });
});

test('a server that stops ends the streams it carries', LIMIT, async () => {
  const dataDir = join(folder, 'stopping');
  const other = await createApiServer({ dataDir });
  const raw = createRawClient(other);
  const own = await createScriptedKubelet({ upgrade: echoUpgrade }, { ca: await readCa(dataDir) });
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: own.port } },
  };
  await raw.json('POST', '/api/v1/nodes', { metadata: { name: 'n' }, status });
  const { socket } = await upgrade(other, { path: '/api/v1/nodes/n/proxy/attach/a/b/c' });
  assert.ok(socket !== undefined);
  const ended = once(socket.resume(), 'close');
  raw.close();
  await other.close();
  await ended;
  await until(() => own.connections === 0);
  await own.close();
});
