import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ApiServer, createApiServer } from '../server/index.ts';
import { createRawClient, type RawClient } from '../testing/raw-client.ts';
import { createScriptedKubelet, readCa, type ScriptedKubelet } from '../testing/scripted-kubelet.ts';

let folder = '';
let server: ApiServer;
let client: RawClient;
let kubelet: ScriptedKubelet;
let odd: ScriptedKubelet;
const METRICS = '/apis/metrics.k8s.io/v1beta1';

const time = '2026-01-02T03:04:05Z';
const using = (nanoCores: number, bytes: number) => ({
  cpu: { time, usageNanoCores: nanoCores, usageCoreNanoSeconds: 1 },
  memory: { time, workingSetBytes: bytes },
});

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standalone-metrics-'));
  server = await createApiServer({ dataDir: folder });
  client = createRawClient(server);
  const ca = await readCa(folder);
  const summary = {
    node: { nodeName: 'n1', ...using(250_000_000, 512 * 1024 * 1024) },
    pods: [
      {
        podRef: { name: 'web', namespace: 'default', uid: 'x' },
        containers: [
          { name: 'a', ...using(1_234_567, 10_240) },
          { name: 'b', ...using(0, 1000) },
        ],
      },
      {
        podRef: { name: 'unknown', namespace: 'default', uid: 'x' },
        containers: [{ name: 'a', ...using(1, 1) }],
      },
      { podRef: { name: 'young', namespace: 'default', uid: 'x' }, containers: [{ name: 'a' }] },
    ],
  };
  kubelet = await createScriptedKubelet(
    { request: (_request, response) => void response.end(JSON.stringify(summary)) },
    { ca },
  );
  odd = await createScriptedKubelet({ request: (_request, response) => void response.end('<html>') }, { ca });
  const node = async (name: string, port: number) => {
    const status = {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    };
    await client.json('POST', '/api/v1/nodes', { metadata: { name, labels: { at: name } }, status });
  };
  await node('n1', kubelet.port);
  await node('odd', odd.port);
  await node('off', 1);
  await client.json('POST', '/api/v1/nodes', { metadata: { name: 'silent' } });
  for (const [name, nodeName] of [
    ['web', 'n1'],
    ['young', 'n1'],
    ['dark', 'off'],
    ['lost', 'gone'],
    ['waiting', ''],
  ]) {
    await client.json('POST', '/api/v1/namespaces/default/pods', {
      metadata: { name, labels: { app: name } },
      spec: { ...(nodeName && { nodeName }), containers: [{ name: 'a', image: 'x' }] },
    });
  }
});
after(async () => {
  client.close();
  await server.close();
  await Promise.all([kubelet.close(), odd.close()]);
  await rm(folder, { recursive: true });
});

interface Metrics {
  readonly metadata: Record<string, unknown>;
  readonly timestamp: string;
  readonly window: string;
  readonly usage?: object;
  readonly containers?: readonly object[];
}

async function names(path: string): Promise<string[]> {
  const list = (await client.json('GET', `${METRICS}/${path}`)) as unknown as { items: Metrics[] };
  return list.items.map(({ metadata }) => String(metadata['name']));
}
const refusal = async (path: string, method = 'GET') => {
  const answer = await client.send({ method, path: `${METRICS}/${path}` });
  return [answer.status, (JSON.parse(answer.text) as { message: string }).message];
};

