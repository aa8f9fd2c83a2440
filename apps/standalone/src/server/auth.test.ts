import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { Agent, request } from 'node:https';
import { after, before, test } from 'node:test';
import { createCa, issueLeaf } from '../pki.ts';
import { createRawClient, type RawClient } from '../testing/raw-client.ts';
import { type ApiServer, createApiServer } from './index.ts';

let server: ApiServer;
let client: RawClient;
/** Moves the server's clock. */
let offsetMs = 0;

before(async () => {
  server = await createApiServer({
    clock: {
      now: () => Date.now() + offsetMs,
      monotonic: () => performance.now(),
      after: (ms, task) => {
        const timer = setTimeout(task, ms);
        return () => clearTimeout(timer);
      },
    },
  });
  client = createRawClient(server);
});
after(async () => {
  client.close();
  await server.close();
});

interface TokenAnswer {
  readonly status: { readonly token: string; readonly expirationTimestamp: string };
}

async function tokenFor(name: string, spec: object = {}): Promise<string> {
  const path = `/api/v1/namespaces/default/serviceaccounts/${name}/token`;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const answer = (await client.json('POST', path, body)) as unknown as TokenAnswer;
  return answer.status.token;
}

async function statusAs(token: string, path: string, method = 'GET'): Promise<number> {
  const answer = await client.send({
    method,
    path,
    anonymous: true,
    headers: { authorization: `Bearer ${token}` },
  });
  return answer.status;
}

const account = (name: string) =>
  client.json('POST', '/api/v1/namespaces/default/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name },
  });

const PODS = '/api/v1/namespaces/default/pods';

test('a stranger gets health and version, and nothing else', async () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/version']) {
    assert.equal((await client.send({ method: 'GET', path, anonymous: true })).status, 200, path);
  }
  const closed = [
    '/api',
    '/apis',
    '/api/v1',
    '/openapi/v2',
    '/openapi/v3',
    '/openid/v1/jwks',
    '/metrics',
    '/',
    PODS,
    '/api/v1/nodes',
    '/apis/apps/v1/deployments',
  ];
  for (const path of closed) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await client.send({ method, path, anonymous: true });
      assert.equal(answer.status, 403, `${method} ${path}`);
    }
  }
});

test('a service account may do what its role says, in its namespace, and nothing else', async () => {
  await account('reader');
  await client.json('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'pod-reader' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }],
  });
  await client.json('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'read' },
    roleRef: { kind: 'Role', name: 'pod-reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'reader' }],
  });
  const token = await tokenFor('reader');
  assert.equal(await statusAs(token, PODS), 200);
  assert.equal(await statusAs(token, PODS, 'DELETE'), 403);
  assert.equal(await statusAs(token, `${PODS}?watch=true`), 403);
  assert.equal(await statusAs(token, '/api/v1/namespaces/kube-system/pods'), 403);
  assert.equal(await statusAs(token, '/api/v1/pods'), 403);
  assert.equal(await statusAs(token, '/api/v1/namespaces/default/secrets'), 403);
  assert.equal(await statusAs(token, '/apis'), 200, 'discovery is for everybody who is known');
});

test('a token is worth nothing once it has expired', async () => {
  await account('brief');
  const token = await tokenFor('brief', { expirationSeconds: 600 });
  assert.equal(await statusAs(token, '/apis'), 200);
  offsetMs = 601_000;
  try {
    assert.equal(await statusAs(token, '/apis'), 401);
  } finally {
    offsetMs = 0;
  }
});

test('a token for another audience is refused', async () => {
  await account('elsewhere');
  assert.equal(await statusAs(await tokenFor('elsewhere', { audiences: ['vault'] }), '/apis'), 401);
});

test('a token asked for with no audiences at all is for this API', async () => {
  await account('anywhere');
  assert.equal(await statusAs(await tokenFor('anywhere', { audiences: [] }), '/apis'), 200);
});

test('a token bound to a pod ends with the pod', async () => {
  await client.json('POST', PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'bearer' },
    spec: { containers: [{ name: 'c', image: 'x' }] },
  });
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'bearer' };
  const token = await tokenFor('default', { boundObjectRef });
  assert.equal(await statusAs(token, '/apis'), 200);
  await client.json('DELETE', `${PODS}/bearer`);
  assert.equal(await statusAs(token, '/apis'), 401);
});

test('a token of a deleted service account is refused, also when the name comes back', async () => {
  await account('gone');
  const token = await tokenFor('gone');
  await client.json('DELETE', '/api/v1/namespaces/default/serviceaccounts/gone');
  await account('gone');
  assert.equal(await statusAs(token, '/apis'), 401);
});

test('a token review tells whose token it is', async () => {
  const token = await tokenFor('default');
  const review = await client.json('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token },
  });
  const { authenticated, user } = review['status'] as { authenticated: boolean; user: { username: string } };
  assert.equal(authenticated, true);
  assert.equal(user.username, 'system:serviceaccount:default:default');
});

for (const token of ['x', 'a.b.c', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.', `${'a'.repeat(9000)}`]) {
  test(`the bearer token ${token.slice(0, 12)}… is refused`, async () => {
    assert.equal(await statusAs(token, '/version'), 401);
  });
}

test('a client certificate of another CA is refused', async () => {
  const ca = await createCa(Date.now());
  const leaf = await issueLeaf(ca, createPrivateKey(ca.key), {
    commonName: 'kubernetes-admin',
    organization: 'system:masters',
    names: [],
    now: Date.now(),
  });
  const agent = new Agent({ ca: server.caPem, key: leaf.key, cert: leaf.cert });
  const status = await new Promise((resolve, reject) => {
    const sent = request(new URL('/api', server.url), { agent }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject);
    sent.end();
  });
  agent.destroy();
  assert.equal(status, 401);
});

test('only who may impersonate can act as somebody else', async () => {
  const as = (user: string, token?: string) =>
    client.send({
      method: 'GET',
      path: '/apis',
      headers: { 'impersonate-user': user, ...(token && { authorization: `Bearer ${token}` }) },
      anonymous: token !== undefined,
    });
  assert.equal((await as('somebody')).status, 200);
  const refused = await as('system:admin', await tokenFor('default'));
  assert.equal(refused.status, 403);
  assert.match(refused.text, /cannot impersonate resource \\"users\\"/);
});

test('an access review answers for another user', async () => {
  const review = async (user: string) => {
    const answer = await client.json('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user, resourceAttributes: { verb: 'list', resource: 'pods', namespace: 'default' } },
    });
    return (answer['status'] as { allowed: boolean }).allowed;
  };
  assert.equal(await review('system:serviceaccount:default:reader'), true);
  assert.equal(await review('system:serviceaccount:default:default'), false);
});
