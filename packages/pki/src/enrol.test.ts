import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { it, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { type CertificateAuthority, createAuthority } from './authority.ts';
import { readCertificate } from './certificate-info.ts';
import { ERROR_CODE_HEADER, enrol, renew } from './enrol.ts';
import { mintToken } from './token.ts';

const now = Date.now();
const ca = await createAuthority(now);
const foreign = await createAuthority(now);
const token = mintToken({ caDer: ca.certDer, keyDer: ca.keyDer }, { expiresAt: now + 3_600_000 });

type Answer = { status?: number; body?: Uint8Array | string; headers?: Record<string, string> };
interface Seen {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly nodeName: string | string[] | undefined;
  readonly body: Buffer;
  readonly client: string;
}

/** A cloud that behaves as upstream's unless a path is given another behaviour. */
async function cloud(
  t: TestContext,
  changes: {
    readonly answers?: Readonly<Record<string, (seen: Seen) => Promise<Answer>>>;
    readonly authority?: CertificateAuthority;
    readonly addresses?: readonly string[];
  } = {},
): Promise<{ httpServer: string; seen: Seen[] }> {
  const authority = changes.authority ?? ca;
  const seen: Seen[] = [];
  const pair = await authority.issueServer({
    addresses: changes.addresses ?? ['127.0.0.1'],
    dnsNames: [],
    now,
  });
  const usual: Record<string, (request: Seen) => Promise<Answer>> = {
    '/ca.crt': async () => ({ body: authority.certDer }),
    '/edge.crt': async ({ body, nodeName }) => ({
      body: await authority.signNode({ csr: body, nodeName: String(nodeName), lifetimeDays: 1, now }),
    }),
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const one: Seen = {
      path: request.url ?? '',
      authorization: request.headers.authorization,
      nodeName: request.headers['nodename'],
      body: Buffer.concat(chunks),
      client: String((request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? ''),
    };
    seen.push(one);
    const answer = await (changes.answers?.[one.path] ?? usual[one.path])?.(one);
    response.writeHead(answer?.status ?? 200, answer?.headers).end(answer?.body);
  };
  const server = createServer(
    {
      cert: pair.certPem,
      key: pair.keyPem,
      ca: authority.certPem,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => void handle(request, response),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { httpServer: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const fails = (code: string, pattern?: RegExp) => (error: unknown) => {
  assert.ok(isKubeEdgeError(error, code), String(error));
  if (pattern !== undefined) assert.match(error.message, pattern);
  return true;
};

it('enrolment fetches the CA, then a certificate with a GET that has the request as its body', async (t) => {
  const { httpServer, seen } = await cloud(t);
  const got = await enrol({ httpServer, token, nodeName: 'edge-1' });
  assert.equal(got.caPem, ca.certPem);
  assert.equal(readCertificate(got.certPem).commonName, 'system:node:edge-1');
  assert.match(got.keyPem, /EC PRIVATE KEY/);
  assert.deepEqual(
    seen.map(({ path, authorization, nodeName }) => ({ path, authorization, nodeName })),
    [
      { path: '/ca.crt', authorization: undefined, nodeName: undefined },
      {
        path: '/edge.crt',
        authorization: `Bearer ${token.split('.').slice(1).join('.')}`,
        nodeName: 'edge-1',
      },
    ],
  );
});

it('renewal shows the present certificate, needs no token, and comes with a fresh key', async (t) => {
  const { httpServer, seen } = await cloud(t);
  const first = await enrol({ httpServer, token, nodeName: 'edge-1' });
  const second = await renew({ httpServer, current: first, nodeName: 'edge-1' });
  assert.notEqual(second.keyPem, first.keyPem);
  assert.deepEqual([seen[2]?.client, seen[2]?.authorization], ['system:node:edge-1', undefined]);
  assert.equal(new X509Certificate(second.certPem).verify(new X509Certificate(ca.certPem).publicKey), true);
});

it('a token for another cloud is PKI_TOKEN_FOREIGN, and was not shown to this one', async (t) => {
  const { httpServer, seen } = await cloud(t, { authority: foreign });
  await assert.rejects(enrol({ httpServer, token, nodeName: 'edge-1' }), fails('PKI_TOKEN_FOREIGN'));
  assert.deepEqual(
    seen.map(({ path, authorization }) => ({ path, authorization })),
    [{ path: '/ca.crt', authorization: undefined }],
  );
});

it('a server that only repeats the right CA gets no token: its own certificate does not verify', async (t) => {
  const { httpServer, seen } = await cloud(t, {
    authority: foreign,
    answers: { '/ca.crt': async () => ({ body: ca.certDer }) },
  });
  await assert.rejects(enrol({ httpServer, token, nodeName: 'edge-1' }), fails('PKI_SERVER_UNTRUSTED'));
  assert.equal(seen.length, 1);
});

it('a server certificate that does not cover the address is PKI_SERVER_UNTRUSTED and names it', async (t) => {
  const { httpServer, seen } = await cloud(t, { addresses: ['10.9.9.9'] });
  const attempt = enrol({ httpServer, token, nodeName: 'edge-1' });
  await assert.rejects(attempt, fails('PKI_SERVER_UNTRUSTED', /127\.0\.0\.1/));
  assert.equal(seen.length, 1);
});

it('an expired token is PKI_TOKEN_EXPIRED with its time, whether the cloud is ours, 1.23 or 1.9', async (t) => {
  const expiresAt = now - 3_600_000;
  const old = mintToken({ caDer: ca.certDer, keyDer: ca.keyDer }, { expiresAt });
  for (const answer of [
    { status: 401, headers: { [ERROR_CODE_HEADER]: 'PKI_TOKEN_EXPIRED' } },
    { status: 401 },
    { status: 400 },
  ]) {
    const { httpServer } = await cloud(t, { answers: { '/edge.crt': async () => answer } });
    await assert.rejects(
      enrol({ httpServer, token: old, nodeName: 'edge-1' }),
      fails('PKI_TOKEN_EXPIRED', new RegExp(String(new Date(expiresAt).getUTCFullYear()))),
    );
  }
});

it('any other refusal is PKI_REFUSED with status and the words of the cloud', async (t) => {
  const { httpServer } = await cloud(t, {
    answers: { '/edge.crt': async () => ({ status: 403, body: 'node edge-1 already exists\n' }) },
  });
  const attempt = enrol({ httpServer, token, nodeName: 'edge-1' });
  await assert.rejects(attempt, fails('PKI_REFUSED', /403: node edge-1 already exists/));
});

it('an answer that is no certificate for our key and name is never accepted', async (t) => {
  const signOther = async (
    nodeName: string,
    authority: CertificateAuthority,
    body: Buffer,
  ): Promise<Buffer> => {
    const request = { csr: body, nodeName, lifetimeDays: 1, now };
    return authority.signNode(request);
  };
  const pair = await ca.issueServer({ addresses: ['127.0.0.1'], dnsNames: [], now });
  const bodies: [string, (seen: Seen) => Promise<Uint8Array | string>][] = [
    ['PKI_ANSWER_UNEXPECTED', async () => ''],
    ['PKI_PEM_INVALID', async () => 'null'],
    ['PKI_ANSWER_UNEXPECTED', async () => pair.certDer],
    ['PKI_ANSWER_UNEXPECTED', async ({ body }) => signOther('edge-1', foreign, body)],
    ['PKI_ANSWER_UNEXPECTED', async () => Buffer.alloc(1_000_000)],
  ];
  for (const [code, body] of bodies) {
    const { httpServer } = await cloud(t, {
      answers: { '/edge.crt': async (seen) => ({ body: await body(seen) }) },
    });
    await assert.rejects(enrol({ httpServer, token, nodeName: 'edge-1' }), fails(code));
  }
});

it('a cloud that is away is PKI_UNREACHABLE; an abort ends with its reason', async (t) => {
  const { httpServer } = await cloud(t, { answers: { '/ca.crt': () => new Promise(() => undefined) } });
  const stop = new AbortController();
  const attempt = enrol({ httpServer, token, nodeName: 'edge-1', signal: stop.signal });
  setTimeout(() => stop.abort(new Error('stopping')), 30);
  await assert.rejects(attempt, /stopping/);
  const nowhere = enrol({ httpServer: 'https://127.0.0.1:1', token, nodeName: 'edge-1' });
  await assert.rejects(nowhere, fails('PKI_UNREACHABLE'));
});
