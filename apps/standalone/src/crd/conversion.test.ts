import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { createCa, issueLeaf } from '../pki.ts';
import { type ApiServer, createApiServer } from '../server/index.ts';
import { createRawClient, type RawClient } from '../testing/raw-client.ts';

type Json = Record<string, unknown>;
interface Review {
  readonly request: { readonly uid: string; readonly desiredAPIVersion: string; readonly objects: Json[] };
}

const GROUP = '/apis/shapes.example.com';
const COLLECTION = `${GROUP}/v1/namespaces/default/boxes`;
const OLD = `${GROUP}/v1alpha1/namespaces/default/boxes`;

let server: ApiServer;
let client: RawClient;
let webhook: Server;
let calls: Review[] = [];
/** What the webhook does; tests replace it. */
let behave: (review: Review) => Json | string;

/** v1alpha1 says `{ edge }`, v1 says `{ width, height }`. */
function convert(review: Review): Json {
  const { uid, desiredAPIVersion, objects } = review.request;
  const convertedObjects = objects.map((object) => {
    const spec = object['spec'] as Json;
    const next = desiredAPIVersion.endsWith('/v1')
      ? { width: spec['edge'], height: spec['edge'] }
      : { edge: spec['width'] };
    return { ...object, apiVersion: desiredAPIVersion, spec: next };
  });
  return { response: { uid, convertedObjects, result: { status: 'Success' } } };
}

function definition(url: string, caPem: string) {
  const version = (name: string, storage: boolean, properties: Json) => ({
    name,
    served: true,
    storage,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties } },
      },
    },
  });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'boxes.shapes.example.com' },
    spec: {
      group: 'shapes.example.com',
      scope: 'Namespaced',
      names: { plural: 'boxes', kind: 'Box' },
      versions: [
        version('v1', true, { width: { type: 'integer' }, height: { type: 'integer' } }),
        version('v1alpha1', false, { edge: { type: 'integer' } }),
      ],
      conversion: {
        strategy: 'Webhook',
        webhook: {
          clientConfig: { url, caBundle: Buffer.from(caPem).toString('base64') },
          conversionReviewVersions: ['v1'],
        },
      },
    },
  };
}

before(async () => {
  const ca = await createCa(Date.now());
  const leaf = await issueLeaf(ca, createPrivateKey(ca.key), {
    commonName: 'webhook',
    names: ['127.0.0.1'],
    now: Date.now(),
  });
  webhook = createServer({ key: leaf.key, cert: leaf.cert }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
    calls.push(review);
    const answer = behave(review);
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  const { port } = webhook.address() as AddressInfo;
  server = await createApiServer();
  client = createRawClient(server);
  await client.json(
    'POST',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    definition(`https://127.0.0.1:${port}/convert`, ca.cert),
  );
});
after(async () => {
  client.close();
  await server.close();
  webhook.closeAllConnections();
  await new Promise((resolve) => webhook.close(resolve));
});
beforeEach(() => {
  behave = convert;
  calls = [];
});

const box = (name: string, apiVersion: string, spec: Json) => ({
  apiVersion: `shapes.example.com/${apiVersion}`,
  kind: 'Box',
  metadata: { name, labels: { app: 'test' } },
  spec,
});

test('an object created in the old version is stored in the storage version and readable in both', async () => {
  const created = await client.json('POST', OLD, box('a', 'v1alpha1', { edge: 3 }));
  assert.deepEqual(created['spec'], { edge: 3 });
  assert.equal(created['apiVersion'], 'shapes.example.com/v1alpha1');
  calls = [];
  const stored = await client.json('GET', `${COLLECTION}/a`);
  assert.deepEqual(stored['spec'], { width: 3, height: 3 });
  assert.equal(calls.length, 0, 'the storage version needs no conversion');
  assert.deepEqual((await client.json('GET', `${OLD}/a`))['spec'], { edge: 3 });
});

test('a list is converted in one call', async () => {
  await client.json('POST', COLLECTION, box('b', 'v1', { width: 1, height: 2 }));
  await client.json('POST', COLLECTION, box('c', 'v1', { width: 4, height: 4 }));
  calls = [];
  const list = (await client.json('GET', OLD)) as { items: { spec: Json }[] };
  assert.ok(list.items.length >= 2);
  assert.equal(calls.length, 1);
});

test('a patch in the old version changes the stored object', async () => {
  await client.json('POST', COLLECTION, box('d', 'v1', { width: 1, height: 1 }));
  const patched = await client.json(
    'PATCH',
    `${OLD}/d`,
    { spec: { edge: 9 } },
    'application/merge-patch+json',
  );
  assert.deepEqual(patched['spec'], { edge: 9 });
  assert.deepEqual((await client.json('GET', `${COLLECTION}/d`))['spec'], { width: 9, height: 9 });
});

test('a watch in the old version sees every change converted and in order', async () => {
  const watching = client.send({
    method: 'GET',
    path: `${OLD}?watch=true&fieldSelector=metadata.name%3De`,
    enough: (text) => text.split('\n').length > 4,
    closeAfterMs: 5000,
  });
  await client.json('POST', COLLECTION, box('e', 'v1', { width: 1, height: 1 }));
  for (const width of [2, 3]) {
    await client.json('PATCH', `${COLLECTION}/e`, { spec: { width } }, 'application/merge-patch+json');
  }
  await client.json('DELETE', `${COLLECTION}/e`);
  const events = (await watching).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; object: { spec: Json; apiVersion: string } });
  assert.deepEqual(
    events.map(({ type, object }) => [type, object.apiVersion, object.spec['edge']]),
    [
      ['ADDED', 'shapes.example.com/v1alpha1', 1],
      ['MODIFIED', 'shapes.example.com/v1alpha1', 2],
      ['MODIFIED', 'shapes.example.com/v1alpha1', 3],
      ['DELETED', 'shapes.example.com/v1alpha1', 3],
    ],
  );
});

