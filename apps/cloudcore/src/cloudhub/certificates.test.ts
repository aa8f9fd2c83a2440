import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { namespaces, type Secret, secrets } from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import {
  createFakeKube,
  createVirtualClock,
  type FakeKube,
  faultRules,
  withFaults,
} from '@kubeedge-ts/kube/testing';
import { createAuthority, mintToken } from '@kubeedge-ts/pki';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createSecretStore } from './certificate-secrets.ts';
import { type CertificateConfig, type PrepareOptions, prepareCertificates } from './certificates.ts';
import { createTokenRefresh } from './join-tokens.ts';

const HOUR = 3_600_000;
const CONFIG: CertificateConfig = {
  advertiseAddress: ['10.0.0.1'],
  dnsNames: [''],
  tlsCAFile: '',
  tlsCAKeyFile: '',
  tlsCertFile: '',
  tlsPrivateKeyFile: '',
  edgeCertSigningDuration: 365,
  tokenRefreshDuration: 12,
};

function options(client: PrepareOptions['client'], config: Partial<CertificateConfig> = {}): PrepareOptions {
  return {
    client,
    config: { ...CONFIG, ...config },
    clock: createVirtualClock(),
    random: seededRandom(1),
    log: silentLogger,
    signal: new AbortController().signal,
  };
}

