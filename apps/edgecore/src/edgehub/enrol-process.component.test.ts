import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { type CertificateAuthority, createAuthority, mintToken, readCertificate } from '@kubeedge-ts/pki';
import { createEnrolProcess } from './enrol-process.ts';

const root = mkdtempSync(join(tmpdir(), 'enrol-'));
const { signal } = new AbortController();
let ca: CertificateAuthority;
let server: Server;
let httpServer: string;

before(async () => {
  const now = Date.now();
  ca = await createAuthority(now);
  const tls = await ca.issueServer({ addresses: ['127.0.0.1'], dnsNames: [], now });
  server = createServer({
    cert: tls.certPem,
    key: tls.keyPem,
    ca: ca.certPem,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('request', async (request, response) => {
    if (request.url === '/ca.crt') return response.end(ca.certDer);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const nodeName = String(request.headers['nodename']);
    response.end(await ca.signNode({ csr: Buffer.concat(chunks), nodeName, lifetimeDays: 365, now }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  httpServer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(root, { recursive: true, force: true });
});

describe('the enrolment child', () => {
  test('enrols with a token, then renews with what it got', async () => {
    const enrol = createEnrolProcess();
    const token = mintToken({ caDer: ca.certDer, keyDer: ca.keyDer }, { expiresAt: Date.now() + 60_000 });
    const first = await enrol({ action: 'enrol', httpServer, nodeName: 'edge-a', token }, signal);
    assert.equal(readCertificate(first.cert).commonName, 'system:node:edge-a');
    assert.equal(first.ca, ca.certPem);
    const current = { caPem: first.ca, certPem: first.cert, keyPem: first.key };
    const second = await enrol({ action: 'renew', httpServer, nodeName: 'edge-a', current }, signal);
    assert.notEqual(second.key, first.key);
  });

  test("its errors arrive as the catalogue's, with advice", async () => {
    const other = await createAuthority(Date.now());
    const foreign = mintToken(
      { caDer: other.certDer, keyDer: other.keyDer },
      { expiresAt: Date.now() + 60_000 },
    );
    const request = { action: 'enrol', httpServer, nodeName: 'edge-a', token: foreign } as const;
    await assert.rejects(createEnrolProcess()(request, signal), (error) => {
      assert.ok(isKubeEdgeError(error, 'PKI_TOKEN_FOREIGN'));
      assert.match(error.advice, /token/);
      return true;
    });
  });

  for (const [what, code] of [
    ['prints garbage', "process.stdout.write('not json')"],
    ['crashes', "throw new Error('boom')"],
    ['floods', "setInterval(() => process.stdout.write('x'.repeat(100_000)), 1)"],
  ] as const) {
    test(`a child that ${what} is a typed error`, async () => {
      const script = join(root, `${what.replace(' ', '-')}.mjs`);
      writeFileSync(script, code);
      const enrol = createEnrolProcess(pathToFileURL(script));
      const request = { action: 'enrol', httpServer, nodeName: 'edge-a', token: 't' } as const;
      await assert.rejects(enrol(request, signal), { code: 'EDGE_ENROL_FAILED' });
    });
  }

  test('an abort ends a child that hangs', async () => {
    const script = join(root, 'hang.mjs');
    writeFileSync(script, 'setInterval(() => {}, 1000)');
    const stopping = new AbortController();
    const request = { action: 'enrol', httpServer, nodeName: 'edge-a', token: 't' } as const;
    const pending = createEnrolProcess(pathToFileURL(script))(request, stopping.signal);
    stopping.abort(new Error('stopping'));
    await assert.rejects(pending, /stopping/);
  });
});
