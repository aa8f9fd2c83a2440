import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Bench, createBench } from './testing/bench.ts';
import { container, pod } from './testing/pods.ts';

let b: Bench;
beforeEach(async () => {
  b = await createBench();
});
afterEach(() => b.close());

describe('what a pod waits for', () => {
  test('a ConfigMap of its environment: CreateContainerConfigError, running as soon as it is there', async () => {
    await b.start();
    b.meta.putPod(
      pod('web', { containers: [container('main', { envFrom: [{ configMapRef: { name: 'env' } }] })] }),
    );
    await b.until('waits', () => b.waitingReason('web') === 'CreateContainerConfigError');
    assert.equal(b.mainOf('web')?.state?.waiting?.message, 'configmap "env" not found');
    const told = performance.now();
    b.meta.putObject('configmap', 'default', 'env', { data: { A: 'b' } });
    await b.until('runs', () => b.runs('web'));
    assert.ok(performance.now() - told < 1_000);
  });

  test('a volume whose claim nobody knows: says so', async () => {
    await b.start();
    b.meta.putPod(
      pod('web', {
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'c' } }],
        containers: [container('main', { volumeMounts: [{ name: 'data', mountPath: '/d' }] })],
      }),
    );
    await b.until('waits', () => b.waitingReason('web') === 'FailedMount');
    assert.match(b.mainOf('web')?.state?.waiting?.message ?? '', /volume data: .*PVC default\/c/);
    assert.equal(b.calls('RunPodSandbox'), 0);
  });

  test('an image: ErrImagePull, then ImagePullBackOff; the right name in its place starts it at once', async () => {
    await b.start();
    const web = pod('web', { containers: [container('main', { image: 'reg.test/none:1' })] });
    b.meta.putPod(web);
    await b.until('error', () => b.waitingReason('web') === 'ErrImagePull');
    await b.until('back-off', () => b.waitingReason('web') === 'ImagePullBackOff');
    assert.equal(b.calls('PullImage'), 1);
    b.meta.putPod({ ...web, spec: { ...web.spec, containers: [container('main')] } });
    await b.until('runs', () => b.runs('web'));
  });

  test('pull policies: Never, Always, IfNotPresent, and a name that is none', async () => {
    b.fake.registry.add('reg.test/app:1');
    await b.start();
    const one = (name: string, image: string, imagePullPolicy: string): void =>
      b.meta.putPod(pod(name, { containers: [container('main', { image, imagePullPolicy })] }));
    one('never', 'reg.test/never:1', 'Never');
    one('bad', 'Not A Name', 'IfNotPresent');
    one('upper', 'reg.test/App:1', 'IfNotPresent');
    await b.until('never', () => b.waitingReason('never') === 'ErrImageNeverPull');
    await b.until(
      'bad',
      () => b.waitingReason('bad') === 'InvalidImageName' && b.waitingReason('upper') === 'InvalidImageName',
    );
    assert.equal(b.calls('PullImage'), 0);
    one('pulled', 'reg.test/app:1', 'IfNotPresent');
    await b.until('pulled', () => b.runs('pulled'));
    one('present', 'reg.test/app:1', 'IfNotPresent');
    await b.until('present', () => b.runs('present'));
    assert.equal(b.calls('PullImage'), 1);
    one('always', 'reg.test/app:1', 'Always');
    await b.until('always', () => b.runs('always'));
    assert.equal(b.calls('PullImage'), 2);
  });

  test('credentials of its pull secret, the most specific first', async () => {
    b.fake.registry.add('reg.test/app:1');
    const auth = (text: string) => Buffer.from(text).toString('base64');
    const auths = {
      'https://reg.test': { auth: auth('u:p') },
      'reg.test/app': { auth: auth('v:q') },
      other: { auth: auth('x:y') },
    };
    b.meta.putObject('secret', 'default', 'pull', {
      data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
    });
    await b.start();
    b.meta.putPod(
      pod('web', {
        imagePullSecrets: [{ name: 'pull' }],
        containers: [container('main', { image: 'reg.test/app:1' })],
      }),
    );
    await b.until('runs', () => b.runs('web'));
    const request = b.fake.calls.find(({ method }) => method === 'PullImage')?.request as {
      auth: { username: string };
    };
    assert.equal(request.auth.username, 'v');
  });

  test('a refused container: its words in the status, tried again', async () => {
    await b.start();
    b.fake.fail('CreateContainer', 'no space left on device', 1);
    b.fake.fail('StartContainer', 'exec: "nope": not found', 1);
    b.meta.putPod(pod('web'));
    await b.until('create', () => b.waitingReason('web') === 'CreateContainerError');
    assert.equal(b.mainOf('web')?.state?.waiting?.message, 'no space left on device');
    await b.until('start', () => b.waitingReason('web') === 'RunContainerError');
    await b.until('runs', () => b.runs('web'));
    assert.equal(b.mainOf('web')?.restartCount, 0);
  });

  test('a sandbox that cannot be made: its words too', async () => {
    await b.start();
    b.fake.fail('RunPodSandbox', 'cni said no', 1);
    b.meta.putPod(pod('web'));
    await b.until('waits', () => b.mainOf('web')?.state?.waiting?.message === 'cni said no');
    assert.equal(b.waitingReason('web'), 'FailedCreatePodSandBox');
    await b.until('runs', () => b.runs('web'));
  });
});

describe('volumes of running pods', () => {
  test('follow their ConfigMap within a second, without a restart', async () => {
    b.meta.putObject('configmap', 'default', 'app', { data: { mode: 'one' } });
    await b.start();
    const web = pod('web', {
      volumes: [{ name: 'cfg', configMap: { name: 'app' } }],
      containers: [container('main', { volumeMounts: [{ name: 'cfg', mountPath: '/cfg' }] })],
    });
    b.meta.putPod(web);
    await b.until('runs', () => b.runs('web'));
    const file = join(
      b.dir,
      'kubelet/pods',
      web.metadata.uid ?? '',
      'volumes/kubernetes.io~configmap/cfg/mode',
    );
    assert.equal(await readFile(file, 'utf8'), 'one');
    const told = performance.now();
    b.meta.putObject('configmap', 'default', 'app', { data: { mode: 'two' } });
    while ((await readFile(file, 'utf8')) !== 'two') {
      assert.ok(performance.now() - told < 1_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(b.calls('CreateContainer'), 1);
  });

  test('get a new token when theirs is due', async () => {
    b.meta.tokenSeconds = 1;
    await b.start();
    const sources = [{ serviceAccountToken: { path: 'token', expirationSeconds: 600 } }];
    b.meta.putPod(
      pod('web', {
        volumes: [{ name: 'api', projected: { sources } }],
        containers: [container('main', { volumeMounts: [{ name: 'api', mountPath: '/api' }] })],
      }),
    );
    await b.until('runs', () => b.runs('web'));
    const before = b.meta.tokenRequests.length;
    b.meta.setConnected(false);
    b.meta.setConnected(true);
    await b.until('asked again', () => b.meta.tokenRequests.length > before);
  });
});
