import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Bench, createBench } from './testing/bench.ts';
import { container, deleting, pod } from './testing/pods.ts';

let b: Bench;
beforeEach(async () => {
  b = await createBench();
});
afterEach(() => b.close());

describe('the life of a pod', () => {
  test('it runs, and each status is said once', async () => {
    await b.start();
    b.meta.putPod(pod('web'));
    await b.until('runs', () => b.runs('web'));
    const phases = b.meta.statuses.get('web')?.map(({ phase }) => phase);
    assert.equal(phases?.at(-1), 'Running');
    await b.until('a relist after it', () => b.calls('ListContainers') > 5);
    const said = (b.meta.statuses.get('web') ?? []).map((status) => JSON.stringify(status));
    assert.equal(new Set(said).size, said.length);
  });

  test('deleted: stopped with its grace, removed with its files and logs, then the cloud is told', async () => {
    await b.start();
    const web = pod('web', {
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [container('main', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
    });
    b.meta.putPod(web);
    await b.until('runs', () => b.runs('web'));
    b.meta.putPod(deleting(web, 9));
    await b.until('told', () => b.meta.deleted.includes('web'));
    const stopCall = b.fake.calls.find(({ method }) => method === 'StopContainer')?.request as {
      timeout: number;
    };
    assert.equal(stopCall.timeout, 9);
    assert.equal(b.fake.runtime.sandboxes.size + b.fake.runtime.containers.size, 0);
    assert.deepEqual(await readdir(join(b.dir, 'kubelet/pods')), []);
    assert.deepEqual(await readdir(join(b.dir, 'logs')), []);
    assert.deepEqual(b.meta.forgotten, [web.metadata.uid]);
    assert.equal(b.meta.statusOf('web')?.phase, 'Succeeded');
    // its echo starts nothing
    b.meta.putPod(deleting(web, 9));
    b.meta.removePod(web);
    assert.equal(b.meta.deleted.length, 1);
  });

  test('gone from the API: ended without telling anyone', async () => {
    await b.start();
    const web = pod('web');
    b.meta.putPod(web);
    await b.until('runs', () => b.runs('web'));
    b.meta.removePod(web);
    await b.until('ended', () => b.fake.runtime.sandboxes.size === 0);
    assert.deepEqual(b.meta.deleted, []);
  });

  test('gone from the API under its UID: a pod that has the name by now goes on', async () => {
    await b.start();
    const old = pod('web');
    b.meta.putPod(old);
    await b.until('runs', () => b.runs('web'));
    const successor = pod('web');
    b.meta.putPod(successor);
    await b.until('two', () => b.runningContainers() === 2);
    b.meta.removePod(old);
    await b.until('ended', () => b.fake.runtime.sandboxes.size === 1);
    const [sandbox] = b.fake.runtime.sandboxes.values();
    assert.equal(sandbox?.config.metadata?.uid, successor.metadata.uid);
    assert.equal(b.calls('StopContainer'), 1);
  });

  test('named again while it ends because the store did not have it: it starts anew', async () => {
    await b.start();
    const web = pod('web');
    b.meta.putPod(web);
    await b.until('runs', () => b.runs('web'));
    await b.stop();
    b.meta.pods.clear();
    b.fake.obeyMs = 300;
    await b.start();
    await b.until('it is being ended', () => b.calls('StopContainer') === 1);
    b.meta.putPod(web);
    await b.until('a second sandbox', () => b.calls('RunPodSandbox') === 2);
    await b.until('runs again', () => b.runs('web') && b.runningContainers() === 1);
    b.meta.removePod(web);
    await b.until('ended', () => b.fake.runtime.sandboxes.size === 0);
  });

  test('deleted while it waits to start anew: it does not', async () => {
    await b.start();
    const web = pod('web');
    b.meta.putPod(web);
    await b.until('runs', () => b.runs('web'));
    b.fake.obeyMs = 300;
    b.meta.removePod(web);
    b.meta.putPod(web);
    b.meta.removePod(web);
    await b.until('ended', () => b.fake.runtime.sandboxes.size === 0);
    const relists = b.calls('ListPodSandbox');
    await b.until('two relists after it', () => b.calls('ListPodSandbox') > relists + 1);
    assert.equal(b.calls('RunPodSandbox'), 1);
  });

  test('a delete interrupts a pull that hangs', async () => {
    await b.start();
    b.fake.delay('PullImage', 60_000);
    const web = pod('web', { containers: [container('main', { image: 'reg.test/slow:1' })] });
    b.meta.putPod(web);
    await b.until('pulls', () => b.calls('PullImage') === 1);
    b.meta.putPod(deleting(web, 30));
    await b.until('told', () => b.meta.deleted.includes('web'));
  });

  test('a shorter grace replaces a longer one while the container is being stopped', async () => {
    await b.start();
    const web = pod('web');
    b.meta.putPod(web);
    await b.until('runs', () => b.runs('web'));
    b.fake.obeyMs = 60_000;
    b.meta.putPod(deleting(web, 600));
    await b.until('stopping', () => b.calls('StopContainer') === 1);
    b.fake.obeyMs = 0;
    b.meta.putPod(deleting(web, 2));
    await b.until('told', () => b.meta.deleted.includes('web'));
    const stops = b.fake.calls.filter(({ method }) => method === 'StopContainer');
    assert.deepEqual(
      stops.map(({ request }) => (request as { timeout: number }).timeout),
      [600, 2],
    );
  });

  test('a pod of the same name is independent of the one that ends', async () => {
    await b.start();
    const old = pod('web');
    b.meta.putPod(old);
    await b.until('runs', () => b.runs('web'));
    b.fake.obeyMs = 500;
    b.meta.putPod(deleting(old, 30));
    b.meta.putPod(pod('web'));
    await b.until('two', () => b.fake.runtime.sandboxes.size === 2);
    await b.until('told', () => b.meta.deleted.includes('web'));
    assert.equal(b.runningContainers(), 1);
  });

  test('a container that ends by itself is seen within 2 s and started again', async () => {
    await b.start();
    b.meta.putPod(pod('web'));
    await b.until('runs', () => b.runs('web'));
    b.fake.exit('main', 2, 'bye');
    await b.until('again', () => b.runs('web') && b.mainOf('web')?.restartCount === 1);
    assert.equal(b.mainOf('web')?.lastState?.terminated?.exitCode, 2);
    b.fake.exit('main', 2);
    await b.until('back-off', () => b.waitingReason('web') === 'CrashLoopBackOff');
  });

  test('an image changed in place replaces the container only', async () => {
    b.fake.addImage('docker.io/library/busybox:2');
    await b.start();
    const web = pod('web');
    b.meta.putPod(web);
    await b.until('runs', () => b.runs('web'));
    b.meta.putPod({
      ...web,
      spec: { ...web.spec, containers: [container('main', { image: 'docker.io/library/busybox:2' })] },
    });
    await b.until('again', () => b.runs('web') && b.mainOf('web')?.restartCount === 1);
    assert.equal(b.mainOf('web')?.image, 'docker.io/library/busybox:2');
    assert.equal(b.calls('RunPodSandbox'), 1);
  });

  test('a lost sandbox is made again, with its container', async () => {
    await b.start();
    b.meta.putPod(pod('web'));
    await b.until('runs', () => b.runs('web'));
    const [sandbox] = b.fake.runtime.sandboxes.values();
    Object.assign(sandbox!, { createdAt: (b.clock.now() - 60_000) * 1e6 });
    b.fake.runtime.stopSandbox(sandbox!.id);
    await b.until('again', () => b.runs('web') && b.calls('RunPodSandbox') === 2);
    assert.equal(b.mainOf('web')?.restartCount, 1);
  });
});