describe('metrics.k8s.io', { timeout: 60_000 }, () => {
  test('is found by discovery', async () => {
    const group = await client.json('GET', '/apis/metrics.k8s.io');
    assert.deepEqual(group['preferredVersion'], {
      groupVersion: 'metrics.k8s.io/v1beta1',
      version: 'v1beta1',
    });
    const list = await client.json('GET', METRICS);
    assert.deepEqual(list['resources'], [
      { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs: ['get', 'list'] },
      { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] },
    ]);
  });

  test('tells what nodes use, without those that cannot be asked or say nothing of use', async () => {
    assert.deepEqual(await names('nodes'), ['n1']);
    const node = (await client.json('GET', `${METRICS}/nodes/n1`)) as unknown as Metrics;
    assert.deepEqual(node.usage, { cpu: '250m', memory: '512Mi' });
    assert.deepEqual([node.timestamp, node.window], [time, '10s']);
    assert.deepEqual(node.metadata['labels'], { at: 'n1' });
    assert.deepEqual(await refusal('nodes/off'), [404, 'nodemetrics.metrics.k8s.io "off" not found']);
    assert.deepEqual(await refusal('nodes/none'), [404, 'nodes "none" not found']);
  });

  test('tells what each container of a pod uses', async () => {
    assert.deepEqual(await names('pods'), ['web']);
    assert.deepEqual(await names('namespaces/default/pods'), ['web']);
    assert.deepEqual(await names('namespaces/kube-system/pods'), []);
    const path = 'namespaces/default/pods';
    const pod = (await client.json('GET', `${METRICS}/${path}/web`)) as unknown as Metrics;
    assert.deepEqual(pod.containers, [
      { name: 'a', usage: { cpu: '1234567n', memory: '10Ki' } },
      { name: 'b', usage: { cpu: '0', memory: '1000' } },
    ]);
    const absent = (name: string) => `podmetrics.metrics.k8s.io "default/${name}" not found`;
    for (const name of ['young', 'dark', 'lost', 'waiting']) {
      assert.deepEqual(await refusal(`${path}/${name}`), [404, absent(name)]);
    }
    assert.deepEqual(await refusal(`${path}/unknown`), [404, 'pods "unknown" not found']);
  });

  test('takes selectors, and asks no node for nothing', async () => {
    const before = kubelet.asked.length;
    assert.deepEqual(await names('nodes?labelSelector=at%3Dn1'), ['n1']);
    assert.deepEqual(await names('nodes?labelSelector=at%3Dx'), []);
    assert.deepEqual(await names('pods?labelSelector=app%3Dweb'), ['web']);
    assert.deepEqual(await names('pods?labelSelector=app%21%3Dweb'), []);
    assert.deepEqual(await names('pods?fieldSelector=metadata.name%3Dweb'), ['web']);
    assert.equal(kubelet.asked.length, before, 'what was asked moments ago is known');
    assert.deepEqual([...new Set(kubelet.asked)], ['GET /stats/summary?only_cpu_and_memory=true']);
    assert.equal(kubelet.caller(), 'kube-apiserver-kubelet-client of system:masters');
  });

  test('has the columns of metrics-server', async () => {
    const table = async (path: string) => {
      const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
      const { text } = await client.send({ method: 'GET', path: `${METRICS}/${path}`, headers });
      return (JSON.parse(text) as { rows: { cells: string[] }[] }).rows.map(({ cells }) => cells);
    };
    assert.deepEqual(await table('nodes'), [['n1', '250m', '512Mi', '10s']]);
    assert.deepEqual(await table('pods'), [['web', '1234567n', '10Ki', '10s']]);
  });

  test('is read only', async () => {
    assert.equal((await refusal('nodes', 'POST'))[0], 405);
    assert.equal((await refusal('nodes/n1', 'DELETE'))[0], 405);
    assert.equal((await refusal('nodes?watch=true'))[0], 405);
    assert.equal((await refusal('nodes/n1?watch=true'))[0], 405);
  });

  test('is for whoever may view the namespace', async () => {
    const path = '/api/v1/namespaces/default/serviceaccounts';
    await client.json('POST', path, { metadata: { name: 'viewer' } });
    const { token } = (await client.json('POST', `${path}/viewer/token`, {}))['status'] as { token: string };
    const status = async (asked: string): Promise<number> => {
      const headers = { authorization: `Bearer ${token}` };
      return (await client.send({ method: 'GET', path: `${METRICS}/${asked}`, headers, anonymous: true }))
        .status;
    };
    assert.equal(await status('namespaces/default/pods'), 403);
    await client.json('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name: 'viewer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'viewer', namespace: 'default' }],
    });
    assert.equal(await status('namespaces/default/pods'), 200);
    assert.equal(await status('pods'), 403);
    assert.equal(await status('nodes'), 403);
  });
});
