import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { type Node, nodes } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import type { KubeClient } from '@kubeedge-ts/kube';
import { createFakeKube, type FakeKube, faultRules, withFaults } from '@kubeedge-ts/kube/testing';
import {
  certificateToPem,
  createAuthority,
  createNodeCsr,
  enrol,
  generateKey,
  keyToPem,
  mintToken,
  type NodeCredentials,
  readCertificate,
  renew,
} from '@kubeedge-ts/pki';
import { seededRandom, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { type CloudCertificates, prepareCertificates } from '../certificates.ts';
import type { Route } from './route.ts';
import { createHttpsServer, type HttpsServer } from './server.ts';

/** The end of a socket, with or without an error. */
const ended = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve));

const DAY = 86_400_000;

interface Scene {
  readonly kube: FakeKube;
  readonly certificates: CloudCertificates;
  readonly server: HttpsServer;
  readonly httpServer: string;
}

async function scene(
  t: TestContext,
  { extraRoutes, client }: { extraRoutes?: readonly Route[]; client?: (kube: FakeKube) => KubeClient } = {},
): Promise<Scene> {
  const kube = createFakeKube();
  const certificates = await prepareCertificates({
    client: kube,
    config: {
      advertiseAddress: ['127.0.0.1'],
      dnsNames: [],
      tlsCAFile: '',
      tlsCAKeyFile: '',
      tlsCertFile: '',
      tlsPrivateKeyFile: '',
      edgeCertSigningDuration: 365,
      tokenRefreshDuration: 12,
    },
    clock: systemClock,
    random: seededRandom(1),
    log: silentLogger,
    signal: new AbortController().signal,
  });
  const server = createHttpsServer({
    address: '127.0.0.1',
    port: 0,
    certificates,
    client: client?.(kube) ?? kube,
    clock: systemClock,
    log: silentLogger,
    ...(extraRoutes === undefined ? {} : { extraRoutes }),
  });
  await server.start(new AbortController().signal);
  t.after(() => server.stop());
  return { kube, certificates, server, httpServer: `https://127.0.0.1:${server.port}` };
}

interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
  readonly client?: { readonly cert: string; readonly key: string };
}

async function call({ certificates, server }: Scene, { path, client, body, ...rest }: Call) {
  const outgoing = request({
    host: '127.0.0.1',
    port: server.port,
    path,
    method: 'GET',
    ca: certificates.ca.certPem,
    agent: false,
    ...client,
    ...rest,
    headers: { ...rest.headers, ...(body === undefined ? {} : { 'content-length': body.length }) },
  });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const content = Buffer.concat(chunks);
  return { status: Number(response.statusCode), body: content, text: content.toString() };
}

const aNode = (name: string): Node => ({ metadata: { name } });
const bearer = (token: string): Record<string, string> => ({
  authorization: `Bearer ${token.split('.').slice(1).join('.')}`,
});

/** A certificate as the cloud would have issued it at `now`. */
async function credentialsOf(
  { certificates: { ca } }: Scene,
  nodeName: string,
  now = Date.now(),
): Promise<NodeCredentials> {
  const key = generateKey();
  const csr = await createNodeCsr(nodeName, key);
  const der = await ca.signNode({ csr, nodeName, lifetimeDays: 365, now });
  return { caPem: ca.certPem, certPem: certificateToPem(der), keyPem: keyToPem(key) };
}

const fails = (code: string, pattern?: RegExp) => (error: unknown) => {
  assert.ok(isKubeEdgeError(error, code), String(error));
  if (pattern !== undefined) assert.match(error.message, pattern);
  return true;
};

