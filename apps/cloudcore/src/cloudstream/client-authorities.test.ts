import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ConfigMap, configMaps } from '@kubeedge-ts/apis';
import { createFakeKube, createVirtualClock } from '@kubeedge-ts/kube/testing';
import { createAuthority } from '@kubeedge-ts/pki';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { until } from '../controllers/testing/settle.ts';
import { certificatesIn, createClientAuthorities } from './client-authorities.ts';

const METADATA = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };

test('the cluster’s client CA is followed as it changes, and a file stands beside it', async (t) => {
  const clock = createVirtualClock();
  const kube = createFakeKube({ clock });
  const dir = await mkdtemp(join(tmpdir(), 'cas-'));
  const stop = new AbortController();
  t.after(async () => {
    stop.abort();
    await rm(dir, { recursive: true });
  });
  const [one, two, three] = await Promise.all([1, 2, 3].map(() => createAuthority(Date.now())));
  let changes = 0;
  const authorities = createClientAuthorities({
    kube,
    file: join(dir, 'streamCA.crt'),
    changed: () => {
      changes += 1;
    },
    clock,
    random: seededRandom(1),
    log: silentLogger,
  });
  await authorities.reload();
  assert.deepEqual(authorities.certificates, []);
  authorities.start(stop.signal);
  const put = (pem: string) =>
    kube.put<ConfigMap>(configMaps, { metadata: METADATA, data: { 'client-ca-file': pem } });
  put(one!.certPem);
  await until(() => authorities.certificates.length === 1, 'known');
  put(one!.certPem + two!.certPem);
  await until(() => authorities.certificates.length === 2, 'a rotation');
  await writeFile(join(dir, 'streamCA.crt'), three!.certPem + two!.certPem);
  await authorities.reload();
  assert.equal(authorities.certificates.length, 3);
  assert.equal(changes, 3);
  kube.remove(configMaps, METADATA);
  await until(() => authorities.certificates.length === 2, 'what is gone is believed no more');
});

test('of a bundle what can be read is taken', async () => {
  const { certPem } = await createAuthority(Date.now());
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  assert.equal(certificatesIn(`text\n${broken}${certPem}text${certPem}`, silentLogger).length, 2);
  for (const text of ['', 'x', broken]) assert.deepEqual(certificatesIn(text, silentLogger), []);
});
