import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isKubeEdgeError, pkiErrors } from '@kubeedge-ts/errors';
import {
  type CertificateAuthority,
  certificateToPem,
  createAuthority,
  createNodeCsr,
  generateKey,
  keyToPem,
  mintToken,
} from '@kubeedge-ts/pki';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import type { TlsMaterial } from '@kubeedge-ts/viaduct';
import type { EnrolRequest } from './enrol-protocol.ts';
import { createIdentity } from './identity.ts';
import { type IdentityFiles, readIdentity, writeIdentity } from './identity-files.ts';
import { createManualClock, until } from './testing/manual-clock.ts';
import { tokenSource } from './token-source.ts';

const root = mkdtempSync(join(tmpdir(), 'identity-'));
after(() => rmSync(root, { recursive: true, force: true }));
const START = Date.UTC(2026, 10, 22);
const DAY_MS = 86_400_000;
const { signal } = new AbortController();
let ca: CertificateAuthority;
let folders = 0;

before(async () => {
  ca = await createAuthority(START);
});

async function issue(nodeName: string, now: number, authority = ca): Promise<TlsMaterial> {
  const key = generateKey();
  const csr = await createNodeCsr(nodeName, key);
  const cert = certificateToPem(await authority.signNode({ csr, nodeName, lifetimeDays: 100, now }));
  return { ca: authority.certPem, cert, key: keyToPem(key) };
}

function setup(options: { token?: string; issued?: (request: EnrolRequest) => Promise<TlsMaterial> } = {}) {
  const folder = join(root, String(folders++));
  const files: IdentityFiles = {
    ca: join(folder, 'ca/rootCA.crt'),
    cert: join(folder, 'certs/server.crt'),
    key: join(folder, 'certs/server.key'),
  };
  const clock = createManualClock(START);
  const requests: EnrolRequest[] = [];
  let token = options.token ?? '';
  const identity = createIdentity({
    nodeName: 'edge-a',
    httpServer: 'https://127.0.0.1:10002',
    files,
    token: () => token,
    enrol: async (request) => {
      requests.push(request);
      return options.issued ? options.issued(request) : issue('edge-a', clock.now());
    },
    clock,
    random: seededRandom(1),
    log: silentLogger,
  });
  const setToken = (text: string): void => {
    token = text;
  };
  return { identity, files, clock, requests, setToken };
}

describe('identity files', () => {
  test('are written with the modes of secrets and read back', async () => {
    const { files } = setup();
    const material = await issue('edge-a', START);
    await writeIdentity(files, material);
    assert.deepEqual(await readIdentity(files), material);
    assert.equal(statSync(files.key).mode & 0o777, 0o600);
    assert.equal(statSync(files.cert).mode & 0o777, 0o644);
  });

  test('a crash between replacing key and certificate loses neither', async () => {
    const { files } = setup();
    await writeIdentity(files, await issue('edge-a', START));
    const fresh = await issue('edge-a', START);
    writeFileSync(`${files.cert}.new`, fresh.cert);
    writeFileSync(files.key, fresh.key);
    assert.deepEqual(await readIdentity(files), fresh);
    assert.equal(readFileSync(files.cert, 'utf8'), fresh.cert);
  });

  test('a pair that does not belong together, or garbage, is no identity', async () => {
    const { files } = setup();
    await writeIdentity(files, await issue('edge-a', START));
    writeFileSync(files.key, (await issue('edge-a', START)).key);
    assert.equal(await readIdentity(files), undefined);
    writeFileSync(files.cert, 'garbage');
    assert.equal(await readIdentity(files), undefined);
  });
});

