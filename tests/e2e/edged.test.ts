import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createCriClient } from '@kubeedge-ts/cri';
import { createLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { type Containerd, startContainerd, unmountBelow } from '@kubeedge-ts/testing/containerd';
import {
  createEdged,
  type Edged,
  type EdgedConfig,
  systemHost,
} from '../../apps/edgecore/src/edged/index.ts';
import { edgedConfig } from '../../apps/edgecore/src/edged/testing/config.ts';
import { type MemoryMeta, memoryMeta } from '../../apps/edgecore/src/edged/testing/memory-meta.ts';
import { container, deleting, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';

const cgroup = `/${process.env['KUBEEDGE_TS_CGROUP'] ?? 'kets'}/edged-${process.pid}`;
let containerd: Containerd;
let dir: string;
let edged: Edged;
let meta: MemoryMeta;

const config = (): EdgedConfig =>
  edgedConfig({
    rootDir: join(dir, 'kubelet'),
    podLogsDir: join(dir, 'pod-logs'),
    nodeIP: '127.0.0.1',
    cgroupRoot: cgroup,
  });

async function startEdged(): Promise<void> {
  edged = createEdged({
    cri: createCriClient({ endpoint: containerd.endpoint, clock: systemClock }),
    meta,
    config: config(),
    clock: systemClock,
    random: systemRandom,
    log: createLogger('edged', process.env['KETS_LOG'] === undefined ? 'silent' : 'debug'),
    host: systemHost,
  });
  meta.sink = edged.sink;
  await edged.module.start(new AbortController().signal);
}

async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 20_000,
): Promise<T> {
  for (const deadline = Date.now() + ms; ; ) {
    const found = await look();
    if (found !== undefined && found !== false) return found as T;
    if (Date.now() > deadline) {
      assert.fail(
        `not within ${ms} ms: ${what}; statuses: ${JSON.stringify([...meta.statuses].filter(([name]) => !isReady(name)).map(([name, list]) => [name, list.at(-1)]))}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const phaseOf = (name: string): string | undefined => meta.statusOf(name)?.phase;
const isReady = (name: string): boolean =>
  meta.statusOf(name)?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

async function exec(podName: string, ...cmd: string[]): Promise<string> {
  const cri = createCriClient({ endpoint: containerd.endpoint, clock: systemClock });
  try {
    const id =
      meta.statusOf(podName)?.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? '';
    const { stdout, stderr, exitCode } = await cri.execSync({ containerId: id, cmd, timeout: 10 });
    assert.equal(exitCode, 0, Buffer.from(stderr).toString());
    return Buffer.from(stdout).toString();
  } finally {
    cri.close();
  }
}

/** All containers and sandboxes. */
async function containerIds(): Promise<string[]> {
  return (await containerd.ctr('containers', 'list', '-q')).trim().split('\n').sort();
}

describe('edged with real containerd', { timeout: 300_000 }, () => {
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-edged-'));
    containerd = await startContainerd({ cgroups: [cgroup] });
    meta = memoryMeta();
    await startEdged();
  });
  after(async () => {
    await edged?.module.stop();
    await containerd?.stop();
    await unmountBelow(dir);
    await rm(dir, { recursive: true, force: true });
  });

  test('the node registers, becomes Ready and holds its lease', async () => {
    await until('Ready', () =>
      (meta.nodeStatuses.at(-1) as { conditions?: { type: string; status: string }[] })?.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      ),
    );
    assert.equal(meta.nodes.get('edge-a')?.metadata.labels?.['node-role.kubernetes.io/edge'], '');
    await until('lease', () => meta.leases.at(-1)?.spec?.holderIdentity === 'edge-a');
  });

  test('two pods run within 1.3 s of being told', async () => {
    const started = performance.now();
    meta.putPod(pod('web-a'));
    meta.putPod(pod('web-b'));
    await until('both run', () => isReady('web-a') && isReady('web-b'));
    const ms = performance.now() - started;
    assert.ok(ms < 1_300, `${ms} ms`);
    assert.equal(phaseOf('web-a'), 'Running');
    assert.match(meta.statusOf('web-a')?.podIP ?? '', /^10\./);
  });

  test('a deleting pod is stopped within its grace, removed, and the cloud is told', async () => {
    const [web] = [...meta.pods.values()].filter(({ metadata }) => metadata.name === 'web-a');
    meta.putPod(deleting(web!, 5));
    await until('deleted', () => meta.deleted.includes('web-a'));
    meta.removePod(web!);
    const list = await containerd.ctr(
      'containers',
      'list',
      '-q',
      `labels."io.kubernetes.pod.uid"==${web!.metadata.uid}`,
    );
    assert.equal(list.trim(), '');
  });

  test('a container sees environment, volumes, hosts and a changed ConfigMap within seconds', async () => {
    meta.putObject('configmap', 'default', 'app', { data: { mode: 'one', 'app.conf': 'a=1' } });
    meta.putObject('secret', 'default', 'pass', { data: { word: Buffer.from('s3cret').toString('base64') } });
    const main = container('main', {
      env: [
        { name: 'MODE', valueFrom: { configMapKeyRef: { name: 'app', key: 'mode' } } },
        { name: 'WORD', valueFrom: { secretKeyRef: { name: 'pass', key: 'word' } } },
        { name: 'BOTH', value: '$(MODE)-$(WORD)' },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      ],
      volumeMounts: [
        { name: 'cfg', mountPath: '/etc/app' },
        { name: 'cfg', mountPath: '/etc/app.conf', subPath: 'app.conf' },
        { name: 'scratch', mountPath: '/scratch' },
        { name: 'api', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
      ],
    });
    meta.putPod(
      pod('demo', {
        containers: [main],
        volumes: [
          { name: 'cfg', configMap: { name: 'app' } },
          { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
          {
            name: 'api',
            projected: {
              sources: [
                { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
                {
                  downwardAPI: {
                    items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }],
                  },
                },
              ],
            },
          },
        ],
      }),
    );
    await until('runs', () => isReady('demo'));
    const env = await exec('demo', 'env');
    assert.match(env, /^BOTH=one-s3cret$/m);
    assert.match(env, new RegExp(`^IP=${meta.statusOf('demo')?.podIP}$`, 'm'));
    assert.equal(await exec('demo', 'cat', '/etc/app.conf'), 'a=1');
    assert.match(
      await exec('demo', 'cat', '/etc/hosts'),
      new RegExp(`${meta.statusOf('demo')?.podIP}\tdemo`),
    );
    assert.match(
      await exec('demo', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/token'),
      /^token-default-/,
    );
    assert.equal(await exec('demo', 'hostname'), 'demo\n');
    const changed = performance.now();
    meta.putObject('configmap', 'default', 'app', { data: { mode: 'two' } });
    await until('changed', async () => (await exec('demo', 'cat', '/etc/app/mode')) === 'two');
    assert.ok(performance.now() - changed < 1_000);
  });

  test('a container that fails goes into CrashLoopBackOff with its message and exit code', async () => {
    meta.putPod(
      pod('crash', {
        containers: [
          container('main', { command: ['sh', '-c', 'echo -n broken > /dev/termination-log; exit 3'] }),
        ],
      }),
    );
    const status = await until('back-off', () => {
      const [main] = meta.statusOf('crash')?.containerStatuses ?? [];
      return main?.state?.waiting?.reason === 'CrashLoopBackOff' ? main : undefined;
    });
    assert.equal(status.restartCount, 1);
    assert.equal(status.lastState?.terminated?.exitCode, 3);
    assert.equal(status.lastState?.terminated?.message, 'broken');
    assert.match(
      status.state?.waiting?.message ?? '',
      /^back-off 10s restarting failed container=main pod=crash_default/,
    );
    assert.equal(phaseOf('crash'), 'Running');
  });

  test('an image that does not exist shows ErrImagePull, then ImagePullBackOff', async () => {
    meta.putPod(pod('noimage', { containers: [container('main', { image: '127.0.0.1:1/none:1' })] }));
    const reason = () => meta.statusOf('noimage')?.containerStatuses?.[0]?.state?.waiting?.reason;
    await until('error', () => reason() === 'ErrImagePull');
    await until('back-off', () => reason() === 'ImagePullBackOff');
    assert.equal(phaseOf('noimage'), 'Pending');
  });

  test('a run-once pod with an init container succeeds', async () => {
    meta.putPod(
      pod('job', {
        restartPolicy: 'Never',
        initContainers: [
          container('prepare', {
            command: ['sh', '-c', 'echo ready > /data/file'],
            volumeMounts: [{ name: 'work', mountPath: '/data' }],
          }),
        ],
        containers: [
          container('main', {
            command: ['cat', '/data/file'],
            volumeMounts: [{ name: 'work', mountPath: '/data' }],
          }),
        ],
        volumes: [{ name: 'work', emptyDir: {} }],
      }),
    );
    await until('succeeded', () => phaseOf('job') === 'Succeeded');
    const status = meta.statusOf('job');
    assert.equal(status?.initContainerStatuses?.[0]?.state?.terminated?.reason, 'Completed');
    const { uid } = [...meta.pods.values()].find(({ metadata }) => metadata.name === 'job')!.metadata;
    assert.match(
      await readFile(join(dir, 'pod-logs', `default_job_${uid}`, 'main', '0.log'), 'utf8'),
      /stdout F ready/,
    );
  });

  test('requests and limits reach the cgroups of container and pod', async () => {
    const resources = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } };
    const limited = pod('limited', { containers: [container('main', { resources })] });
    meta.putPod(limited);
    await until('runs', () => isReady('limited'));
    const restarted = await readdir(join(dir, 'containers'));
    assert.ok(restarted.some((name) => name.startsWith('limited_default_main-')));
    const id = meta.statusOf('limited')?.containerStatuses?.[0]?.containerID?.replace('containerd://', '');
    const podPath = `${cgroup}/kubepods/burstable/pod${limited.metadata.uid}`;
    const read = async (file: string) => (await readFile(join('/sys/fs/cgroup', file), 'utf8')).trim();
    assert.equal(await read(`memory${podPath}/memory.limit_in_bytes`), String(64 * 2 ** 20));
    assert.equal(await read(`memory${podPath}/${id}/memory.limit_in_bytes`), String(64 * 2 ** 20));
    assert.equal(await read(`cpu${podPath}/${id}/cpu.cfs_quota_us`), '50000');
    assert.equal(await read(`cpu${podPath}/cpu.shares`), '102');
  });

  test('a pod on the host network has the address of the node and its host name', async () => {
    meta.putPod(pod('host', { hostNetwork: true }));
    await until('runs', () => isReady('host'));
    assert.equal(meta.statusOf('host')?.podIP, '127.0.0.1');
    assert.equal((await exec('host', 'hostname')).trim(), hostname());
  });

  test('a host port leads to the pod, and its rules go with it', async () => {
    const ports = [{ containerPort: 80, hostPort: 18_080 }];
    const command = ['sh', '-c', 'mkdir /www; echo -n hello > /www/index.html; exec httpd -f -p 80 -h /www'];
    const web = pod('ported', { containers: [container('main', { command, ports })] });
    meta.putPod(web);
    await until('runs', () => isReady('ported'));
    const gateway = containerd.network.subnet.replace('.0/24', '.1');
    await until('answers', async () =>
      fetch(`http://${gateway}:18080/`).then(
        async (answer) => (await answer.text()) === 'hello',
        () => false,
      ),
    );
    meta.putPod(deleting(web, 1));
    await until('ended', () => meta.deleted.includes('ported'));
    meta.removePod(web);
    await assert.rejects(fetch(`http://${gateway}:18080/`));
  });

  test('edgecore stopped and started: the same containers go on', async () => {
    const before = await containerIds();
    await edged.module.stop();
    assert.deepEqual(await containerIds(), before);
    for (const [uid, one] of meta.pods) {
      const status = meta.statusOf(one.metadata.name);
      if (status !== undefined) meta.pods.set(uid, { ...one, status });
    }
    const said = [...meta.statuses.values()].reduce((sum, list) => sum + list.length, 0);
    await startEdged();
    meta.putPod(pod('after'));
    await until('a new pod runs', () => isReady('after'));
    const now = await containerIds();
    assert.deepEqual(
      before.filter((id) => !now.includes(id)),
      [],
    );
    const repeated = [...meta.statuses].reduce(
      (sum, [name, list]) => sum + (name === 'after' ? 0 : list.length),
      0,
    );
    assert.ok(repeated - said <= 4, `${repeated - said} statuses said again`);
  });

  test('containerd stopped and started: the same containers go on, the node is not ready in between', async () => {
    const ready = () =>
      (meta.nodeStatuses.at(-1) as { conditions: { type: string; status: string }[] }).conditions.at(-1)
        ?.status;
    const tasks = async () => (await containerd.ctr('tasks', 'list', '-q')).trim().split('\n');
    const before = await tasks();
    await containerd.stopDaemon();
    await until('not ready', () => ready() === 'False');
    await containerd.startDaemon();
    await until('ready', () => ready() === 'True');
    const now = await tasks();
    assert.deepEqual(
      before.filter((id) => !now.includes(id)),
      [],
      'containers that are gone',
    );
  });

  test('a reboot with the cloud away: all pods run again, from the store alone', {
    timeout: 60_000,
  }, async () => {
    const wanted = ['web-b', 'demo', 'limited', 'host', 'after'];
    await edged.module.stop();
    await containerd.powerOff();
    await unmountBelow(dir);
    for (const [uid, one] of meta.pods) {
      const status = meta.statusOf(one.metadata.name);
      if (status !== undefined) meta.pods.set(uid, { ...one, status });
    }
    meta.connected = false;
    meta.statuses.clear();
    await startEdged();
    await containerd.startDaemon();
    const started = performance.now();
    await until('all run', () => wanted.every(isReady));
    assert.ok(performance.now() - started < 5_000, `${performance.now() - started} ms`);
    assert.match(
      await exec('demo', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/token'),
      /^token-default-/,
    );
    assert.equal(meta.statusOf('job'), undefined, 'a finished pod was touched');
    meta.setConnected(true);
  });

  test('all pods deleted: no container, mount, directory or cgroup of them is left', {
    timeout: 60_000,
  }, async () => {
    for (const one of [...meta.pods.values()]) meta.putPod(deleting(one, 1));
    await until('all told', () =>
      [...meta.pods.values()].every(({ metadata }) => meta.deleted.includes(metadata.name)),
    );
    assert.equal((await containerd.ctr('containers', 'list', '-q')).trim(), '');
    assert.deepEqual(await readdir(join(dir, 'kubelet/pods')), []);
    assert.deepEqual(await readdir(join(dir, 'pod-logs')), []);
    assert.ok(!(await readFile('/proc/self/mountinfo', 'utf8')).includes(`${dir}/kubelet/pods`));
    for (const qos of ['', 'burstable', 'besteffort']) {
      const left = await readdir(join('/sys/fs/cgroup/memory', cgroup, 'kubepods', qos));
      assert.deepEqual(
        left.filter((name) => name.startsWith('pod')),
        [],
      );
    }
  });
});