describe('route table', () => {
  it('every route of the listener has a method, an identity, a reason and a body limit; the rest is 401', async (t) => {
    const all = await scene(t);
    assert.deepEqual(
      all.server.routes.map(({ method, path, identity }) => `${method} ${path} ${identity}`),
      ['GET /ca.crt anyone', 'GET /edge.crt node', 'GET /node/:name anyone'],
    );
    for (const route of all.server.routes) {
      assert.ok(route.reason.length > 10, route.path);
      assert.ok(Number.isSafeInteger(route.maxBodyBytes), route.path);
      const path = route.path.replace(':name', 'edge-1');
      const { status } = await call(all, { path, method: route.method });
      assert.equal(
        status === 401,
        route.identity !== 'anyone',
        `${route.path} without credentials: ${status}`,
      );
    }
    const others: readonly [string, string][] = [
      ['GET', '/'],
      ['POST', '/ca.crt'],
      ['HEAD', '/ca.crt'],
      ['POST', '/edge.crt'],
      ['DELETE', '/node/edge-1'],
      ['GET', '/node/a/b'],
      ['GET', '/CA.crt'],
      ['GET', '//ca.crt'],
      ['GET', '/ca.crt/'],
      ['GET', '/%'],
      ['GET', '/__proto__'],
      ['POST', '/nodeupgrade'],
      ['POST', '/task/a/name/b/node/c/status'],
      ['PATCH', '/edge.crt'],
    ];
    for (const [method, path] of others) {
      assert.equal((await call(all, { method, path })).status, 401, `${method} ${path}`);
    }
    assert.equal((await call(all, { path: '/node/' })).status, 400);
  });

  it('routes of other parts are served from the same table, with their body limit', async (t) => {
    const route: Route = {
      method: 'POST',
      path: '/crdconversion',
      identity: 'anyone',
      reason: 'called by the API server, which shows no certificate',
      maxBodyBytes: 100,
      handler: async ({ body, caller }) => ({
        status: 200,
        body: JSON.stringify({ got: body.toString(), caller: caller.kind }),
        contentType: 'application/json',
      }),
    };
    const all = await scene(t, { extraRoutes: [route] });
    const answer = await call(all, { method: 'POST', path: '/crdconversion?timeout=30s', body: 'hello' });
    assert.deepEqual([answer.status, answer.text], [200, '{"got":"hello","caller":"anyone"}']);
    const large = await call(all, { method: 'POST', path: '/crdconversion', body: 'x'.repeat(101) });
    assert.equal(large.status, 413);
  });

  it('a handler that fails is a 500 without details, and the next request is served', async (t) => {
    const route: Route = {
      method: 'GET',
      path: '/broken',
      identity: 'anyone',
      reason: 'for this test only',
      maxBodyBytes: 0,
      handler: async () => {
        throw new Error('a secret detail');
      },
    };
    const all = await scene(t, { extraRoutes: [route] });
    const answer = await call(all, { path: '/broken' });
    assert.deepEqual([answer.status, answer.text], [500, 'internal error\n']);
    assert.equal((await call(all, { path: '/ca.crt' })).status, 200);
  });
});

describe('GET /edge.crt', () => {
  it('a new node enrols with the stored token, and renews with its certificate', async (t) => {
    const all = await scene(t);
    const token = all.certificates.tokens.mint();
    const first = await enrol({ httpServer: all.httpServer, token, nodeName: 'edge-1' });
    assert.equal(first.caPem, all.certificates.ca.certPem);
    const info = readCertificate(first.certPem);
    assert.deepEqual([info.commonName, info.organization], ['system:node:edge-1', 'system:nodes']);
    all.kube.put(nodes, aNode('edge-1'));
    const second = await renew({ httpServer: all.httpServer, current: first, nodeName: 'edge-1' });
    assert.notEqual(second.certPem, first.certPem);
  });

  it('a foreign token and an expired one are 401, each with its own typed error at the edge', async (t) => {
    const all = await scene(t);
    const { ca } = all.certificates;
    const other = await createAuthority(Date.now());
    const expiresAt = Date.now() + DAY;
    // The right CA hash in front of a signature by the wrong key: what an attacker can make.
    const forged = mintToken({ caDer: ca.certDer, keyDer: other.keyDer }, { expiresAt });
    const attempt = (token: string) => enrol({ httpServer: all.httpServer, token, nodeName: 'edge-1' });
    await assert.rejects(attempt(forged), fails('PKI_TOKEN_FOREIGN'));
    const expired = all.certificates.tokens.mint({ lifetimeMs: -1_000 });
    await assert.rejects(attempt(expired), fails('PKI_TOKEN_EXPIRED'));
    for (const token of [forged, expired]) {
      assert.equal((await call(all, { path: '/edge.crt', headers: bearer(token) })).status, 401);
    }
    for (const authorization of [
      '',
      'Bearer',
      'Bearer  x',
      'Bearer a b',
      'Bearer null',
      `Bearer ${'x'.repeat(9_000)}`,
    ]) {
      const { status } = await call(all, { path: '/edge.crt', headers: { authorization } });
      assert.equal(status, 401, authorization.slice(0, 20));
    }
  });

  it('a shared token cannot take the name of a node that exists; a bound one, or a deletion, can', async (t) => {
    const all = await scene(t);
    all.kube.put(nodes, aNode('edge-1'));
    const attempt = (token: string) => enrol({ httpServer: all.httpServer, token, nodeName: 'edge-1' });
    const shared = all.certificates.tokens.mint();
    await assert.rejects(attempt(shared), fails('PKI_REFUSED', /403: node edge-1 already exists/));
    await attempt(all.certificates.tokens.mint({ nodeName: 'edge-1' }));
    await assert.rejects(
      attempt(all.certificates.tokens.mint({ nodeName: 'edge-2' })),
      fails('PKI_REFUSED', /403/),
    );
    all.kube.remove(nodes, { name: 'edge-1' });
    await attempt(shared);
    await attempt(shared);
  });

  it('the certificate of node A is no proof for node B', async (t) => {
    const all = await scene(t);
    all.kube.put(nodes, aNode('edge-b'));
    const current = await credentialsOf(all, 'edge-a');
    const attempt = renew({ httpServer: all.httpServer, current, nodeName: 'edge-b' });
    await assert.rejects(attempt, fails('PKI_REFUSED', /401: .*node edge-a, not of edge-b/));
  });

  it('an expired certificate still proves who asks, as long as the node exists', async (t) => {
    const all = await scene(t);
    const current = await credentialsOf(all, 'edge-1', Date.now() - 400 * DAY);
    const attempt = () => renew({ httpServer: all.httpServer, current, nodeName: 'edge-1' });
    await assert.rejects(attempt(), fails('PKI_REFUSED', /401: .*expired/));
    all.kube.put(nodes, aNode('edge-1'));
    assert.ok(readCertificate((await attempt()).certPem).notAfter > Date.now());
  });

  it('certificates of another CA and server certificates prove nothing', async (t) => {
    const all = await scene(t);
    const now = Date.now();
    const foreign = await createAuthority(now);
    const key = generateKey();
    const csr = await createNodeCsr('edge-1', key);
    const der = await foreign.signNode({ csr, nodeName: 'edge-1', lifetimeDays: 1, now });
    const { server } = all.certificates;
    for (const client of [{ cert: certificateToPem(der), key: keyToPem(key) }, server]) {
      const headers = { NodeName: 'edge-1', ...bearer(all.certificates.tokens.mint()) };
      const answer = await call(all, { path: '/edge.crt', client, headers, body: csr });
      assert.equal(answer.status, 401);
    }
  });

  it('a request that is no CSR is 500 with text, as upstream answers; too large a body is 413', async (t) => {
    const all = await scene(t);
    const headers = { NodeName: 'edge-1', ...bearer(all.certificates.tokens.mint()) };
    const bodies = ['', 'null', '[]', '""', '0', '{"__proto__":1}', Buffer.from('3080'.repeat(500), 'hex')];
    for (const body of bodies) {
      const answer = await call(all, { path: '/edge.crt', headers, body });
      assert.equal(answer.status, 500, String(body).slice(0, 20));
      assert.match(answer.text, /certificate request is not acceptable/);
    }
    const large = await call(all, { path: '/edge.crt', headers, body: Buffer.alloc(1_048_577) });
    assert.equal(large.status, 413);
  });

  it('while the cluster cannot be asked, a shared token gets 503 and nothing is issued', async (t) => {
    const script = faultRules([{ verb: 'get', resource: 'nodes', times: 9, fault: { kind: 'unreachable' } }]);
    const all = await scene(t, { client: (kube) => withFaults(kube, script) });
    const token = all.certificates.tokens.mint();
    const attempt = enrol({ httpServer: all.httpServer, token, nodeName: 'edge-1' });
    await assert.rejects(attempt, fails('PKI_REFUSED', /503/));
  });
});

