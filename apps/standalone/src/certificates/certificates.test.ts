import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { type ApiServer, createApiServer } from '../server/index.ts';
import { createRawClient, type RawClient } from '../testing/raw-client.ts';
import { base64, createSigningRequest, type RequestOptions } from '../testing/signing-request.ts';
import { isExpired } from './request-expiry.ts';
import { API_CLIENT, KUBELET_CLIENT, KUBELET_SERVING } from './signers.ts';

let server: ApiServer;
let client: RawClient;
const CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const SERVING = ['digital signature', 'key encipherment', 'server auth'];
const CLIENT = ['digital signature', 'client auth'];

before(async () => {
  server = await createApiServer();
  client = createRawClient(server);
});
after(async () => {
  client.close();
  await server.close();
});

interface Csr {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly spec: Record<string, unknown>;
  readonly status: {
    readonly certificate?: string;
    readonly conditions?: readonly Record<string, string>[];
  };
}

const get = async (name: string) => (await client.json('GET', `${CSRS}/${name}`)) as unknown as Csr;

async function ask(name: string, spec: object, request: RequestOptions = {}): Promise<Csr> {
  const body = {
    metadata: { name },
    spec: { request: base64(await createSigningRequest(request)), ...spec },
  };
  return (await client.json('POST', CSRS, body)) as unknown as Csr;
}

function decided(csr: Csr, type: string): object {
  const conditions = [...(csr.status.conditions ?? []), { type, status: 'True', reason: 'Test' }];
  return { ...csr, status: { ...csr.status, conditions } };
}

const decide = async (csr: Csr, type: string) =>
  (await client.json('PUT', `${CSRS}/${csr.metadata.name}/approval`, decided(csr, type))) as unknown as Csr;

async function outcome(name: string): Promise<Csr> {
  for (;;) {
    const csr = await get(name);
    const failed = csr.status.conditions?.some(({ type }) => type === 'Failed');
    if (failed || csr.status.certificate !== undefined) return csr;
    await delay(5);
  }
}

function certificateOf({ status }: Csr): X509Certificate {
  return new X509Certificate(Buffer.from(status.certificate ?? '', 'base64'));
}

const refusal = async (method: string, path: string, body: object, headers = {}) => {
  const answer = await client.send({ method, path, body: JSON.stringify(body), headers });
  return [answer.status, (JSON.parse(answer.text) as { message: string }).message] as const;
};

