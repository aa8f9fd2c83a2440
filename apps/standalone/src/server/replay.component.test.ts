import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRawClient, type RawAnswer, type RawClient } from '../testing/raw-client.ts';
import { createTranslation, normalised, type Recorded, readRecording } from '../testing/recording.ts';
import { type ApiServer, createApiServer } from './index.ts';

/** Requests that are not replayed, and why. */
const SKIPPED: Readonly<Record<number, string>> = {
  82: 'a broken HTTP exchange of the recording, not an answer of the API',
};

/** Answers that list what a server has: ours must hold nothing the recorded server says otherwise. */
const LISTINGS = new Set([5, 6, 7, 8, 9, 10, 11, 15, 16]);

/** Watches that ran while later lines of the recording were sent: index → first request they must see. */
const STARTED_BEFORE: Readonly<Record<number, number>> = { 70: 68 };

/** The body of this request never left the recording client. */
const BODY_NOT_SENT = new Set([81]);

let server: ApiServer;
let client: RawClient;
const recording = readRecording();
const translation = createTranslation();
const running = new Map<number, Promise<RawAnswer>>();

before(async () => {
  server = await createApiServer();
  client = createRawClient(server);
});
after(async () => {
  client.close();
  await server.close();
});

/** What the recorded cluster's other programs had done before a request. */
const OTHERS: Readonly<Record<number, () => Promise<unknown>>> = {
  20: () =>
    client.json('POST', '/api/v1/namespaces/rec/configmaps?fieldManager=kube-controller-manager', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'openshift-service-ca.crt',
        annotations: { 'service.beta.openshift.io/inject-cabundle': 'true' },
      },
      data: { 'service-ca.crt': '' },
    }),
  88: () => copyStatus(89, '/api/v1/namespaces/rec/pods/p1', 'kube-scheduler', { phase: 'Pending' }),
  100: async () => {
    const path = '/apis/apps/v1/namespaces/rec/deployments/d';
    const annotations = { 'deployment.kubernetes.io/revision': '1' };
    await client.json(
      'PATCH',
      `${path}?fieldManager=kube-controller-manager`,
      { metadata: { annotations } },
      'application/merge-patch+json',
    );
    await copyStatus(100, path, 'kube-controller-manager');
    const sets = '/apis/apps/v1/namespaces/rec/replicasets';
    const set = replicaSet();
    await client.json('POST', `${sets}?fieldManager=kube-controller-manager`, set);
    const change = (sub: string, body: object) =>
      client.json(
        'PATCH',
        `${sets}/${set.metadata.name}${sub}?fieldManager=kube-controller-manager`,
        body,
        'application/merge-patch+json',
      );
    await change('/status', { status: { replicas: 1 } });
    await change('', { spec: { replicas: 3 } });
  },
  112: createNode,
};

async function copyStatus(index: number, path: string, manager: string, more: object = {}): Promise<void> {
  const { status } = recording[index]!.response.body as { status: object };
  const body = { status: { ...status, ...more } };
  await client.json('PATCH', `${path}/status?fieldManager=${manager}`, body, 'application/merge-patch+json');
}

/** The ReplicaSet of line 106, as far as its table shows it. */
function replicaSet() {
  const table = recording[106]!.response.body as {
    rows: { object: { metadata: Record<string, unknown> } }[];
  };
  const { name, labels, annotations, ownerReferences } = table.rows[0]!.object.metadata;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, labels, annotations, ownerReferences },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  };
}

async function createNode(): Promise<void> {
  const table = recording[112]!.response.body as {
    rows: { cells: string[]; object: { metadata: Record<string, unknown> } }[];
  };
  const { cells, object } = table.rows[0]!;
  const { name, labels, annotations } = object.metadata;
  const [, , , , kubeletVersion, address, , osImage, kernelVersion, containerRuntimeVersion] = cells;
  await client.json('POST', '/api/v1/nodes?fieldManager=ke-cloudcore', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels, annotations },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address }],
      nodeInfo: {
        kubeletVersion,
        osImage,
        kernelVersion,
        containerRuntimeVersion,
        architecture: '',
        bootID: '',
        kubeProxyVersion: '',
        machineID: '',
        operatingSystem: '',
        systemUUID: '',
      },
    },
  });
}

