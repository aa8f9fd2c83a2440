import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { NodeStatus, Pod } from '@kubeedge-ts/apis';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import { type Bench, createBench, IMAGE } from './testing/bench.ts';
import { container, pod } from './testing/pods.ts';

let b: Bench;
beforeEach(async () => {
  b = await createBench();
});
afterEach(() => b.close());

describe('restarts, outages and strangers', () => {
  test('edgecore restarted: running containers are adopted, nothing is restarted, no status is repeated', async () => {
    await b.start();
    const web = pod('web');
    b.meta.putPod(web);
    await b.until('runs', () => b.runs('web'));
    await b.stop();
    assert.equal(b.runningContainers(), 1);
    b.meta.pods.set(web.metadata.uid ?? '', { ...web, status: b.meta.statusOf('web') as Pod['status'] });
    const said = b.meta.statuses.get('web')?.length;
    const made = b.calls('CreateContainer') + b.calls('RunPodSandbox') + b.calls('StopContainer');
    await b.start();
    const looks = b.calls('ContainerStatus');
    await b.until('looked', () => b.calls('ContainerStatus') > looks);
    await b.until('relisted', () => b.calls('ListContainers') > 6);
    assert.equal(b.calls('CreateContainer') + b.calls('RunPodSandbox') + b.calls('StopContainer'), made);
    assert.equal(b.meta.statuses.get('web')?.length, said);
  });

  test('containers of an upstream edgecore are adopted by name and image', async () => {
    const web = pod('web');
    const labels = {
      'io.kubernetes.pod.name': 'web',
      'io.kubernetes.pod.namespace': 'default',
      'io.kubernetes.pod.uid': web.metadata.uid ?? '',
    };
    const metadata = { name: 'web', namespace: 'default', uid: web.metadata.uid ?? '', attempt: 0 };
    const { podSandboxId } = await b.cri.runPodSandbox({ config: { metadata, labels } });
    const { image } = await b.cri.imageStatus({ image: { image: IMAGE } });
    const { containerId } = await b.cri.createContainer({
      podSandboxId,
      config: {
        metadata: { name: 'main', attempt: 4 },
        image: { image: image?.id ?? '' },
        labels: { ...labels, 'io.kubernetes.container.name': 'main' },
        annotations: {
          'io.kubernetes.container.hash': 'deadbeef',
          'io.kubernetes.container.restartCount': '4',
        },
      },
    });
    await b.cri.startContainer({ containerId });
    b.meta.pods.set(web.metadata.uid ?? '', web);
    await b.start();
    await b.until('adopted', () => b.runs('web'));
    assert.equal(b.mainOf('web')?.containerID, `containerd://${containerId}`);
    assert.equal(b.mainOf('web')?.restartCount, 4);
    assert.equal(b.calls('CreateContainer'), 1);
  });

  test('the runtime is not there yet: the node says so, and pods run when it comes', async () => {
    await b.fake.goAway();
    b.meta.pods.set('u', pod('web', {}, { uid: 'u' }));
    await b.start();
    await b.until(
      'not ready',
      () =>
        (b.meta.nodeStatuses.at(-1) as NodeStatus | undefined)?.conditions?.at(-1)?.reason ===
        'KubeletNotReady',
    );
    await b.fake.comeBack();
    await b.until('runs', () => b.runs('web'));
    await b.until('ready', b.isNodeReady);
  });

  test('the runtime goes and comes back: nothing is restarted, the node is ready again', async () => {
    await b.start();
    b.meta.putPod(pod('web'));
    await b.until('runs', () => b.runs('web'));
    await b.until('ready', b.isNodeReady);
    const said = b.meta.statuses.get('web')?.length;
    await b.fake.goAway();
    b.sink.referencedChanged('configmap', 'default', 'x');
    await b.until('not ready', () => !b.isNodeReady());
    await b.fake.comeBack();
    await b.until('ready again', b.isNodeReady);
    assert.equal(b.runningContainers(), 1);
    assert.equal(b.meta.statuses.get('web')?.length, said);
  });

  test('with the cloud away the pods of the store run: everything they need is in it', async () => {
    b.meta.connected = false;
    b.meta.createNode = async () => {
      throw edgecoreErrors.create('EDGE_DISCONNECTED', { operation: 'insert', resource: 'node' });
    };
    b.meta.putObject('configmap', 'default', 'env', { data: { A: 'b' } });
    b.meta.pods.set(
      'u',
      pod(
        'web',
        { containers: [container('main', { envFrom: [{ configMapRef: { name: 'env' } }] })] },
        { uid: 'u' },
      ),
    );
    await b.start();
    await b.until('runs', () => b.runs('web'));
  });

  test('with the cloud away an image that is there is used, even with pull policy Always', async () => {
    b.meta.connected = false;
    const always = pod('web', { containers: [container('main', { imagePullPolicy: 'Always' })] });
    b.meta.pods.set('u', { ...always, metadata: { ...always.metadata, uid: 'u' } });
    await b.start();
    await b.until('runs', () => b.runs('web'));
    assert.equal(b.calls('PullImage'), 0);
  });

  test('what a pod lacks because the cloud is away it gets when the cloud is back', async () => {
    b.meta.connected = false;
    const get = b.meta.getReferenced.bind(b.meta);
    b.meta.getReferenced = async (type, namespace, name) => {
      if (!b.meta.connected)
        throw edgecoreErrors.create('EDGE_DISCONNECTED', { operation: 'query', resource: name });
      return get(type, namespace, name);
    };
    b.meta.putObject('configmap', 'default', 'env', { data: { A: 'b' } });
    await b.start();
    b.meta.putPod(
      pod('web', { containers: [container('main', { envFrom: [{ configMapRef: { name: 'env' } }] })] }),
    );
    await b.until('waits', () => b.waitingReason('web') !== undefined && b.calls('RunPodSandbox') === 1);
    b.meta.setConnected(true);
    await b.until('runs', () => b.runs('web'));
  });

  test('containers and directories that the store does not know are removed, but only after it has answered', async () => {
    await b.start();
    b.meta.putPod(pod('stranger'));
    await b.until('runs', () => b.runs('stranger'));
    await b.stop();
    b.meta.pods.clear();
    await mkdir(join(b.dir, 'kubelet/pods/left-over/volumes'), { recursive: true });
    await mkdir(join(b.dir, 'logs/default_old_dead-beef'), { recursive: true });
    const list = b.meta.listPods.bind(b.meta);
    let answers = false;
    b.meta.listPods = async () => {
      if (!answers) throw new Error('the store is busy');
      return list();
    };
    await b.start();
    const listed = b.calls('ListPodSandbox');
    await b.until('relisted twice', () => b.calls('ListPodSandbox') > listed + 2);
    assert.equal(b.runningContainers(), 1);
    answers = true;
    await b.until('gone', () => b.fake.runtime.sandboxes.size === 0);
    const stopped = b.fake.calls.find(({ method }) => method === 'StopContainer')?.request as {
      timeout: number;
    };
    assert.equal(stopped.timeout, 1);
    for (const deadline = Date.now() + 5_000; ; ) {
      const left = [...(await readdir(join(b.dir, 'kubelet/pods'))), ...(await readdir(join(b.dir, 'logs')))];
      if (left.length === 0) break;
      assert.ok(Date.now() < deadline, left.join());
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  test('sandboxes that are no pods (no labels, impossible uid) are left alone', async () => {
    await b.cri.runPodSandbox({ config: { metadata: { name: 'x', uid: 'x', namespace: 'x' } } });
    const labels = {
      'io.kubernetes.pod.name': 'a',
      'io.kubernetes.pod.namespace': 'b',
      'io.kubernetes.pod.uid': '../../etc',
    };
    await b.cri.runPodSandbox({ config: { metadata: { name: 'y', uid: 'y', namespace: 'y' }, labels } });
    await b.start();
    await b.until('relisted', () => b.calls('ListPodSandbox') > 2);
    assert.equal(b.fake.runtime.sandboxes.size, 2);
  });

  test('pods of other nodes and with impossible uids are ignored', async () => {
    await b.start();
    b.meta.putPod(pod('other', { nodeName: 'edge-b' }));
    b.meta.putPod(pod('evil', {}, { uid: '../../../etc' }));
    b.meta.putPod(pod('web'));
    await b.until('runs', () => b.runs('web'));
    assert.equal(b.fake.runtime.sandboxes.size, 1);
  });

  test('a status that the API shows otherwise is said again after 10 s of difference', {
    timeout: 30_000,
  }, async () => {
    await b.start();
    const web = pod('web');
    b.meta.putPod(web);
    await b.until('runs', () => b.runs('web'));
    const said = b.meta.statuses.get('web')?.length ?? 0;
    const status = b.meta.statusOf('web') as NonNullable<Pod['status']>;
    const conditions = status.conditions?.map((c) => (c.type === 'Ready' ? { ...c, status: 'False' } : c));
    b.meta.putPod({ ...web, status: { ...status, ...(conditions ? { conditions } : {}) } });
    for (const deadline = Date.now() + 15_000; (b.meta.statuses.get('web')?.length ?? 0) === said; ) {
      assert.ok(Date.now() < deadline);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  test('a store that cannot take the status for a moment gets it later', async () => {
    const report = b.meta.reportPodStatus.bind(b.meta);
    let failures = 2;
    b.meta.reportPodStatus = async (which, status) => {
      if (failures-- > 0) throw new Error('disk full');
      return report(which, status);
    };
    await b.start();
    b.meta.putPod(pod('web'));
    await b.until('runs', () => b.runs('web'));
  });

  test('stopping takes a moment, whatever is under way', async () => {
    await b.start();
    b.fake.delay('PullImage', 60_000);
    b.meta.putPod(pod('slow', { containers: [container('main', { image: 'reg.test/slow:1' })] }));
    await b.until('pulls', () => b.calls('PullImage') === 1);
    const before = performance.now();
    await b.stop();
    assert.ok(performance.now() - before < 1_000);
  });
});
