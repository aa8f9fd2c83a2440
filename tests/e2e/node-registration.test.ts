import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Site, startSite, until } from '@kubeedge-ts/testing/site';

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const dir = join(process.env['KUBEEDGE_TS_RUN_DIR'] ?? '', 'node-registration');
const NODE_NAME = 'edge-b';

/** What the cluster learns of a node and its pods, through cloudcore and edgecore as programs. */
describe('a node in its cluster', { timeout: 300_000 }, () => {
  let site: Site;
  const kubectl = (...argv: string[]): Promise<string> => site.cloud.kubectl(argv);
  const nodeField = (path: string): Promise<string> =>
    kubectl('get', 'node', NODE_NAME, '-o', `jsonpath={${path}}`);
  const READY = '.status.conditions[?(@.type=="Ready")].status';

  before(async () => {
    site = await startSite({
      root,
      dir,
      cgroup: process.env['KUBEEDGE_TS_CGROUP'] ?? '',
      nodeName: NODE_NAME,
      kubeconfig: process.env['KUBECONFIG'] || undefined,
    });
  });
  after(() => site?.stop());

  test('is of no newer Kubernetes than the cluster', async () => {
    const versions = JSON.parse(await kubectl('version', '-o', 'json')) as {
      serverVersion: { gitVersion: string };
    };
    const [, cluster = ''] = /^v(\d+\.\d+\.\d+)/.exec(versions.serverVersion.gitVersion) ?? [];
    const [, kubelet = ''] =
      /^v(\d+\.\d+\.\d+)-kubeedge-/.exec(await nodeField('.status.nodeInfo.kubeletVersion')) ?? [];
    const number = (version: string): number =>
      Number(
        version
          .split('.')
          .map((part) => part.padStart(3, '0'))
          .join(''),
      );
    assert.ok(
      number(kubelet) > 0 && number(kubelet) <= number(cluster),
      `kubelet ${kubelet}, cluster ${cluster}`,
    );
  });

  test('tells the events of a pod, in order', async () => {
    const overrides = JSON.stringify({ spec: { nodeName: NODE_NAME } });
    const image = 'docker.io/library/busybox:1';
    await kubectl('run', 'talker', `--image=${image}`, '--overrides', overrides, '--', 'sleep', '600');
    await kubectl('wait', '--for=condition=Ready', 'pod/talker', '--timeout=60s');
    await kubectl('delete', 'pod', 'talker', '--grace-period=1', '--timeout=60s');
    const reasons = async (): Promise<string[]> => {
      const list = JSON.parse(
        await kubectl('get', 'events', '--field-selector', 'involvedObject.name=talker', '-o', 'json'),
      ) as { items: { reason: string; metadata: { name: string } }[] };
      return list.items
        .filter(({ reason }) => ['Created', 'Started', 'Killing'].includes(reason))
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
        .map(({ reason }) => reason);
    };
    const told = await until(
      'all three events',
      async () => {
        const found = await reasons();
        return found.length >= 3 ? found : undefined;
      },
      { timeoutMs: 30_000, everyMs: 200 },
    );
    assert.deepEqual(told, ['Created', 'Started', 'Killing']);
  });

  test('that is deleted while it is connected is there again within seconds, Ready, with its lease', async (t) => {
    const started = performance.now();
    const since = (what: string) =>
      t.diagnostic(`${what} after ${Math.round(performance.now() - started)} ms`);
    const before = await nodeField('.metadata.uid');
    await kubectl('delete', 'node', NODE_NAME, '--timeout=30s');
    const uid = await until(
      'registered again',
      async () => {
        const now = await nodeField('.metadata.uid').catch(() => '');
        return now !== '' && now !== before ? now : undefined;
      },
      { timeoutMs: 30_000, everyMs: 200 },
    );
    since('registered');
    await until('Ready', async () => ((await nodeField(READY)) === 'True' ? true : undefined), {
      timeoutMs: 30_000,
    });
    since('Ready');
    assert.equal(await nodeField('.metadata.labels.kubernetes\\.io/hostname'), NODE_NAME);
    await until(
      'a lease of the new node',
      async () => {
        const lease = ['get', 'lease', NODE_NAME, '-n', 'kube-node-lease', '-o'];
        const owner = await kubectl(...lease, 'jsonpath={.metadata.ownerReferences[0].uid}').catch(() => '');
        return owner === uid ? true : undefined;
      },
      { timeoutMs: 60_000, everyMs: 500 },
    );
    since('lease');
  });

  test('whose label is taken away gets it back', async () => {
    await kubectl('label', 'node', NODE_NAME, 'kubernetes.io/os-', 'site=hall-3');
    await until(
      'the label is back',
      async () => ((await nodeField('.metadata.labels.kubernetes\\.io/os')) === 'linux' ? true : undefined),
      { timeoutMs: 20_000, everyMs: 200 },
    );
    assert.equal(await nodeField('.metadata.labels.site'), 'hall-3');
  });
});
