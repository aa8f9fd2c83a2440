import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { configMaps, nodes, pods, secrets } from '@kubeedge-ts/apis';
import {
  certificateToPem,
  createNodeCsr,
  generateKey,
  keyToPem,
  loadAuthority,
  readCertificate,
} from '@kubeedge-ts/pki';
import { seededRandom } from '@kubeedge-ts/runtime';
import { settled } from './lib/expectations.ts';
import { configOf, type FaultBed, podOf, startFaultBed } from './lib/fault-bed.ts';

// An edge that comes back with a database from a backup (LESSONS M15), with the one it had (A3), or with a certificate
// that expired while it was away (O5).

const DAY_MS = 86_400_000;

describe('an edge that comes back', { timeout: 180_000 }, () => {
  let bed: FaultBed;

  before(async () => {
    bed = await startFaultBed('old-state', seededRandom(1));
    const { kube, nodeName } = bed;
    for (const name of ['c0', 'c1']) await kube.create(configMaps, configOf(name, 1));
    await kube.create(pods, podOf(nodeName, 'p0', 'c0'));
    await kube.create(pods, podOf(nodeName, 'p1', 'c1'));
    await settled(bed);
  });
  after(() => bed?.stop());

  /** What is said from now on. */
  const listen = (program: 'cloudcore' | 'edgecore'): (() => string) => {
    const from = bed.log(program).length;
    return () => bed.log(program).slice(from);
  };
  const back = (heard: () => string) =>
    bed.until('the node is back', () => heard().includes('node connected'));

  test('with a database from a backup gets what that lacks and loses what it should not have', async () => {
    const { kube, edge, nodeName } = bed;
    const backup = databaseFiles(edge.databaseFile);
    await edge.stop();
    const kept = backup.read();
    edge.start();
    await kube.patch(
      configMaps,
      { namespace: 'default', name: 'c0' },
      { type: 'merge', body: { data: { count: '2' } } },
    );
    await kube.delete(pods, { namespace: 'default', name: 'p1' }, { gracePeriodSeconds: 1 });
    await kube.create(configMaps, configOf('c2', 1));
    await kube.create(pods, podOf(nodeName, 'p2', 'c2'));
    await settled(bed);

    await edge.stop();
    backup.write(kept);
    const heard = listen('cloudcore');
    edge.start();
    await back(heard);
    await settled(bed);
    const line = heard()
      .split('\n')
      .find((one) => one.includes('its store is brought up to date'));
    const { missing, changed } = JSON.parse(line ?? '{}');
    // p2 and c2 are missing, c0 is older. Of p1 and c1 the cloud may still wait to hear that they are gone.
    assert.ok(missing >= 2 && changed >= 1, String(line));
  });

  test('with the database it had gets nothing again, also when cloudcore was killed meanwhile', async () => {
    const before = writes(bed.edge.databaseFile);
    for (const restart of [
      async () => {
        await bed.edge.stop('kill');
        bed.edge.start();
      },
      async () => {
        await bed.cloud.stopCloudcore('kill');
        await bed.cloud.startCloudcore();
      },
    ]) {
      const heard = listen('cloudcore');
      await restart();
      await back(heard);
      await bed.kube.patch(
        configMaps,
        { namespace: 'default', name: 'c2' },
        { type: 'merge', body: { data: { count: String(Date.now()) } } },
      );
      await settled(bed);
      assert.doesNotMatch(heard(), /brought up to date/);
    }
    const since = writes(bed.edge.databaseFile);
    assert.deepEqual(
      [...since].filter(([key, row]) => before.get(key) !== row).map(([key]) => key),
      ['default/configmap/c2'],
    );
  });

  test('with an expired certificate renews it with its old key', async () => {
    const { edge, nodeName } = bed;
    await edge.stop();
    const pki = join(dirname(edge.configFile), 'pki');
    const expired = await expiredIdentity(bed, nodeName);
    writeFileSync(join(pki, 'server.key'), expired.key);
    writeFileSync(join(pki, 'server.crt'), expired.cert);
    // The join token of the first enrolment is long used up by then.
    const config = readFileSync(edge.configFile, 'utf8');
    writeFileSync(edge.configFile, config.replace(/token: .*/, 'token: ""'));
    const heard = listen('cloudcore');
    const said = listen('edgecore');
    edge.start();
    await back(heard);
    await settled(bed);
    assert.match(said(), /node certificate renewed/);
    const { notAfter } = readCertificate(readFileSync(join(pki, 'server.crt'), 'utf8'));
    assert.ok(notAfter > Date.now() + 300 * DAY_MS);
  });

  test('with an expired certificate and a Node that was deleted says that it needs a token', async () => {
    const { edge, nodeName, kube } = bed;
    await edge.stop();
    await kube.delete(nodes, { name: nodeName });
    const pki = join(dirname(edge.configFile), 'pki');
    const expired = await expiredIdentity(bed, nodeName);
    writeFileSync(join(pki, 'server.key'), expired.key);
    writeFileSync(join(pki, 'server.crt'), expired.cert);
    const said = listen('edgecore');
    edge.start();
    await bed.until('it says what is missing', () => said().includes('EDGE_TOKEN_MISSING'));
    const config = readFileSync(edge.configFile, 'utf8');
    writeFileSync(edge.configFile, config.replace(/token: .*/, `token: ${await bed.cloud.joinToken()}`));
    await bed.until('the node is registered again', () => kube.get(nodes, { name: nodeName }));
  });
});

/** The database as it lies on the disk, with its side files. */
function databaseFiles(file: string) {
  const names = ['', '-wal', '-shm'].map((suffix) => file + suffix);
  return {
    read: () => names.map((name) => (existsSync(name) ? readFileSync(name) : undefined)),
    write(contents: readonly (Buffer | undefined)[]): void {
      for (const [index, name] of names.entries()) {
        const content = contents[index];
        if (content === undefined) rmSync(name, { force: true });
        else writeFileSync(name, content);
      }
    },
  };
}

/** Changes whenever a row is stored anew: a row that is replaced gets another number. */
function writes(file: string): ReadonlyMap<string, number> {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = db.prepare("SELECT key, rowid FROM meta WHERE type IN ('pod', 'configmap')").all();
    return new Map(rows.map(({ key, rowid }) => [String(key), Number(rowid)]));
  } finally {
    db.close();
  }
}

/** A certificate of this cloud's CA for the node that expired yesterday. */
async function expiredIdentity({ kube }: FaultBed, nodeName: string): Promise<{ cert: string; key: string }> {
  const { data = {} } = await kube.get(secrets, { namespace: 'kubeedge', name: 'casecret' });
  const [cert, key] = ['cadata', 'cakeydata'].map((name) => Buffer.from(data[name] ?? '', 'base64')) as [
    Buffer,
    Buffer,
  ];
  const authority = loadAuthority(cert, key, 'casecret');
  const own = generateKey();
  const csr = await createNodeCsr(nodeName, own);
  const signed = await authority.signNode({ csr, nodeName, lifetimeDays: 1, now: Date.now() - 2 * DAY_MS });
  return { cert: certificateToPem(signed), key: keyToPem(own) };
}