describe('obtain', () => {
  test('uses the present certificate without asking the cloud', async () => {
    const { identity, files, requests } = setup();
    const material = await issue('edge-a', START);
    await writeIdentity(files, material);
    assert.deepEqual(await identity.obtain(signal), material);
    assert.deepEqual(requests, []);
  });

  test("another node's certificate is replaced with the token's help", async () => {
    const { identity, files, requests } = setup({ token: 'the-token' });
    await writeIdentity(files, await issue('edge-b', START));
    const material = await identity.obtain(signal);
    assert.deepEqual(requests, [
      { action: 'enrol', httpServer: 'https://127.0.0.1:10002', nodeName: 'edge-a', token: 'the-token' },
    ]);
    assert.deepEqual(await readIdentity(files), material);
  });

  test('an expired certificate is renewed with its own key, without a token (O5)', async () => {
    const { identity, files, requests } = setup();
    const expired = await issue('edge-a', START - 101 * DAY_MS);
    await writeIdentity(files, expired);
    const material = await identity.obtain(signal);
    assert.deepEqual(
      requests.map((request) => request.action === 'renew' && request.current.certPem),
      [expired.cert],
    );
    assert.deepEqual(await readIdentity(files), material);
    assert.deepEqual(await identity.obtain(signal), material);
    assert.equal(requests.length, 1);
  });

  test('an expired certificate that the cloud does not renew needs a token', async () => {
    const { identity, files, requests, setToken } = setup({
      issued: ({ action }) =>
        action === 'renew'
          ? Promise.reject(pkiErrors.create('PKI_REFUSED', { status: 401 }))
          : issue('edge-a', START),
    });
    await writeIdentity(files, await issue('edge-a', START - 101 * DAY_MS));
    await assert.rejects(identity.obtain(signal), (error) => {
      assert.ok(isKubeEdgeError(error, 'EDGE_TOKEN_MISSING'));
      assert.match(error.message, /expired 2026/);
      return true;
    });
    setToken('the-token');
    assert.ok(await identity.obtain(signal));
    assert.deepEqual(
      requests.map(({ action }) => action),
      ['renew', 'renew', 'enrol'],
    );
  });

  test('while the cloud cannot be reached an expired certificate is kept, and no token is asked for', async () => {
    const unreachable = () => Promise.reject(pkiErrors.create('PKI_UNREACHABLE', { url: 'x' }));
    const { identity, files, requests } = setup({ issued: unreachable });
    const expired = await issue('edge-a', START - 101 * DAY_MS);
    await writeIdentity(files, expired);
    await assert.rejects(identity.obtain(signal), { code: 'PKI_UNREACHABLE' });
    assert.equal(requests.length, 1);
    assert.deepEqual(await readIdentity(files), expired);
  });

  test('without certificate and token it says what to do, and takes a token that appears later', async () => {
    const { identity, setToken } = setup();
    await assert.rejects(identity.obtain(signal), (error) => {
      assert.ok(isKubeEdgeError(error, 'EDGE_TOKEN_MISSING'));
      assert.match(error.advice, /keadm gettoken/);
      return true;
    });
    setToken('late');
    assert.ok(await identity.obtain(signal));
  });

  test('a refused token leaves no files behind and can be corrected', async () => {
    let refuse = true;
    const expired = () => Promise.reject(pkiErrors.create('PKI_TOKEN_EXPIRED', { expiredAt: 'yesterday' }));
    const { identity, files } = setup({
      token: 't',
      issued: () => (refuse ? expired() : issue('edge-a', START)),
    });
    await assert.rejects(identity.obtain(signal), { code: 'PKI_TOKEN_EXPIRED' });
    assert.equal(await readIdentity(files), undefined);
    refuse = false;
    assert.ok(await identity.obtain(signal));
  });

  test('a certificate the cloud refused is given up only for a token of another CA', async () => {
    const other = await createAuthority(START);
    const { identity, files, requests, setToken } = setup({ issued: () => issue('edge-a', START, other) });
    const claims = { expiresAt: START + DAY_MS };
    await writeIdentity(files, await issue('edge-a', START));
    setToken(mintToken({ caDer: ca.certDer, keyDer: ca.keyDer }, claims));
    identity.refused();
    await identity.obtain(signal);
    assert.equal(requests.length, 0, 'same CA: the certificate may still be right');
    setToken(mintToken({ caDer: other.certDer, keyDer: other.keyDer }, claims));
    assert.equal((await identity.obtain(signal)).ca, other.certPem);
    assert.equal(requests.length, 1);
  });

  test('a clock behind the certificate does not throw it away', async () => {
    const { identity, files, clock, requests } = setup({ token: 't' });
    await writeIdentity(files, await issue('edge-a', clock.now() + 10 * DAY_MS));
    await identity.obtain(signal);
    assert.equal(requests.length, 0);
  });
});