describe('GET /node/{name}', () => {
  it('tells strangers 404 whatever the name, and asks the cluster nothing for them', async (t) => {
    const all = await scene(t);
    all.kube.put(nodes, aNode('edge-1'));
    const before = all.kube.calls.length;
    for (const name of ['edge-1', 'edge-2', '%2e%2e', 'x'.repeat(300)]) {
      const { status } = await call(all, { path: `/node/${name}` });
      assert.ok(status === 404 || (status === 401 && name.length > 253), `${name.slice(0, 10)} ${status}`);
    }
    const expired = bearer(all.certificates.tokens.mint({ lifetimeMs: -1 }));
    assert.equal((await call(all, { path: '/node/edge-1', headers: expired })).status, 404);
    const { certPem: cert, keyPem: key } = await credentialsOf(all, 'edge-2');
    assert.equal((await call(all, { path: '/node/edge-1', client: { cert, key } })).status, 404);
    assert.equal(all.kube.calls.length, before);
  });

  it('tells the node itself and holders of a token whether it exists', async (t) => {
    const all = await scene(t);
    const { certPem: cert, keyPem: key } = await credentialsOf(all, 'edge-1');
    const headers = bearer(all.certificates.tokens.mint());
    const statuses = async (): Promise<number[]> => [
      (await call(all, { path: '/node/edge-1', client: { cert, key } })).status,
      (await call(all, { path: '/node/edge-1', headers })).status,
    ];
    assert.deepEqual(await statuses(), [404, 404]);
    all.kube.put(nodes, aNode('edge-1'));
    assert.deepEqual(await statuses(), [200, 200]);
  });
});

describe('the listener and garbage', () => {
  it('malformed TCP, TLS and HTTP end only their own connection', async (t) => {
    const all = await scene(t);
    const noise = Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 151 + 7) & 0xff));
    for (const bytes of [
      noise,
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from([0x16, 3, 1, 0xff, 0xff]),
    ]) {
      const socket = connectTcp(all.server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.end(bytes);
      socket.resume();
      await ended(socket);
    }
    for (const text of [
      'GARBAGE\r\n\r\n',
      'GET /ca.crt HTTP/9.9\r\n\r\n',
      `GET /ca.crt HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`,
      'GET /edge.crt HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      'GET /edge.crt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /ca.crt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ]) {
      const socket = connect({ port: all.server.port, host: '127.0.0.1', ca: all.certificates.ca.certPem });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      socket.end(text);
      socket.resume();
      await ended(socket);
    }
    assert.equal((await call(all, { path: '/ca.crt' })).status, 200);
  });
});