test('what a conversion does to name or uid is refused', async () => {
  await client.json('POST', COLLECTION, box('f', 'v1', { width: 1, height: 1 }));
  behave = (review) => {
    const answer = convert(review) as { response: { convertedObjects: { metadata: Json }[] } };
    for (const object of answer.response.convertedObjects) object.metadata = { name: 'stolen' };
    return answer;
  };
  await assertFails(`${OLD}/f`, /must not change metadata\.name and metadata\.uid/);
});

const failures: readonly [title: string, behave: (review: Review) => Json | string, message: RegExp][] = [
  [
    'a refused conversion answers with the reason the webhook gave',
    ({ request: { uid } }) => ({
      response: { uid, convertedObjects: [], result: { status: 'Failure', message: 'no such shape' } },
    }),
    /no such shape/,
  ],
  ['an answer that is no JSON is an error, not a crash', () => '<html>', /answer is no JSON/],
  ['an answer of null is an error', () => 'null', /answer has no response/],
  [
    'an answer to another request is an error',
    (review) => ({ response: { ...(convert(review)['response'] as Json), uid: 'other' } }),
    /response\.uid/,
  ],
  [
    'an answer with too few objects is an error',
    ({ request: { uid } }) => ({ response: { uid, convertedObjects: [], result: { status: 'Success' } } }),
    /returned 0 objects, expected 1/,
  ],
];

async function assertFails(path: string, message: RegExp): Promise<void> {
  const answer = await client.send({ method: 'GET', path });
  assert.equal(answer.status, 500);
  const status = JSON.parse(answer.text) as { message: string; reason: string };
  assert.match(status.message, /^conversion webhook for shapes\.example\.com\/v1alpha1, Kind=Box failed: /);
  assert.match(status.message, message);
  assert.equal(status.reason, 'InternalError');
}

for (const [title, wrong, message] of failures) {
  test(title, async () => {
    const name = `x${failures.findIndex(([other]) => other === title)}`;
    await client.json('POST', COLLECTION, box(name, 'v1', { width: 1, height: 1 }));
    behave = wrong;
    await assertFails(`${OLD}/${name}`, message);
  });
}

test('a webhook that cannot be reached is named, and the storage version keeps working', async () => {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/boxes.shapes.example.com';
  const crd = (await client.json('GET', path)) as { spec: { conversion: Json } };
  const { conversion } = crd.spec;
  const unreachable = {
    spec: { conversion: { webhook: { clientConfig: { url: 'https://127.0.0.1:1/convert' } } } },
  };
  await client.json('PATCH', path, unreachable, 'application/merge-patch+json');
  await client.json('POST', COLLECTION, box('g', 'v1', { width: 1, height: 1 }));
  await assertFails(`${OLD}/g`, /Post "https:\/\/127\.0\.0\.1:1\/convert": .*ECONNREFUSED/);
  assert.deepEqual((await client.json('GET', `${COLLECTION}/g`))['spec'], { width: 1, height: 1 });
  await client.json('PATCH', path, { spec: { conversion } }, 'application/merge-patch+json');
});

test('a certificate that caBundle does not vouch for is not trusted', async () => {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/boxes.shapes.example.com';
  const other = await createCa(Date.now());
  const caBundle = Buffer.from(other.cert).toString('base64');
  await client.json(
    'PATCH',
    path,
    { spec: { conversion: { webhook: { clientConfig: { caBundle } } } } },
    'application/merge-patch+json',
  );
  await client.json('POST', COLLECTION, box('h', 'v1', { width: 1, height: 1 }));
  await assertFails(`${OLD}/h`, /certificate/);
});

test('deleting the definition deletes its objects and takes it out of discovery', async () => {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/boxes.shapes.example.com';
  await client.json('DELETE', path);
  const deadline = Date.now() + 5000;
  while ((await client.send({ method: 'GET', path })).status !== 404) assert.ok(Date.now() < deadline);
  assert.equal((await client.send({ method: 'GET', path: `${GROUP}/v1` })).status, 404);
  assert.equal((await client.send({ method: 'GET', path: COLLECTION })).status, 404);
});