describe('several who need the identity at once', () => {
  test('get one certificate: the first one asks the cloud for it', async () => {
    const { identity, requests, files } = setup({ token: 'any.token' });
    const [one, two] = await Promise.all([identity.obtain(signal), identity.obtain(signal)]);
    assert.deepEqual(one, two);
    assert.equal(requests.length, 1);
    assert.deepEqual(await readIdentity(files), one);
  });

  test('are not held by one that waits, once they are told to stop, nor by one that failed', async () => {
    const asked = Promise.withResolvers<TlsMaterial>();
    let failing = true;
    const { identity, requests } = setup({
      token: 'any.token',
      issued: () => (failing ? asked.promise : issue('edge-a', START)),
    });
    const first = identity.obtain(signal);
    await until(() => requests.length === 1);
    const stopping = new AbortController();
    const second = identity.obtain(stopping.signal);
    stopping.abort(new Error('stopping'));
    await assert.rejects(second, /stopping/);
    const third = identity.obtain(signal);
    failing = false;
    asked.reject(pkiErrors.create('PKI_UNREACHABLE', { server: 's', problem: 'away' }));
    await assert.rejects(first, (error: unknown) => isKubeEdgeError(error, 'PKI_UNREACHABLE'));
    assert.match((await third).cert, /BEGIN CERTIFICATE/);
  });
});

describe('keepRenewed', () => {
  test('renews between 70 and 90 % of the life with the present key, and again from the new one', async () => {
    const { identity, files, clock, requests } = setup();
    await writeIdentity(files, await issue('edge-a', START));
    const stopping = new AbortController();
    const running = identity.keepRenewed(stopping.signal);
    for (const round of [1, 2]) {
      const from = clock.now();
      while (requests.length < round) {
        await until(() => clock.pending > 0 || requests.length === round);
        clock.advance(3_600_000);
        assert.ok(clock.now() - from < 95 * DAY_MS, 'renewed in time');
      }
      const share = (clock.now() - from) / (100 * DAY_MS);
      assert.ok(share > 0.69, `renewed after ${share}`);
      const [request] = requests.slice(-1);
      assert.ok(request?.action === 'renew');
      const written = `${files.key}`;
      await until(() => readFileSync(written, 'utf8') !== request.current.keyPem, 'new files');
    }
    stopping.abort();
    await running;
  });

  test('a failed renewal is repeated with growing pauses, and nothing is lost', async () => {
    let attempts = 0;
    const { identity, files, clock } = setup({
      issued: () => {
        attempts += 1;
        return Promise.reject(pkiErrors.create('PKI_UNREACHABLE', { server: 's', problem: 'away' }));
      },
    });
    const material = await issue('edge-a', START - 95 * DAY_MS);
    await writeIdentity(files, material);
    const stopping = new AbortController();
    const running = identity.keepRenewed(stopping.signal);
    await until(() => attempts === 1);
    while (attempts < 5) {
      await until(() => clock.pending > 0);
      clock.advance(1_000);
    }
    assert.ok(clock.now() - START > 10_000);
    assert.deepEqual(await readIdentity(files), material);
    stopping.abort();
    await running;
  });
});

test('tokenSource prefers the bootstrap file and reads both every time', async () => {
  const file = join(root, 'bootstrap.conf');
  let configured = ' from-config\n';
  const token = tokenSource(() => configured, file);
  assert.equal(await token(), 'from-config');
  writeFileSync(file, 'from-file\n');
  assert.equal(await token(), 'from-file');
  rmSync(file);
  configured = '';
  assert.equal(await token(), '');
});
