import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { TokenRequest } from '@kubeedge-ts/apis';
import { EXPIRED_ANNOTATION } from '../../metamanager/tokens.ts';
import { container } from '../testing/pods.ts';
import { type VolumeBench, volumeBench } from '../testing/volume-bench.ts';

let b: VolumeBench;
const api = { name: 'api', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } };

describe('service account tokens in volumes', () => {
  beforeEach(async () => {
    b = await volumeBench();
  });
  afterEach(() => b.close());
  const access = async (): Promise<[number, number, number]> => {
    const { uid, gid, mode } = await stat(join(b.pathOf('projected', 'api'), 'token'));
    return [uid, gid, mode & 0o777];
  };

  test('a projected volume merges its sources, later ones over earlier ones, and says when its token is due', async () => {
    b.meta.putObject('configmap', 'default', 'ca', { data: { 'ca.crt': 'PEM', token: 'overridden' } });
    const before = Date.now();
    const it = b.podWith([
      {
        name: 'api',
        projected: {
          defaultMode: 0o644,
          sources: [
            { configMap: { name: 'ca' } },
            { serviceAccountToken: { path: 'token', expirationSeconds: 3607, audience: 'x' } },
            { downwardAPI: { items: [{ path: 'ns', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
          ],
        },
      },
    ]);
    const { refreshAt = 0 } = await b.prepare(it);
    assert.equal(await b.read('projected', 'api', 'token'), 'token-default-1');
    assert.equal(await b.read('projected', 'api', 'ca.crt'), 'PEM');
    assert.equal(await b.read('projected', 'api', 'ns'), 'default');
    const life = 3_607_000;
    assert.ok(refreshAt >= before + 0.8 * life - 1_000 && refreshAt <= Date.now() + 0.8 * life + 10_000);
    assert.deepEqual(b.meta.tokenRequests[0], {
      metadata: { creationTimestamp: null },
      spec: {
        audiences: ['x'],
        expirationSeconds: 3607,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'web', uid: 'u1' },
      },
      status: { token: '', expirationTimestamp: null },
    });
  });

  test('an expired token (the cloud is away) is kept, asked for again within 90 s, and users are told once', async () => {
    const { getToken } = b.meta;
    let expired = true;
    b.meta.getToken = async (...request) => {
      const answer = await getToken(...request);
      if (!expired) return answer;
      const expirationTimestamp = '2020-01-01T00:00:00Z';
      const metadata = { ...answer.metadata, annotations: { [EXPIRED_ANNOTATION]: 'true' } };
      return { ...answer, metadata, status: { ...answer.status, expirationTimestamp } } as TokenRequest;
    };
    const it = b.podWith([api]);
    const { refreshAt = 0 } = await b.prepare(it);
    assert.ok(refreshAt > Date.now() && refreshAt < Date.now() + 91_000);
    assert.match(await b.read('projected', 'api', 'token'), /^token/);
    await b.prepare(it);
    assert.deepEqual(b.events, [
      'Warning TokenExpired The token of service account default expired at 2020-01-01T00:00:00Z and could not be renewed while the cloud is away; containers keep it until it can',
    ]);
    expired = false;
    await b.prepare(it);
    await b.prepare(it);
    assert.deepEqual(b.events.slice(1), [
      'Normal TokenRenewed The expired token of service account default was renewed',
    ]);
  });

  test('a renewed token replaces the old one in the volume', async () => {
    const it = b.podWith([api]);
    await b.prepare(it);
    await b.prepare(it);
    assert.equal(await b.read('projected', 'api', 'token'), 'token-default-2');
  });

  test('a token is for the one user of the pod', async () => {
    await b.prepare(b.podWith([api], { securityContext: { runAsUser: 4242 } }));
    assert.deepEqual(await access(), [4242, 0, 0o600]);
  });
  test('a token is for the group of the pod', async () => {
    await b.prepare(b.podWith([api], { securityContext: { fsGroup: 77 } }));
    assert.deepEqual(await access(), [0, 77, 0o640]);
  });
  test('a token is for the user and the group', async () => {
    await b.prepare(b.podWith([api], { securityContext: { fsGroup: 77, runAsUser: 4242 } }));
    assert.deepEqual(await access(), [4242, 77, 0o640]);
  });
  test('a token of a pod with several users is readable as the volume says', async () => {
    const it = b.podWith([api], { securityContext: { runAsUser: 4242 } });
    it.spec!.containers.push(container('other', { securityContext: { runAsUser: 1 } }));
    await b.prepare(it);
    assert.deepEqual(await access(), [0, 0, 0o644]);
  });
});
