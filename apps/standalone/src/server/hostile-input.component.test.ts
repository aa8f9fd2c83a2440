import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { createRawClient, type RawClient } from '../testing/raw-client.ts';
import { type ApiServer, createApiServer } from './index.ts';

let server: ApiServer;
let client: RawClient;

before(async () => {
  server = await createApiServer();
  client = createRawClient(server);
});
after(async () => {
  client.close();
  await server.close();
});

const CMS = '/api/v1/namespaces/default/configmaps';

async function isAlive(): Promise<void> {
  assert.equal((await client.send({ method: 'GET', path: '/readyz' })).status, 200);
}

const bodies: readonly [name: string, body: string][] = [
  ['null', 'null'],
  ['an array', '[]'],
  ['a string', '""'],
  ['a number', '17'],
  ['a truncated object', '{"apiVersion":"v1"'],
  ['a key __proto__', '{"__proto__":{"x":1},"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"p"}}'],
  ['deep nesting', '['.repeat(100_000)],
  ['metadata that is an array', '{"apiVersion":"v1","kind":"ConfigMap","metadata":[]}'],
  ['metadata that is null', '{"apiVersion":"v1","kind":"ConfigMap","metadata":null}'],
  ['a name that is an object', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":{}}}'],
  [
    'labels that are numbers',
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"l","labels":{"a":1}}}',
  ],
  ['another type', '{"apiVersion":"v2","kind":"ConfigMap","metadata":{"name":"l"}}'],
];

for (const [name, body] of bodies) {
  for (const [method, path, type] of [
    ['POST', CMS, 'application/json'],
    ['PUT', `${CMS}/kube-root-ca.crt`, 'application/json'],
    ['POST', CMS, 'application/yaml'],
  ] as const) {
    test(`${name} as body of ${method} ${type} is refused with a Status`, async () => {
      const answer = await client.send({
        method,
        path,
        body,
        headers: { 'content-type': type },
      });
      assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.text}`);
      assert.equal((JSON.parse(answer.text) as { kind: string }).kind, 'Status');
    });
  }
}

for (const type of [
  'json-patch+json',
  'merge-patch+json',
  'strategic-merge-patch+json',
  'apply-patch+yaml',
]) {
  test(`garbage as application/${type} is refused or harmless`, async () => {
    for (const [, body] of bodies) {
      const answer = await client.send({
        method: 'PATCH',
        path: `${CMS}/kube-root-ca.crt?fieldManager=x`,
        body,
        headers: { 'content-type': `application/${type}` },
      });
      assert.ok(answer.status < 500, `${body.slice(0, 40)}: ${answer.text}`);
    }
    await isAlive();
  });
}

test('a body over the limit is refused before it is read, declared or not', async () => {
  const big = `{"data":{"a":"${'x'.repeat(3 * 1024 * 1024)}"}}`;
  const declared = await client.send({ method: 'POST', path: CMS, body: big });
  assert.equal(declared.status, 413);
  await isAlive();
});

test('YAML that multiplies itself is refused', async () => {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x]'];
  for (let level = 1; level < 12; level++) {
    lines.push(
      `a${level}: &a${level} [${Array(9)
        .fill(`*a${level - 1}`)
        .join(',')}]`,
    );
  }
  const answer = await client.send({
    method: 'POST',
    path: CMS,
    body: lines.join('\n'),
    headers: { 'content-type': 'application/yaml' },
  });
  assert.equal(answer.status, 400);
  await isAlive();
});

test('paths and queries of any kind get an answer (property)', async () => {
  const segment = fc.oneof(
    fc.constantFrom(
      'api',
      'apis',
      'v1',
      'namespaces',
      'default',
      'pods',
      'status',
      'scale',
      '..',
      '%00',
      '%2f',
      '%zz',
      '__proto__',
      'constructor',
    ),
    fc.string({ maxLength: 8 }).map(encodeURIComponent),
  );
  const query = fc.dictionary(
    fc.constantFrom(
      'watch',
      'limit',
      'continue',
      'labelSelector',
      'fieldSelector',
      'resourceVersion',
      'dryRun',
      'timeoutSeconds',
      'resourceVersionMatch',
    ),
    fc.string({ maxLength: 12 }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { maxLength: 7 }),
      query,
      fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
      async (segments, parameters, method) => {
        const path = `/${segments.join('/')}?${new URLSearchParams(parameters)}`;
        const answer = await client.send({ method, path, enough: () => true, closeAfterMs: 20 });
        assert.notEqual(answer.status, 500, `${method} ${path}: ${answer.text}`);
      },
    ),
    { numRuns: 150 },
  );
  await isAlive();
});

test('bytes that are no HTTP end their connection only', async () => {
  const { port } = new URL(server.url);
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', ca: server.caPem }, () => {
      socket.write('\0\x01\x02 nonsense\r\n\r\n');
    });
    socket.on('close', () => resolve());
    socket.on('error', reject);
    socket.resume();
  });
  await isAlive();
});