describe('a certificate request', { timeout: 60_000 }, () => {
  test('says who asked, whatever it claims', async () => {
    const claim = { username: 'somebody', groups: ['system:masters'], uid: 'x', extra: { a: ['b'] } };
    const csr = await ask('who', { signerName: KUBELET_SERVING, usages: SERVING, ...claim });
    assert.equal(csr.spec['username'], 'kubernetes-admin');
    assert.deepEqual(csr.spec['groups'], ['system:masters', 'system:authenticated']);
    assert.equal(csr.spec['uid'], undefined);
    assert.equal(csr.spec['extra'], undefined);
    assert.deepEqual(csr.status, {});
  });

  test('for a kubelet’s server is signed once it is approved', async () => {
    const names = [
      { type: 'dns', value: 'edge-1' },
      { type: 'ip', value: '10.1.2.3' },
    ] as const;
    const csr = await ask('serving', { signerName: KUBELET_SERVING, usages: SERVING }, { names });
    await delay(20);
    assert.equal((await get('serving')).status.certificate, undefined);
    const approved = await decide(csr, 'Approved');
    assert.match(approved.status.conditions?.[0]?.['lastTransitionTime'] ?? '', /^\d{4}-/);
    const signed = certificateOf(await outcome('serving'));
    assert.ok(signed.verify(new X509Certificate(server.caPem).publicKey));
    assert.ok(signed.checkIssued(new X509Certificate(server.caPem)));
    assert.equal(signed.subject, 'O=system:nodes\nCN=system:node:n1');
    assert.equal(signed.subjectAltName, 'DNS:edge-1, IP Address:10.1.2.3');
    assert.deepEqual(signed.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.equal(signed.ca, false);
    const days = (signed.validToDate.getTime() - Date.now()) / 86_400_000;
    assert.ok(days > 364 && days < 366, String(days));
  });

  test('for a client gets the life it asks for, and lets its holder in', async () => {
    const csr = await ask(
      'alice',
      { signerName: API_CLIENT, usages: ['client auth'], expirationSeconds: 3600 },
      { commonName: 'alice', organizations: ['team'], algorithm: 'rsa' },
    );
    await decide(csr, 'Approved');
    const signed = certificateOf(await outcome('alice'));
    const minutes = (signed.validToDate.getTime() - Date.now()) / 60_000;
    assert.ok(minutes > 58 && minutes <= 60, String(minutes));
    assert.deepEqual(signed.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  });

  test('of a kubelet’s client may come from another kind of key', async () => {
    const csr = await ask(
      'kubelet',
      { signerName: KUBELET_CLIENT, usages: CLIENT },
      { algorithm: 'ed25519' },
    );
    await decide(csr, 'Approved');
    const signed = certificateOf(await outcome('kubelet'));
    assert.equal(signed.publicKey.asymmetricKeyType, 'ed25519');
  });

  test('that its signer’s rules refuse fails, with the reason', async () => {
    const csr = await ask('nameless', { signerName: KUBELET_SERVING, usages: SERVING });
    await decide(csr, 'Approved');
    const { status } = await outcome('nameless');
    assert.equal(status.certificate, undefined);
    const failed = status.conditions?.find(({ type }) => type === 'Failed');
    assert.equal(failed?.['reason'], 'SignerValidationFailure');
    assert.equal(failed?.['message'], 'DNS or IP subjectAltName is required');
  });

  test('that is denied, or of another signer, is not signed', async () => {
    const names = [{ type: 'dns', value: 'x' }] as const;
    const csr = await ask('denied', { signerName: KUBELET_SERVING, usages: SERVING }, { names });
    await decide(csr, 'Denied');
    const other = await ask('other', { signerName: 'example.com/own', usages: SERVING }, { names });
    await decide(other, 'Approved');
    const last = await ask('last', { signerName: KUBELET_SERVING, usages: SERVING }, { names });
    await decide(last, 'Approved');
    // They were looked at in order.
    await outcome('last');
    assert.equal((await get('denied')).status.certificate, undefined);
    assert.equal((await get('other')).status.certificate, undefined);
    const again = decided(await get('denied'), 'Approved');
    assert.deepEqual(await refusal('PUT', `${CSRS}/denied/approval`, again), [
      422,
      'CertificateSigningRequest.certificates.k8s.io "denied" is invalid: status.conditions: Invalid value: "Approved": Approved and Denied conditions are mutually exclusive',
    ]);
  });

  test('never changes, and its parts only by their own doors', async () => {
    const csr = await ask('fixed', { signerName: 'example.com/own', usages: SERVING });
    const changed = { ...csr, spec: { ...csr.spec, signerName: API_CLIENT, username: 'x' } };
    await client.json('PUT', `${CSRS}/fixed`, changed);
    assert.equal((await get('fixed')).spec['signerName'], 'example.com/own');
    const [status, message] = await refusal(
      'PUT',
      `${CSRS}/fixed/status`,
      decided(await get('fixed'), 'Approved'),
    );
    assert.equal(status, 422);
    assert.match(
      message,
      /status\.conditions: Forbidden: updates may not add a condition of type "Approved"$/,
    );
    const ca = base64(server.caPem);
    const approval = { ...(await get('fixed')), status: { certificate: ca } };
    await client.json('PUT', `${CSRS}/fixed/approval`, approval);
    assert.equal((await get('fixed')).status.certificate, undefined);
    const body = { status: { certificate: ca } };
    const merge = 'application/merge-patch+json';
    await client.json('PATCH', `${CSRS}/fixed/status`, body, merge);
    assert.equal((await get('fixed')).status.certificate, ca);
    const second = await refusal(
      'PATCH',
      `${CSRS}/fixed/status`,
      { status: { certificate: base64(`${server.caPem}${server.caPem}`) } },
      { 'content-type': merge },
    );
    assert.match(second[1], /updates may not modify existing certificate content$/);
  });

  const wrong: readonly [title: string, spec: object, status: number, message: RegExp][] = [
    ['no usages', { usages: [] }, 422, /spec\.usages: Required value$/],
    ['an unknown usage', { usages: ['x'] }, 422, /spec\.usages\[0\]: Unsupported value: "x": supported/],
    ['a usage twice', { usages: ['any', 'any'] }, 422, /spec\.usages\[1\]: Duplicate value: "any"$/],
    ['no signer', { signerName: '' }, 422, /spec\.signerName: Required value/],
    ['a signer without a domain', { signerName: 'x' }, 422, /must be a fully qualified domain and path/],
    ['the legacy signer', { signerName: 'kubernetes.io/legacy-unknown' }, 422, /is not allowed via this API/],
    ['too short a life', { expirationSeconds: 599 }, 422, /less than 600 seconds/],
    ['no request in it', { request: base64('x') }, 422, /spec\.request: .*PEM block type must be CERT/],
  ];
  for (const [title, spec, status, message] of wrong) {
    test(`with ${title} is refused`, async () => {
      const request = base64(await createSigningRequest());
      const body = {
        metadata: { name: 'wrong' },
        spec: { request, signerName: KUBELET_SERVING, usages: SERVING, ...spec },
      };
      const answer = await refusal('POST', CSRS, body);
      assert.equal(answer[0], status);
      assert.match(answer[1], message);
    });
  }

  test('cannot make its holder a master', async () => {
    const request = base64(
      await createSigningRequest({ commonName: 'x', organizations: ['system:masters'] }),
    );
    const spec = { request, signerName: API_CLIENT, usages: ['client auth'] };
    assert.deepEqual(await refusal('POST', CSRS, { metadata: { name: 'master' }, spec }), [
      403,
      'certificatesigningrequests.certificates.k8s.io "master" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    ]);
  });

  test('is decided on only by who has a role for its signer', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const bind = async (name: string, rules: object[]): Promise<string> => {
      await client.json('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name } });
      await client.json('POST', `${rbac}/clusterroles`, { metadata: { name }, rules });
      await client.json('POST', `${rbac}/clusterrolebindings`, {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ kind: 'ServiceAccount', name, namespace: 'default' }],
      });
      const path = `/api/v1/namespaces/default/serviceaccounts/${name}/token`;
      return ((await client.json('POST', path, {}))['status'] as { token: string }).token;
    };
    const group = { apiGroups: ['certificates.k8s.io'] };
    const write = {
      ...group,
      resources: ['certificatesigningrequests', 'certificatesigningrequests/approval'],
      verbs: ['*'],
    };
    const signers = { ...group, resources: ['signers'], verbs: ['approve'] };
    const tokens = {
      none: await bind('none', [write]),
      one: await bind('one', [write, { ...signers, resourceNames: ['example.com/own'] }]),
      domain: await bind('domain', [write, { ...signers, resourceNames: ['example.com/*'] }]),
    };
    const approve = async (token: string, name: string, signerName: string): Promise<number> => {
      const csr = await ask(name, { signerName, usages: SERVING });
      const answer = await client.send({
        method: 'PUT',
        path: `${CSRS}/${name}/approval`,
        body: JSON.stringify(decided(csr, 'Approved')),
        headers: { authorization: `Bearer ${token}` },
        anonymous: true,
      });
      return answer.status;
    };
    assert.equal(await approve(tokens.none, 'd1', 'example.com/own'), 403);
    assert.equal(await approve(tokens.one, 'd2', 'example.com/own'), 200);
    assert.equal(await approve(tokens.one, 'd3', 'example.com/other'), 403);
    assert.equal(await approve(tokens.domain, 'd4', 'example.com/other'), 200);
    assert.equal(await approve(tokens.domain, 'd5', KUBELET_SERVING), 403);
  });

  test('is found by its signer, and has the columns people know', async () => {
    const path = `${CSRS}?fieldSelector=${encodeURIComponent(`spec.signerName=${API_CLIENT}`)}`;
    const table = await client.send({
      method: 'GET',
      path,
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    const { columnDefinitions, rows } = JSON.parse(table.text) as {
      columnDefinitions: { name: string }[];
      rows: { cells: string[] }[];
    };
    assert.deepEqual(
      columnDefinitions.map(({ name }) => name),
      ['Name', 'Age', 'SignerName', 'Requestor', 'RequestedDuration', 'Condition'],
    );
    assert.deepEqual(
      rows.map(({ cells: [name, , ...rest] }) => [name, ...rest]),
      [['alice', API_CLIENT, 'kubernetes-admin', '60m', 'Approved,Issued']],
    );
  });
});

test('requests go when nobody needs them any more', () => {
  const now = Date.now();
  const ago = (hours: number) => rfc3339(now - hours * 3_600_000 - 1000);
  const csr = (created: number, condition?: [type: string, hours: number], certificate?: string) => ({
    metadata: { name: 'c', creationTimestamp: ago(created) },
    status: {
      ...(condition && { conditions: [{ type: condition[0], lastUpdateTime: ago(condition[1]) }] }),
      ...(certificate && { certificate }),
    },
  });
  assert.equal(isExpired(csr(23), now), false);
  assert.equal(isExpired(csr(24), now), true);
  assert.equal(isExpired(csr(30, ['Approved', 23]), now), false);
  assert.equal(isExpired(csr(30, ['Approved', 24]), now), true);
  assert.equal(isExpired(csr(1, ['Approved', 0], 'eA=='), now), false);
  assert.equal(isExpired(csr(1, ['Approved', 1], 'eA=='), now), true);
  assert.equal(isExpired(csr(1, ['Denied', 1]), now), true);
  assert.equal(isExpired(csr(1, ['Failed', 1]), now), true);
});

test('other servers of the cluster find whom to believe, and find it again', {
  timeout: 60_000,
}, async () => {
  const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
  const read = async () => (await client.json('GET', path))['data'] as Record<string, string>;
  const data = await read();
  assert.equal(data['client-ca-file'], server.caPem);
  assert.equal(data['requestheader-username-headers'], '["X-Remote-User"]');
  assert.notEqual(data['requestheader-client-ca-file'], server.caPem);
  await client.json(
    'PATCH',
    path,
    { data: { 'client-ca-file': 'x', more: 'y' } },
    'application/merge-patch+json',
  );
  while ((await read())['client-ca-file'] === 'x') await delay(5);
  assert.deepEqual(await read(), { ...data, more: 'y' });
  await client.json('DELETE', path);
  while ((await client.send({ method: 'GET', path })).status !== 200) await delay(5);
  assert.deepEqual(await read(), data);
});
