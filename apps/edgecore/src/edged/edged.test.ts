import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { ContainerStatus, NodeStatus, Pod } from '@kubeedge-ts/apis';
import { ContainerState, createCriClient } from '@kubeedge-ts/cri';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import { type Clock, silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { type FakeCri, startFakeCri } from '@kubeedge-ts/testing/fake-cri';
import { createEdged, type Edged } from './edged.ts';
import { edgedConfig } from './testing/config.ts';
import { fakeHost } from './testing/fake-host.ts';
import { type MemoryMeta, memoryMeta } from './testing/memory-meta.ts';
import { container, deleting, pod } from './testing/pods.ts';

const IMAGE = 'docker.io/library/busybox:1';
/** Edged's time runs ten times as fast as ours. */
const HURRY = 10;
const epoch = Date.now();
const clock: Clock = {
  now: () => epoch + (Date.now() - epoch) * HURRY,
  monotonic: () => performance.now() * HURRY,
  after: (ms, task) => systemClock.after(ms / HURRY, task),
};

let dir: string;
let fake: FakeCri;
let meta: MemoryMeta;
let edged: Edged | undefined;

async function start(): Promise<void> {
  edged = createEdged({
    cri: createCriClient({ endpoint: fake.endpoint, clock }),
    meta,
    config: edgedConfig({
      rootDir: join(dir, 'kubelet'),
      podLogsDir: join(dir, 'logs'),
      cgroupsPerQOS: false,
    }),
    clock,
    random: systemRandom,
    log: silentLogger,
    host: fakeHost({ files: { '/proc/meminfo': 'MemTotal: 1000000 kB\nMemAvailable: 900000 kB' } }),
  });
  meta.sink = edged.sink;
  await edged.module.start(new AbortController().signal);
}

async function stop(): Promise<void> {
  await edged?.module.stop();
  edged = undefined;
}

async function until<T>(what: string, look: () => T | undefined | false): Promise<T> {
  for (const deadline = Date.now() + 10_000; ; ) {
    const found = look();
    if (found !== undefined && found !== false) return found as T;
    if (Date.now() > deadline)
      assert.fail(
        `not reached: ${what}; ${JSON.stringify([...meta.statuses].map(([n, l]) => [n, l.at(-1)]))}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const mainOf = (name: string): ContainerStatus | undefined => meta.statusOf(name)?.containerStatuses?.[0];
const waitingReason = (name: string): string | undefined => mainOf(name)?.state?.waiting?.reason;
const runs = (name: string): boolean => mainOf(name)?.ready === true;
const calls = (method: string): number => fake.calls.filter((call) => call.method === method).length;
const runningContainers = (): number =>
  [...fake.runtime.containers.values()].filter(({ state }) => state === ContainerState.CONTAINER_RUNNING)
    .length;
const isNodeReady = (): boolean =>
  (meta.nodeStatuses.at(-1) as NodeStatus | undefined)?.conditions?.at(-1)?.status === 'True';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kets-edged-'));
  fake = await startFakeCri({ now: clock.now });
  fake.addImage(IMAGE);
  meta = memoryMeta(clock.now);
});
afterEach(async () => {
  await stop();
  await fake.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('the life of a pod', () => {
  test('it runs, and each status is said once', async () => {
    await start();
    meta.putPod(pod('web'));
    await until('runs', () => runs('web'));
    const phases = meta.statuses.get('web')?.map(({ phase }) => phase);
    assert.equal(phases?.at(-1), 'Running');
    await until('a relist after it', () => calls('ListContainers') > 5);
    const said = (meta.statuses.get('web') ?? []).map((status) => JSON.stringify(status));
    assert.equal(new Set(said).size, said.length);
  });

  test('deleted: stopped with its grace, removed with its files and logs, then the cloud is told', async () => {
    await start();
    const web = pod('web', {
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [container('main', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
    });
    meta.putPod(web);
    await until('runs', () => runs('web'));
    meta.putPod(deleting(web, 9));
    await until('told', () => meta.deleted.includes('web'));
    const stopCall = fake.calls.find(({ method }) => method === 'StopContainer')?.request as {
      timeout: number;
    };
    assert.equal(stopCall.timeout, 9);
    assert.equal(fake.runtime.sandboxes.size + fake.runtime.containers.size, 0);
    assert.deepEqual(await readdir(join(dir, 'kubelet/pods')), []);
    assert.deepEqual(await readdir(join(dir, 'logs')), []);
    assert.deepEqual(meta.forgotten, [web.metadata.uid]);
    assert.equal(meta.statusOf('web')?.phase, 'Succeeded');
    // its echo starts nothing
    meta.putPod(deleting(web, 9));
    meta.removePod(web);
    assert.equal(meta.deleted.length, 1);
  });

  test('gone from the API: ended without telling anyone', async () => {
    await start();
    const web = pod('web');
    meta.putPod(web);
    await until('runs', () => runs('web'));
    meta.removePod(web);
    await until('ended', () => fake.runtime.sandboxes.size === 0);
    assert.deepEqual(meta.deleted, []);
  });

  test('a delete interrupts a pull that hangs', async () => {
    await start();
    fake.delay('PullImage', 60_000);
    const web = pod('web', { containers: [container('main', { image: 'reg.test/slow:1' })] });
    meta.putPod(web);
    await until('pulls', () => calls('PullImage') === 1);
    meta.putPod(deleting(web, 30));
    await until('told', () => meta.deleted.includes('web'));
  });

  test('a shorter grace replaces a longer one while the container is being stopped', async () => {
    await start();
    const web = pod('web');
    meta.putPod(web);
    await until('runs', () => runs('web'));
    fake.obeyMs = 60_000;
    meta.putPod(deleting(web, 600));
    await until('stopping', () => calls('StopContainer') === 1);
    fake.obeyMs = 0;
    meta.putPod(deleting(web, 2));
    await until('told', () => meta.deleted.includes('web'));
    const stops = fake.calls.filter(({ method }) => method === 'StopContainer');
    assert.deepEqual(
      stops.map(({ request }) => (request as { timeout: number }).timeout),
      [600, 2],
    );
  });

  test('a pod of the same name is independent of the one that ends', async () => {
    await start();
    const old = pod('web');
    meta.putPod(old);
    await until('runs', () => runs('web'));
    fake.obeyMs = 500;
    meta.putPod(deleting(old, 30));
    meta.putPod(pod('web'));
    await until('two', () => fake.runtime.sandboxes.size === 2);
    await until('told', () => meta.deleted.includes('web'));
    assert.equal(runningContainers(), 1);
  });

  test('a container that ends by itself is seen within 2 s and started again', async () => {
    await start();
    meta.putPod(pod('web'));
    await until('runs', () => runs('web'));
    fake.exit('main', 2, 'bye');
    await until('again', () => runs('web') && mainOf('web')?.restartCount === 1);
    assert.equal(mainOf('web')?.lastState?.terminated?.exitCode, 2);
    fake.exit('main', 2);
    await until('back-off', () => waitingReason('web') === 'CrashLoopBackOff');
  });

  test('an image changed in place replaces the container only', async () => {
    fake.addImage('docker.io/library/busybox:2');
    await start();
    const web = pod('web');
    meta.putPod(web);
    await until('runs', () => runs('web'));
    meta.putPod({
      ...web,
      spec: { ...web.spec, containers: [container('main', { image: 'docker.io/library/busybox:2' })] },
    });
    await until('again', () => runs('web') && mainOf('web')?.restartCount === 1);
    assert.equal(mainOf('web')?.image, 'docker.io/library/busybox:2');
    assert.equal(calls('RunPodSandbox'), 1);
  });

  test('a lost sandbox is made again, with its container', async () => {
    await start();
    meta.putPod(pod('web'));
    await until('runs', () => runs('web'));
    const [sandbox] = fake.runtime.sandboxes.values();
    Object.assign(sandbox!, { createdAt: (clock.now() - 60_000) * 1e6 });
    fake.runtime.stopSandbox(sandbox!.id);
    await until('again', () => runs('web') && calls('RunPodSandbox') === 2);
    assert.equal(mainOf('web')?.restartCount, 1);
  });
});

describe('what a pod waits for', () => {
  test('a ConfigMap of its environment: CreateContainerConfigError, running as soon as it is there', async () => {
    await start();
    meta.putPod(
      pod('web', { containers: [container('main', { envFrom: [{ configMapRef: { name: 'env' } }] })] }),
    );
    await until('waits', () => waitingReason('web') === 'CreateContainerConfigError');
    assert.equal(mainOf('web')?.state?.waiting?.message, 'configmap "env" not found');
    const told = performance.now();
    meta.putObject('configmap', 'default', 'env', { data: { A: 'b' } });
    await until('runs', () => runs('web'));
    assert.ok(performance.now() - told < 1_000);
  });

  test('a volume this version does not have: says so', async () => {
    await start();
    meta.putPod(
      pod('web', {
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'c' } }],
        containers: [container('main', { volumeMounts: [{ name: 'data', mountPath: '/d' }] })],
      }),
    );
    await until('waits', () => waitingReason('web') === 'FailedMount');
    assert.match(mainOf('web')?.state?.waiting?.message ?? '', /volume data: .*persistentVolumeClaim/);
    assert.equal(calls('RunPodSandbox'), 0);
  });

  test('an image: ErrImagePull, then ImagePullBackOff; the right name in its place starts it at once', async () => {
    await start();
    const web = pod('web', { containers: [container('main', { image: 'reg.test/none:1' })] });
    meta.putPod(web);
    await until('error', () => waitingReason('web') === 'ErrImagePull');
    await until('back-off', () => waitingReason('web') === 'ImagePullBackOff');
    assert.equal(calls('PullImage'), 1);
    meta.putPod({ ...web, spec: { ...web.spec, containers: [container('main')] } });
    await until('runs', () => runs('web'));
  });

  test('pull policies: Never, Always, IfNotPresent, and a name that is none', async () => {
    fake.registry.add('reg.test/app:1');
    await start();
    const one = (name: string, image: string, imagePullPolicy: string): void =>
      meta.putPod(pod(name, { containers: [container('main', { image, imagePullPolicy })] }));
    one('never', 'reg.test/never:1', 'Never');
    one('bad', 'Not A Name', 'IfNotPresent');
    one('upper', 'reg.test/App:1', 'IfNotPresent');
    await until('never', () => waitingReason('never') === 'ErrImageNeverPull');
    await until(
      'bad',
      () => waitingReason('bad') === 'InvalidImageName' && waitingReason('upper') === 'InvalidImageName',
    );
    assert.equal(calls('PullImage'), 0);
    one('pulled', 'reg.test/app:1', 'IfNotPresent');
    await until('pulled', () => runs('pulled'));
    one('present', 'reg.test/app:1', 'IfNotPresent');
    await until('present', () => runs('present'));
    assert.equal(calls('PullImage'), 1);
    one('always', 'reg.test/app:1', 'Always');
    await until('always', () => runs('always'));
    assert.equal(calls('PullImage'), 2);
  });

  test('credentials of its pull secret, the most specific first', async () => {
    fake.registry.add('reg.test/app:1');
    const auth = (text: string) => Buffer.from(text).toString('base64');
    const auths = {
      'https://reg.test': { auth: auth('u:p') },
      'reg.test/app': { auth: auth('v:q') },
      other: { auth: auth('x:y') },
    };
    meta.putObject('secret', 'default', 'pull', {
      data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
    });
    await start();
    meta.putPod(
      pod('web', {
        imagePullSecrets: [{ name: 'pull' }],
        containers: [container('main', { image: 'reg.test/app:1' })],
      }),
    );
    await until('runs', () => runs('web'));
    const request = fake.calls.find(({ method }) => method === 'PullImage')?.request as {
      auth: { username: string };
    };
    assert.equal(request.auth.username, 'v');
  });

  test('a refused container: its words in the status, tried again', async () => {
    await start();
    fake.fail('CreateContainer', 'no space left on device', 1);
    fake.fail('StartContainer', 'exec: "nope": not found', 1);
    meta.putPod(pod('web'));
    await until('create', () => waitingReason('web') === 'CreateContainerError');
    assert.equal(mainOf('web')?.state?.waiting?.message, 'no space left on device');
    await until('start', () => waitingReason('web') === 'RunContainerError');
    await until('runs', () => runs('web'));
    assert.equal(mainOf('web')?.restartCount, 0);
  });

  test('a sandbox that cannot be made: its words too', async () => {
    await start();
    fake.fail('RunPodSandbox', 'cni said no', 1);
    meta.putPod(pod('web'));
    await until('waits', () => mainOf('web')?.state?.waiting?.message === 'cni said no');
    assert.equal(waitingReason('web'), 'FailedCreatePodSandBox');
    await until('runs', () => runs('web'));
  });
});

describe('volumes of running pods', () => {
  test('follow their ConfigMap within a second, without a restart', async () => {
    meta.putObject('configmap', 'default', 'app', { data: { mode: 'one' } });
    await start();
    const web = pod('web', {
      volumes: [{ name: 'cfg', configMap: { name: 'app' } }],
      containers: [container('main', { volumeMounts: [{ name: 'cfg', mountPath: '/cfg' }] })],
    });
    meta.putPod(web);
    await until('runs', () => runs('web'));
    const file = join(
      dir,
      'kubelet/pods',
      web.metadata.uid ?? '',
      'volumes/kubernetes.io~configmap/cfg/mode',
    );
    assert.equal(await readFile(file, 'utf8'), 'one');
    const told = performance.now();
    meta.putObject('configmap', 'default', 'app', { data: { mode: 'two' } });
    while ((await readFile(file, 'utf8')) !== 'two') {
      assert.ok(performance.now() - told < 1_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(calls('CreateContainer'), 1);
  });

  test('get a new token when theirs is due', async () => {
    meta.tokenSeconds = 1;
    await start();
    const sources = [{ serviceAccountToken: { path: 'token', expirationSeconds: 600 } }];
    meta.putPod(
      pod('web', {
        volumes: [{ name: 'api', projected: { sources } }],
        containers: [container('main', { volumeMounts: [{ name: 'api', mountPath: '/api' }] })],
      }),
    );
    await until('runs', () => runs('web'));
    const before = meta.tokenRequests.length;
    meta.setConnected(false);
    meta.setConnected(true);
    await until('asked again', () => meta.tokenRequests.length > before);
  });
});

describe('restarts, outages and strangers', () => {
  test('edgecore restarted: running containers are adopted, nothing is restarted, no status is repeated', async () => {
    await start();
    const web = pod('web');
    meta.putPod(web);
    await until('runs', () => runs('web'));
    await stop();
    assert.equal(runningContainers(), 1);
    meta.pods.set(web.metadata.uid ?? '', { ...web, status: meta.statusOf('web') as Pod['status'] });
    const said = meta.statuses.get('web')?.length;
    const made = calls('CreateContainer') + calls('RunPodSandbox') + calls('StopContainer');
    await start();
    const looks = calls('ContainerStatus');
    await until('looked', () => calls('ContainerStatus') > looks);
    await until('relisted', () => calls('ListContainers') > 6);
    assert.equal(calls('CreateContainer') + calls('RunPodSandbox') + calls('StopContainer'), made);
    assert.equal(meta.statuses.get('web')?.length, said);
  });

  test('containers of an upstream edgecore are adopted by name and image', async () => {
    const web = pod('web');
    const labels = {
      'io.kubernetes.pod.name': 'web',
      'io.kubernetes.pod.namespace': 'default',
      'io.kubernetes.pod.uid': web.metadata.uid ?? '',
    };
    const cri = createCriClient({ endpoint: fake.endpoint, clock });
    const metadata = { name: 'web', namespace: 'default', uid: web.metadata.uid ?? '', attempt: 0 };
    const { podSandboxId } = await cri.runPodSandbox({ config: { metadata, labels } });
    const { image } = await cri.imageStatus({ image: { image: IMAGE } });
    const { containerId } = await cri.createContainer({
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
    await cri.startContainer({ containerId });
    cri.close();
    meta.pods.set(web.metadata.uid ?? '', web);
    await start();
    await until('adopted', () => runs('web'));
    assert.equal(mainOf('web')?.containerID, `fake://${containerId}`);
    assert.equal(mainOf('web')?.restartCount, 4);
    assert.equal(calls('CreateContainer'), 1);
  });

  test('the runtime is not there yet: the node says so, and pods run when it comes', async () => {
    await fake.goAway();
    meta.pods.set('u', pod('web', {}, { uid: 'u' }));
    await start();
    await until(
      'not ready',
      () =>
        (meta.nodeStatuses.at(-1) as NodeStatus | undefined)?.conditions?.at(-1)?.reason ===
        'KubeletNotReady',
    );
    await fake.comeBack();
    await until('runs', () => runs('web'));
    await until('ready', isNodeReady);
  });

  test('the runtime goes and comes back: nothing is restarted, the node is ready again', async () => {
    await start();
    meta.putPod(pod('web'));
    await until('runs', () => runs('web'));
    await until('ready', isNodeReady);
    const said = meta.statuses.get('web')?.length;
    await fake.goAway();
    edged?.sink.referencedChanged('configmap', 'default', 'x');
    await until('not ready', () => !isNodeReady());
    await fake.comeBack();
    await until('ready again', isNodeReady);
    assert.equal(runningContainers(), 1);
    assert.equal(meta.statuses.get('web')?.length, said);
  });

  test('with the cloud away the pods of the store run: everything they need is in it', async () => {
    meta.connected = false;
    meta.createNode = async () => {
      throw edgecoreErrors.create('EDGE_DISCONNECTED', { operation: 'insert', resource: 'node' });
    };
    meta.putObject('configmap', 'default', 'env', { data: { A: 'b' } });
    meta.pods.set(
      'u',
      pod(
        'web',
        { containers: [container('main', { envFrom: [{ configMapRef: { name: 'env' } }] })] },
        { uid: 'u' },
      ),
    );
    await start();
    await until('runs', () => runs('web'));
  });

  test('what a pod lacks because the cloud is away it gets when the cloud is back', async () => {
    meta.connected = false;
    const get = meta.getReferenced.bind(meta);
    meta.getReferenced = async (type, namespace, name) => {
      if (!meta.connected)
        throw edgecoreErrors.create('EDGE_DISCONNECTED', { operation: 'query', resource: name });
      return get(type, namespace, name);
    };
    meta.putObject('configmap', 'default', 'env', { data: { A: 'b' } });
    await start();
    meta.putPod(
      pod('web', { containers: [container('main', { envFrom: [{ configMapRef: { name: 'env' } }] })] }),
    );
    await until('waits', () => waitingReason('web') !== undefined && calls('RunPodSandbox') === 1);
    meta.setConnected(true);
    await until('runs', () => runs('web'));
  });

  test('containers and directories that the store does not know are removed, but only after it has answered', async () => {
    await start();
    meta.putPod(pod('stranger'));
    await until('runs', () => runs('stranger'));
    await stop();
    meta.pods.clear();
    await mkdir(join(dir, 'kubelet/pods/left-over/volumes'), { recursive: true });
    await mkdir(join(dir, 'logs/default_old_dead-beef'), { recursive: true });
    const list = meta.listPods.bind(meta);
    let answers = false;
    meta.listPods = async () => {
      if (!answers) throw new Error('the store is busy');
      return list();
    };
    await start();
    const listed = calls('ListPodSandbox');
    await until('relisted twice', () => calls('ListPodSandbox') > listed + 2);
    assert.equal(runningContainers(), 1);
    answers = true;
    await until('gone', () => fake.runtime.sandboxes.size === 0);
    const stopped = fake.calls.find(({ method }) => method === 'StopContainer')?.request as {
      timeout: number;
    };
    assert.equal(stopped.timeout, 1);
    for (const deadline = Date.now() + 5_000; ; ) {
      const left = [...(await readdir(join(dir, 'kubelet/pods'))), ...(await readdir(join(dir, 'logs')))];
      if (left.length === 0) break;
      assert.ok(Date.now() < deadline, left.join());
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  test('sandboxes that are no pods (no labels, impossible uid) are left alone', async () => {
    const cri = createCriClient({ endpoint: fake.endpoint, clock });
    await cri.runPodSandbox({ config: { metadata: { name: 'x', uid: 'x', namespace: 'x' } } });
    const labels = {
      'io.kubernetes.pod.name': 'a',
      'io.kubernetes.pod.namespace': 'b',
      'io.kubernetes.pod.uid': '../../etc',
    };
    await cri.runPodSandbox({ config: { metadata: { name: 'y', uid: 'y', namespace: 'y' }, labels } });
    cri.close();
    await start();
    await until('relisted', () => calls('ListPodSandbox') > 2);
    assert.equal(fake.runtime.sandboxes.size, 2);
  });

  test('pods of other nodes and with impossible uids are ignored', async () => {
    await start();
    meta.putPod(pod('other', { nodeName: 'edge-b' }));
    meta.putPod(pod('evil', {}, { uid: '../../../etc' }));
    meta.putPod(pod('web'));
    await until('runs', () => runs('web'));
    assert.equal(fake.runtime.sandboxes.size, 1);
  });

  test('a status that the API shows otherwise is said again after 10 s of difference', {
    timeout: 30_000,
  }, async () => {
    await start();
    const web = pod('web');
    meta.putPod(web);
    await until('runs', () => runs('web'));
    const said = meta.statuses.get('web')?.length ?? 0;
    const status = meta.statusOf('web') as NonNullable<Pod['status']>;
    const conditions = status.conditions?.map((c) => (c.type === 'Ready' ? { ...c, status: 'False' } : c));
    meta.putPod({ ...web, status: { ...status, ...(conditions ? { conditions } : {}) } });
    for (const deadline = Date.now() + 15_000; (meta.statuses.get('web')?.length ?? 0) === said; ) {
      assert.ok(Date.now() < deadline);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  test('a store that cannot take the status for a moment gets it later', async () => {
    const report = meta.reportPodStatus.bind(meta);
    let failures = 2;
    meta.reportPodStatus = async (which, status) => {
      if (failures-- > 0) throw new Error('disk full');
      return report(which, status);
    };
    await start();
    meta.putPod(pod('web'));
    await until('runs', () => runs('web'));
  });

  test('stopping takes a moment, whatever is under way', async () => {
    await start();
    fake.delay('PullImage', 60_000);
    meta.putPod(pod('slow', { containers: [container('main', { image: 'reg.test/slow:1' })] }));
    await until('pulls', () => calls('PullImage') === 1);
    const before = performance.now();
    await stop();
    assert.ok(performance.now() - before < 1_000);
  });
});
