import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { MemoryMeta } from '../../apps/edgecore/src/edged/testing/memory-meta.ts';
import { container, deleting, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';

let bed: EdgedBed;
let meta: MemoryMeta;

const tasks = async (): Promise<string[]> =>
  (await bed.containerd.ctr('tasks', 'list', '-q')).trim().split('\n').sort();

describe('edged with real containerd', { timeout: 300_000 }, () => {
  before(async () => {
    bed = await createEdgedBed();
    meta = bed.meta;
    await bed.start();
  });
  after(() => bed?.close());

  test('the node registers, becomes Ready and holds its lease', async () => {
    await bed.until('Ready', () =>
      (meta.nodeStatuses.at(-1) as { conditions?: { type: string; status: string }[] })?.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      ),
    );
    assert.equal(meta.nodes.get('edge-a')?.metadata.labels?.['node-role.kubernetes.io/edge'], '');
    await bed.until('lease', () => meta.leases.at(-1)?.spec?.holderIdentity === 'edge-a');
  });

  test('two pods run within 1.3 s of being told', async () => {
    const started = performance.now();
    meta.putPod(pod('web-a'));
    meta.putPod(pod('web-b'));
    await bed.until('both run', () => bed.isReady('web-a') && bed.isReady('web-b'));
    const ms = performance.now() - started;
    assert.ok(ms < 1_300, `${ms} ms`);
    assert.equal(bed.phaseOf('web-a'), 'Running');
    assert.match(meta.statusOf('web-a')?.podIP ?? '', /^10\./);
  });

  test('a deleting pod is stopped within its grace, removed, and the cloud is told', async () => {
    const [web] = [...meta.pods.values()].filter(({ metadata }) => metadata.name === 'web-a');
    meta.putPod(deleting(web!, 5));
    await bed.until('deleted', () => meta.deleted.includes('web-a'));
    meta.removePod(web!);
    const list = await bed.containerd.ctr(
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
    await bed.until('runs', () => bed.isReady('demo'));
    const env = await bed.exec('demo', 'env');
    assert.match(env, /^BOTH=one-s3cret$/m);
    assert.match(env, new RegExp(`^IP=${meta.statusOf('demo')?.podIP}$`, 'm'));
    assert.equal(await bed.exec('demo', 'cat', '/etc/app.conf'), 'a=1');
    assert.match(
      await bed.exec('demo', 'cat', '/etc/hosts'),
      new RegExp(`${meta.statusOf('demo')?.podIP}\tdemo`),
    );
    assert.match(
      await bed.exec('demo', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/token'),
      /^token-default-/,
    );
    assert.equal(await bed.exec('demo', 'hostname'), 'demo\n');
    const changed = performance.now();
    meta.putObject('configmap', 'default', 'app', { data: { mode: 'two' } });
    await bed.until('changed', async () => (await bed.exec('demo', 'cat', '/etc/app/mode')) === 'two');
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
    const status = await bed.until('back-off', () => {
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
    assert.equal(bed.phaseOf('crash'), 'Running');
  });

  test('an image that does not exist shows ErrImagePull, then ImagePullBackOff', async () => {
    meta.putPod(pod('noimage', { containers: [container('main', { image: '127.0.0.1:1/none:1' })] }));
    const reason = () => meta.statusOf('noimage')?.containerStatuses?.[0]?.state?.waiting?.reason;
    await bed.until('error', () => reason() === 'ErrImagePull');
    await bed.until('back-off', () => reason() === 'ImagePullBackOff');
    assert.equal(bed.phaseOf('noimage'), 'Pending');
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
    await bed.until('succeeded', () => bed.phaseOf('job') === 'Succeeded');
    const status = meta.statusOf('job');
    assert.equal(status?.initContainerStatuses?.[0]?.state?.terminated?.reason, 'Completed');
    const { uid } = [...meta.pods.values()].find(({ metadata }) => metadata.name === 'job')!.metadata;
    assert.match(
      await readFile(join(bed.dir, 'pod-logs', `default_job_${uid}`, 'main', '0.log'), 'utf8'),
      /stdout F ready/,
    );
  });

  test('requests and limits reach the cgroups of container and pod', async () => {
    const resources = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } };
    const limited = pod('limited', { containers: [container('main', { resources })] });
    meta.putPod(limited);
    await bed.until('runs', () => bed.isReady('limited'));
    const restarted = await readdir(join(bed.dir, 'containers'));
    assert.ok(restarted.some((name) => name.startsWith('limited_default_main-')));
    const id = meta.statusOf('limited')?.containerStatuses?.[0]?.containerID?.replace('containerd://', '');
    const podPath = `${bed.cgroup}/kubepods/burstable/pod${limited.metadata.uid}`;
    const read = async (file: string) => (await readFile(join('/sys/fs/cgroup', file), 'utf8')).trim();
    assert.equal(await read(`memory${podPath}/memory.limit_in_bytes`), String(64 * 2 ** 20));
    assert.equal(await read(`memory${podPath}/${id}/memory.limit_in_bytes`), String(64 * 2 ** 20));
    assert.equal(await read(`cpu${podPath}/${id}/cpu.cfs_quota_us`), '50000');
    assert.equal(await read(`cpu${podPath}/cpu.shares`), '102');
  });

  test('a pod on the host network has the address of the node and its host name', async () => {
    meta.putPod(pod('host', { hostNetwork: true }));
    await bed.until('runs', () => bed.isReady('host'));
    assert.equal(meta.statusOf('host')?.podIP, '127.0.0.1');
    assert.equal((await bed.exec('host', 'hostname')).trim(), hostname());
  });

  test('a host port leads to the pod, and its rules go with it', async () => {
    const ports = [{ containerPort: 80, hostPort: 18_080 }];
    const command = ['sh', '-c', 'mkdir /www; echo -n hello > /www/index.html; exec httpd -f -p 80 -h /www'];
    const web = pod('ported', { containers: [container('main', { command, ports })] });
    meta.putPod(web);
    await bed.until('runs', () => bed.isReady('ported'));
    const gateway = bed.containerd.network.subnet.replace('.0/24', '.1');
    await bed.until('answers', async () =>
      fetch(`http://${gateway}:18080/`).then(
        async (answer) => (await answer.text()) === 'hello',
        () => false,
      ),
    );
    meta.putPod(deleting(web, 1));
    await bed.until('ended', () => meta.deleted.includes('ported'));
    meta.removePod(web);
    await assert.rejects(fetch(`http://${gateway}:18080/`));
  });

  test('edgecore stopped and started: the same containers go on', async () => {
    // Running ones: what the crash back-off did with dead ones is forgotten with the process, as in any kubelet.
    const before = await tasks();
    await bed.stop();
    assert.deepEqual(await tasks(), before);
    bed.echoStatuses();
    const said = [...meta.statuses.values()].reduce((sum, list) => sum + list.length, 0);
    await bed.start();
    meta.putPod(pod('after'));
    await bed.until('a new pod runs', () => bed.isReady('after'));
    const now = await tasks();
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
    const before = await tasks();
    await bed.containerd.stopDaemon();
    await bed.until('not ready', () => ready() === 'False');
    await bed.containerd.startDaemon();
    await bed.until('ready', () => ready() === 'True');
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
    await bed.powerOff();
    bed.echoStatuses();
    meta.connected = false;
    meta.statuses.clear();
    await bed.start();
    await bed.containerd.startDaemon();
    const started = performance.now();
    await bed.until('all run', () => wanted.every(bed.isReady));
    assert.ok(performance.now() - started < 5_000, `${performance.now() - started} ms`);
    assert.match(
      await bed.exec('demo', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/token'),
      /^token-default-/,
    );
    assert.equal(meta.statusOf('job'), undefined, 'a finished pod was touched');
    meta.setConnected(true);
  });

  test('all pods deleted: no container, mount, directory or cgroup of them is left', {
    timeout: 60_000,
  }, async () => {
    await bed.deleteAllPods();
    await bed.assertNothingLeft();
  });
});
