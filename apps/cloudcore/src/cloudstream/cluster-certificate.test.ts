import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { type CertificateSigningRequest, certificateSigningRequests as requests } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import type { KubeClient } from '@kubeedge-ts/kube';
import {
  createFakeKube,
  createVirtualClock,
  type FakeKube,
  faultRules,
  withFaults,
} from '@kubeedge-ts/kube/testing';
import { createAuthority, readCsr } from '@kubeedge-ts/pki';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { until } from '../controllers/testing/settle.ts';
import { requestServingCertificate } from './cluster-certificate.ts';

const NAMES = ['192.0.2.1', 'cloud.example.org'];

/** The cluster's side: whoever signs what is approved. */
async function cluster(t: TestContext, wrap: (kube: FakeKube) => KubeClient = (kube) => kube) {
  const clock = createVirtualClock(Date.now());
  const kube = createFakeKube({ clock });
  const ca = await createAuthority(Date.now());
  const stop = new AbortController();
  t.after(() => stop.abort());
  const asking = requestServingCertificate(
    { kube: wrap(kube), hostName: 'cloud-1', clock, random: seededRandom(1), log: silentLogger },
    NAMES,
    stop.signal,
  );
  asking.catch(() => undefined);
  const request = () => kube.objects(requests)[0];
  const created = await until(request, 'the request is there');
  const change = (status: CertificateSigningRequest['status']) =>
    kube.put(requests, { ...request()!, status: { ...request()!.status, ...status } });
  const der = () => {
    const pem = Buffer.from(created.spec.request, 'base64').toString();
    return Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64');
  };
  return {
    clock,
    kube,
    ca,
    asking,
    created,
    request,
    change,
    der,
    /** Signs the key of the request, as the cluster's signer would. */
    async sign() {
      const certificate = await ca.signNode({
        csr: der(),
        nodeName: 'cloud-1',
        lifetimeDays: 30,
        now: Date.now(),
      });
      const pem = `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`;
      change({ certificate: Buffer.from(pem).toString('base64') });
    },
    async advance(ms: number) {
      for (let left = ms; left > 0; left -= 1_000) await clock.advance(1_000);
    },
  };
}

const problemOf = (error: unknown): string => {
  assert.ok(isKubeEdgeError(error, 'CLOUDCORE_SERVING_CERTIFICATE'), String(error));
  return String(error.details['problem']);
};

describe('a serving certificate of the cluster', () => {
  test('is asked for as a kubelet’s, approved by cloudcore, and comes with its key', async (t) => {
    const c = await cluster(t);
    const { spec } = c.created;
    assert.equal(spec.signerName, 'kubernetes.io/kubelet-serving');
    assert.deepEqual(spec.usages, ['digital signature', 'server auth']);
    assert.equal((await readCsr(c.der())).commonName, 'system:node:cloud-1');
    await until(
      () => c.kube.calls.find(({ verb, subresource }) => verb === 'update' && subresource === 'approval'),
      'approved',
    );
    const { body } = c.kube.calls.find(({ subresource }) => subresource === 'approval')!;
    const { status } = body as CertificateSigningRequest;
    assert.deepEqual(
      status?.conditions?.map(({ type, status: value }) => [type, value]),
      [['Approved', 'True']],
    );
    await c.sign();
    await c.advance(10_000);
    const { cert, key } = await c.asking;
    assert.ok(new X509Certificate(cert).issuer.includes('KubeEdge'));
    assert.match(key, /EC PRIVATE KEY/);
  });

  test('is waited for where somebody else approves', async (t) => {
    const c = await cluster(t, (kube) =>
      withFaults(
        kube,
        faultRules([
          {
            verb: 'update',
            resource: 'certificatesigningrequests',
            subresource: 'approval',
            fault: { kind: 'status', code: 403, reason: 'Forbidden' },
          },
        ]),
      ),
    );
    await c.advance(120_000);
    c.change({ conditions: [{ type: 'Approved', status: 'True' }] });
    await c.sign();
    await c.advance(10_000);
    assert.ok((await c.asking).cert);
  });

  test('that is denied, fails, or is approved by nobody is an error that says so, and leaves nothing', async (t) => {
    for (const [conditions, expected] of [
      [[{ type: 'Denied', status: 'True', reason: 'No', message: 'not here' }], /Denied: No not here/],
      [
        [{ type: 'Failed', status: 'True', reason: 'SignerValidationFailure' }],
        /Failed: SignerValidationFailure/,
      ],
      [[], /nobody has approved it/],
      [[{ type: 'Approved', status: 'True' }], /nothing signs for kubernetes\.io\/kubelet-serving/],
    ] as const) {
      const c = await cluster(t);
      await until(() => c.kube.calls.some(({ subresource }) => subresource === 'approval'), 'asked');
      c.change({ conditions: [...conditions] });
      await c.advance(310_000);
      await c.asking.then(
        () => assert.fail('there is no certificate'),
        (error) => assert.match(problemOf(error), expected),
      );
      assert.equal(c.request(), undefined);
    }
  });

  test('of a cluster without the API is an error at once', async () => {
    const clock = createVirtualClock();
    const kube = withFaults(
      createFakeKube({ clock }),
      faultRules([{ verb: 'create', fault: { kind: 'status', code: 404, reason: 'NotFound' } }]),
    );
    const ports = { kube, hostName: 'c', clock, random: seededRandom(1), log: silentLogger };
    await assert.rejects(requestServingCertificate(ports, NAMES, new AbortController().signal), (error) => {
      assert.match(problemOf(error), /404/);
      return true;
    });
  });
});