function stored(kube: FakeKube, name: string): Record<string, Buffer> {
  const found = kube.objects<Secret>(secrets).find((secret) => secret.metadata.name === name);
  assert.ok(found, `Secret ${name}`);
  assert.equal(found.metadata.namespace, 'kubeedge');
  const entries = Object.entries(found.data ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64')]));
}

function put(kube: FakeKube, name: string, values: Record<string, Uint8Array | string>): void {
  const entries = Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  kube.put<Secret>(secrets, {
    metadata: { name, namespace: 'kubeedge' },
    type: 'Opaque',
    data: Object.fromEntries(entries),
  });
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kubeedge-certificates-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

describe('first start', () => {
  it('makes namespace and secrets as upstream stores them: DER under its keys, the token as text', async () => {
    const kube = createFakeKube();
    const { ca, server, tokens } = await prepareCertificates(options(kube));
    assert.deepEqual(
      kube.objects(namespaces).map(({ metadata }) => metadata.name),
      ['kubeedge'],
    );
    assert.deepEqual(stored(kube, 'casecret'), { cadata: ca.certDer, cakeydata: ca.keyDer });
    const pair = stored(kube, 'cloudcoresecret');
    const certificate = new X509Certificate(pair['cloudcoredata'] ?? '');
    assert.equal(certificate.toString(), server.cert);
    assert.equal(certificate.checkIP('10.0.0.1'), '10.0.0.1');
    const token = stored(kube, 'tokensecret')['tokendata']?.toString() ?? '';
    assert.equal(token.split('.')[0], ca.hash);
    assert.equal(tokens.verify(token.split('.').slice(1).join('.')).ok, true);
  });

  it('several cloudcores that start together end up with one CA, one server certificate and one token', async () => {
    const kube = createFakeKube();
    const all = await Promise.all([1, 2, 3].map(() => prepareCertificates(options(kube))));
    assert.equal(new Set(all.map(({ ca }) => ca.hash)).size, 1);
    assert.equal(new Set(all.map(({ server }) => server.cert)).size, 1);
    assert.equal(kube.calls.filter(({ verb }) => verb === 'update' || verb === 'patch').length, 0);
    const token = stored(kube, 'tokensecret')['tokendata']?.toString() ?? '';
    for (const { tokens } of all) assert.equal(tokens.verify(token.split('.').slice(1).join('.')).ok, true);
  });

  it('waits for an API server that is away, and does not believe in a lost answer', async () => {
    const kube = createFakeKube();
    const clock = createVirtualClock();
    const script = faultRules([
      { verb: 'get', resource: 'namespaces', times: 3, fault: { kind: 'unreachable' } },
      { verb: 'create', resource: 'secrets', fault: { kind: 'lost-answer' } },
      { verb: 'get', resource: 'secrets', skip: 1, fault: { kind: 'status', code: 503 } },
    ]);
    const preparing = prepareCertificates({ ...options(withFaults(kube, script)), clock });
    let done = false;
    void preparing.finally(() => {
      done = true;
    });
    // Key generation takes real time between the pauses.
    while (!done) await clock.advance(1_000);
    const { ca } = await preparing;
    assert.deepEqual(stored(kube, 'casecret')['cadata'], ca.certDer);
  });

  it('ends with the reason of its signal while it waits', async () => {
    const kube = createFakeKube();
    const stop = new AbortController();
    const script = faultRules([{ times: 1_000, fault: { kind: 'unreachable' } }]);
    const preparing = prepareCertificates({ ...options(withFaults(kube, script)), signal: stop.signal });
    setImmediate(() => stop.abort(new Error('stopping')));
    await assert.rejects(preparing, /stopping/);
  });
});

describe('a running installation', () => {
  it('is taken over: CA, server certificate and a fresh token stay as they are', async () => {
    const kube = createFakeKube();
    const clock = createVirtualClock();
    const now = clock.now();
    const ca = await createAuthority(now - 100 * HOUR);
    const pair = await ca.issueServer({ addresses: ['10.0.0.1'], dnsNames: [], now });
    const token = mintToken({ caDer: ca.certDer, keyDer: ca.keyDer }, { expiresAt: now + 20 * HOUR });
    put(kube, 'casecret', { cadata: ca.certDer, cakeydata: ca.keyDer });
    put(kube, 'cloudcoresecret', { cloudcoredata: pair.certDer, cloudcorekeydata: pair.keyDer });
    put(kube, 'tokensecret', { tokendata: token });
    const taken = await prepareCertificates({ ...options(kube), clock });
    assert.equal(taken.ca.hash, ca.hash);
    assert.equal(taken.server.cert, pair.certPem);
    assert.equal(stored(kube, 'tokensecret')['tokendata']?.toString(), token);
    assert.equal(kube.calls.filter(({ verb }) => verb !== 'get' && verb !== 'create').length, 0);
  });

  it('gets a server certificate of its own when the stored one does not cover its addresses', async () => {
    const kube = createFakeKube();
    await prepareCertificates(options(kube));
    const before = stored(kube, 'cloudcoresecret');
    const { ca, server } = await prepareCertificates(
      options(kube, { advertiseAddress: ['10.0.0.2'], dnsNames: ['cloud.example'] }),
    );
    const certificate = new X509Certificate(server.cert);
    assert.equal(certificate.checkIP('10.0.0.2'), '10.0.0.2');
    assert.equal(certificate.checkHost('cloud.example'), 'cloud.example');
    assert.equal(certificate.checkIP('10.0.0.1'), '10.0.0.1', 'what edges use today keeps working');
    assert.equal(certificate.verify(new X509Certificate(ca.certDer).publicKey), true);
    assert.deepEqual(stored(kube, 'cloudcoresecret'), before, 'another cloudcore may need the stored one');
  });

  it('gets one too when the stored one is of another CA or garbage', async () => {
    const clock = createVirtualClock();
    const foreign = await (await createAuthority(clock.now())).issueServer({
      addresses: ['10.0.0.1'],
      dnsNames: [],
      now: clock.now(),
    });
    const cases: Record<string, Uint8Array | string>[] = [
      { cloudcoredata: foreign.certDer, cloudcorekeydata: foreign.keyDer },
      { cloudcoredata: 'garbage', cloudcorekeydata: 'garbage' },
      {},
    ];
    for (const values of cases) {
      const kube = createFakeKube();
      put(kube, 'cloudcoresecret', values);
      const { ca, server } = await prepareCertificates({ ...options(kube), clock });
      const certificate = new X509Certificate(server.cert);
      assert.equal(certificate.verify(new X509Certificate(ca.certDer).publicKey), true);
      assert.equal(certificate.checkIP('10.0.0.1'), '10.0.0.1');
    }
  });

  it('with a CA secret that cannot be used ends the start and is not overwritten', async () => {
    const cases: Record<string, string>[] = [{}, { cadata: 'x', cakeydata: 'y' }];
    for (const values of cases) {
      const kube = createFakeKube();
      put(kube, 'casecret', values);
      await assert.rejects(prepareCertificates(options(kube)), (error) => {
        assert.ok(isKubeEdgeError(error, 'PKI_PEM_INVALID'));
        assert.match(error.message, /casecret/);
        return true;
      });
      assert.equal(
        kube.calls.filter(({ resource, verb }) => resource === 'secrets' && verb !== 'get').length,
        0,
      );
    }
  });
});

describe('files', () => {
  it('win over secrets, and the CA is written to its secret', async (t) => {
    const path = await folder(t);
    const kube = createFakeKube();
    await prepareCertificates(options(kube));
    const ca = await createAuthority(Date.now());
    const files = { tlsCAFile: join(path, 'rootCA.crt'), tlsCAKeyFile: join(path, 'rootCA.key') };
    await writeFile(files.tlsCAFile, ca.certPem);
    await writeFile(files.tlsCAKeyFile, ca.keyPem);
    const { ca: used, tokens } = await prepareCertificates(options(kube, files));
    assert.equal(used.hash, ca.hash);
    assert.deepEqual(stored(kube, 'casecret')['cadata'], ca.certDer);
    const token = stored(kube, 'tokensecret')['tokendata']?.toString() ?? '';
    assert.equal(token.split('.')[0], ca.hash, 'the token of the old CA is replaced');
    assert.equal(tokens.verify(token.split('.').slice(1).join('.')).ok, true);
  });

  it('one of a pair alone is PKI_PAIR_INCOMPLETE', async (t) => {
    const path = await folder(t);
    const tlsCAFile = join(path, 'rootCA.crt');
    await writeFile(tlsCAFile, (await createAuthority(Date.now())).certPem);
    const preparing = prepareCertificates(
      options(createFakeKube(), { tlsCAFile, tlsCAKeyFile: join(path, 'rootCA.key') }),
    );
    await assert.rejects(preparing, (error) => isKubeEdgeError(error, 'PKI_PAIR_INCOMPLETE'));
  });
});

describe('join token', () => {
  async function scene(count: number) {
    const kube = createFakeKube();
    const clock = createVirtualClock();
    const modules: Module[] = [];
    for (let i = 0; i < count; i++) {
      const { tokens } = await prepareCertificates({ ...options(kube), clock });
      const random = seededRandom(i);
      modules.push(
        createTokenRefresh({
          tokens,
          refreshHours: 12,
          store: (signal) => createSecretStore(kube, { clock, random, log: silentLogger, signal }),
          clock,
          random,
          log: silentLogger,
        }),
      );
    }
    for (const module of modules) await module.start(new AbortController().signal);
    const stop = () => Promise.all(modules.map((module) => module.stop()));
    return { kube, clock, stop };
  }

  it('is replaced every 12 hours by one of several cloudcores, and is always good for almost 12 more', async () => {
    const { kube, clock, stop } = await scene(3);
    const seen = new Set<string>();
    for (let hour = 0; hour < 72; hour++) {
      await clock.advance(HOUR);
      const token = stored(kube, 'tokensecret')['tokendata']?.toString() ?? '';
      seen.add(token);
      const payload = JSON.parse(Buffer.from(token.split('.')[2] ?? '', 'base64url').toString());
      assert.ok(payload.exp * 1000 - clock.now() > 12 * HOUR - 120_000, `hour ${hour}`);
    }
    assert.ok(seen.size >= 6 && seen.size <= 7, `${seen.size} tokens in 72 hours`);
    const written = kube.calls.filter(({ verb, name }) => verb === 'update' && name === 'tokensecret').length;
    assert.ok(written <= 2 * seen.size, `${written} writes, conflicts included`);
    await stop();
  });

  it('that was deleted or damaged by hand is there again within the hour', async () => {
    const { kube, clock, stop } = await scene(1);
    await clock.advance(1_000);
    for (const damage of [
      () => kube.remove(secrets, { namespace: 'kubeedge', name: 'tokensecret' }),
      () => put(kube, 'tokensecret', { tokendata: 'null' }),
      () => put(kube, 'tokensecret', {}),
    ]) {
      damage();
      await clock.advance(HOUR + 60_000);
      assert.equal(stored(kube, 'tokensecret')['tokendata']?.toString().split('.').length, 4);
    }
    await stop();
  });
});
