import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { cloudcoreErrors } from '@kubeedge-ts/errors';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { type CertificateAuthority, createAuthority } from '@kubeedge-ts/pki';
import { issueClient } from '@kubeedge-ts/pki/testing';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createServingCertificates } from './serving-certificates.ts';

const DAY = 86_400_000;

async function world(t: TestContext) {
  const clock = createVirtualClock(Date.now());
  const dir = await mkdtemp(join(tmpdir(), 'serving-'));
  const [hub, cluster] = await Promise.all([createAuthority(clock.now()), createAuthority(clock.now())]);
  const state = { names: ['192.0.2.1'], asked: [] as string[], willing: false, changes: 0 };
  const files = { cert: join(dir, 'stream.crt'), key: join(dir, 'stream.key') };
  const certificates = createServingCertificates({
    files,
    names: () => state.names,
    hub,
    async askCluster(names) {
      state.asked.push(names.join());
      if (!state.willing) throw cloudcoreErrors.create('CLOUDCORE_SERVING_CERTIFICATE', { problem: 'no' });
      const { certPem: cert, keyPem: key } = await serverOf(cluster, names, clock.now());
      return { cert, key };
    },
    changed: () => {
      state.changes += 1;
    },
    clock,
    random: seededRandom(1),
    log: silentLogger,
  });
  t.after(async () => {
    await certificates.stop();
    await rm(dir, { recursive: true });
  });
  const settled = async (ms = 0): Promise<void> => {
    await certificates.idle();
    for (let left = ms; left > 0; left -= 60_000) {
      await clock.advance(Math.min(left, 60_000));
      // files and keys are real: the clock goes on when they have been looked at
      await certificates.idle();
    }
  };
  return {
    clock,
    state,
    files,
    certificates,
    settled,
    source: () => certificates.current.source,
    covers: (name: string) => new X509Certificate(certificates.current.cert).checkIP(name) !== undefined,
    async putFiles(names: readonly string[]) {
      const { certPem, keyPem } = await serverOf(cluster, names, clock.now());
      await Promise.all([writeFile(files.cert, certPem), writeFile(files.key, keyPem)]);
    },
  };
}

const serverOf = (ca: CertificateAuthority, names: readonly string[], now: number) =>
  ca.issueServer({ addresses: names, dnsNames: [], now });

describe('the serving certificate', () => {
  test('is one of this installation at once, and the cluster’s as soon as it issues one', async (t) => {
    const w = await world(t);
    await w.certificates.prepare();
    assert.equal(w.source(), 'hub');
    assert.ok(w.covers('192.0.2.1'));
    w.state.willing = true;
    w.certificates.start();
    await w.settled();
    assert.equal(w.source(), 'cluster');
    assert.equal(w.state.changes, 2);
    await w.settled(600_000);
    assert.deepEqual(w.state.asked, ['192.0.2.1'], 'asked for once');
  });

  test('is the user’s own where the files are, and a new one when they change', async (t) => {
    const w = await world(t);
    await w.putFiles(['192.0.2.1']);
    await w.certificates.prepare();
    assert.equal(w.source(), 'files');
    const first = w.certificates.current.cert;
    w.certificates.start();
    await w.settled(60_000);
    assert.equal(w.certificates.current.cert, first);
    await w.putFiles(['192.0.2.1']);
    await w.settled(60_000);
    assert.equal(w.source(), 'files');
    assert.notEqual(w.certificates.current.cert, first);
    assert.deepEqual(w.state.asked, []);
  });

  test('is not taken from files that do not hold what they should', async (t) => {
    const w = await world(t);
    await w.putFiles(['192.0.2.1']);
    await writeFile(w.files.key, 'garbage');
    await w.certificates.prepare();
    assert.equal(w.source(), 'hub');
  });

  test('covers an address that changed, at once; the cluster is asked again', async (t) => {
    const w = await world(t);
    w.state.willing = true;
    await w.certificates.prepare();
    w.certificates.start();
    await w.settled();
    w.state.names = ['192.0.2.1', '192.0.2.9'];
    w.state.willing = false;
    w.certificates.refresh();
    await w.settled();
    assert.equal(w.source(), 'hub');
    assert.ok(w.covers('192.0.2.9'));
    w.state.willing = true;
    await w.settled(120_000);
    assert.equal(w.source(), 'cluster');
    assert.ok(w.covers('192.0.2.9'));
  });

  test('a cluster that refuses is asked less and less', async (t) => {
    const w = await world(t);
    await w.certificates.prepare();
    w.certificates.start();
    await w.settled(6 * 3_600_000);
    assert.ok(
      w.state.asked.length >= 6 && w.state.asked.length < 30,
      `${w.state.asked.length} requests in 6 h`,
    );
    assert.equal(w.source(), 'hub');
  });
});

test('a certificate of the cluster is renewed well before it expires', async (t) => {
  const clock = createVirtualClock(Date.now());
  const hub = await createAuthority(clock.now());
  let issued = 0;
  const certificates = createServingCertificates({
    files: { cert: '', key: '' },
    names: () => ['192.0.2.1'],
    hub,
    async askCluster() {
      issued += 1;
      const ca = await shortLived(clock.now(), 10 * DAY);
      return ca;
    },
    changed: () => undefined,
    clock,
    random: seededRandom(1),
    log: silentLogger,
  });
  t.after(() => certificates.stop());
  await certificates.prepare();
  certificates.start();
  const pass = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    await certificates.idle();
  };
  await pass(0);
  assert.equal(issued, 1);
  await pass(6 * DAY);
  await pass(60_000);
  assert.equal(issued, 1);
  await pass(3.5 * DAY);
  await pass(60_000);
  assert.equal(issued, 2);
});

/** A server certificate of so many ms. */
async function shortLived(now: number, ms: number): Promise<{ cert: string; key: string }> {
  const ca = await createAuthority(now);
  return issueClient(ca, { commonName: 'x', notBefore: now, notAfter: now + ms, addresses: ['192.0.2.1'] });
}