function send(index: number): Promise<RawAnswer> {
  const { request, response } = recording[index]!;
  const lines = typeof response.body === 'string' ? response.body.split('\n').length - 1 : 0;
  const sent = BODY_NOT_SENT.has(index) ? undefined : request.body;
  const body = sent === undefined ? undefined : typeof sent === 'string' ? sent : JSON.stringify(sent);
  return client.send({
    method: request.method,
    path: translation.translate(request.path),
    headers: request.headers,
    ...(body !== undefined && { body: translation.translate(body) }),
    ...(request.anonymous && { anonymous: true }),
    ...(request.closedAfterMs !== undefined &&
      response.status === 200 && {
        closeAfterMs: request.closedAfterMs,
        // One line more than expected would be a mistake, so wait a moment after the last one.
        enough: (text: string) => text.split('\n').length - 1 > lines,
      }),
  });
}

function bodyOf(text: string): unknown {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length > 1 && lines.every((line) => line.startsWith('{')))
    return lines.map((line) => JSON.parse(line));
  return text.startsWith('{') ? JSON.parse(text) : text;
}

function recordedBody({ response }: Recorded): unknown {
  return typeof response.body === 'string' ? bodyOf(response.body) : response.body;
}

for (const [index, recorded] of recording.entries()) {
  const { method, path } = recorded.request;
  const title = `${index}: ${method} ${path.slice(0, 90)} answers ${recorded.response.status} as recorded`;
  test(SKIPPED[index] ? `${title} [skipped: ${SKIPPED[index]}]` : title, {
    skip: SKIPPED[index] !== undefined,
  }, async () => {
    await OTHERS[index]?.();
    for (const [watch, first] of Object.entries(STARTED_BEFORE)) {
      if (first === index) running.set(Number(watch), send(Number(watch)));
    }
    const answer = await (running.get(index) ?? send(index));
    assert.equal(answer.status, recorded.response.status, answer.text);
    const [expected, found] = [recordedBody(recorded), bodyOf(answer.text)];
    translation.learn(expected, found);
    if (LISTINGS.has(index)) assertSubset(normalised(found), normalised(expected), '');
    else if (index === 0) assert.deepEqual(Object.keys(found as object), Object.keys(expected as object));
    else if (index === 2) assert.match(answer.text, /^(\[\+\][\w-]+ ok\n)+readyz check passed\n$/);
    else assert.deepEqual(normalised(found), normalised(expected));
    assert.equal(answer.headers['warning'], recorded.response.headers['warning']);
  });
}

const IDENTITY = ['name', 'resource', 'subresource', 'version', 'groupVersion'];

/** Served here, and by a server of its own where the recording was made. */
const NOT_RECORDED = 'metrics.k8s.io';

/** Every entry we list is one the recorded server lists, with the same content. */
function assertSubset(found: unknown, expected: unknown, path: string): void {
  if (Array.isArray(found) && Array.isArray(expected)) {
    for (const item of found) {
      const id = identityOf(item);
      if (id.startsWith(NOT_RECORDED)) continue;
      const same = expected.find((other) => identityOf(other) === id);
      assert.notEqual(same, undefined, `${path}: ${id} is not in the recording`);
      assertSubset(item, same, `${path}/${id}`);
    }
    return;
  }
  if (typeof found === 'object' && found !== null && typeof expected === 'object' && expected !== null) {
    for (const [key, value] of Object.entries(found)) {
      if (key.includes(NOT_RECORDED)) continue;
      assertSubset(value, (expected as Record<string, unknown>)[key], `${path}.${key}`);
    }
    return;
  }
  assert.equal(plain(found), plain(expected), path);
}

function identityOf(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item);
  const record = item as Record<string, unknown> & { metadata?: { name?: string } };
  const key = IDENTITY.find((name) => record[name] !== undefined);
  return key === undefined ? (record.metadata?.name ?? '') : String(record[key]);
}

/** Hashes in URLs and addresses of servers are each server's own. */
function plain(value: unknown): unknown {
  return typeof value === 'string'
    ? value.replace(/\?hash=.*/, '').replace(/^127\.0\.0\.1:\d+$/, '<address>')
    : value;
}
