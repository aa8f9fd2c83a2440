import assert from 'node:assert/strict';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ContainerStatus, Pod, PodSpec } from '@kubeedge-ts/apis';
import type { MemoryMeta } from '../../apps/edgecore/src/edged/testing/memory-meta.ts';
import { container, deleting, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';

type EphemeralContainer = NonNullable<PodSpec['ephemeralContainers']>[number];

const STAY = 'trap "exit 0" TERM; while true; do sleep 0.1; done';
let bed: EdgedBed;
let meta: MemoryMeta;
let marks: string;

const shell = (name: string, script: string, fields: object = {}) =>
  container(name, {
    command: ['sh', '-c', script],
    volumeMounts: [{ name: 'marks', mountPath: '/marks' }],
    ...fields,
  });
const marked = (name: string, spec: Partial<PodSpec>): Pod =>
  pod(name, { volumes: [{ name: 'marks', hostPath: { path: marks } }], ...spec });
const mark = async (name: string): Promise<string[]> =>
  (await readFile(join(marks, name), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
const mainOf = (name: string): ContainerStatus | undefined => meta.statusOf(name)?.containerStatuses?.[0];
const conditionOf = (name: string, type: string) =>
  meta.statusOf(name)?.conditions?.find((condition) => condition.type === type);
const eventsOf = (name: string): string[] =>
  meta.events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason }) => reason ?? '');
const fetchText = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get(url, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => resolve(text));
    }).on('error', reject);
  });

describe('the life of pods on real containerd', { timeout: 300_000, concurrency: true }, () => {
  before(async () => {
    bed = await createEdgedBed({ name: 'life' });
    meta = bed.meta;
    marks = join(bed.dir, 'marks');
    await mkdir(marks, { mode: 0o777 });
    await bed.start();
  });
  after(async () => {
    await bed?.close();
  });

  test('sidecars start before the pod, serve it, and end after it, the last declared first', async () => {
    const trace = (name: string) =>
      `echo ${name}-up >> /marks/order; trap 'echo ${name}-down >> /marks/order; exit 0' TERM; while true; do sleep 0.1; done`;
    const served = marked('served', {
      initContainers: [
        shell('one', trace('one'), { restartPolicy: 'Always' }),
        shell('two', trace('two'), { restartPolicy: 'Always' }),
      ],
      containers: [shell('main', trace('main'))],
    });
    meta.putPod(served);
    await bed.until('runs', () => bed.isReady('served'));
    const startedAt = async (name: string) =>
      (await bed.cri.containerStatus({ containerId: bed.containerId('served', name) })).status?.startedAt ??
      0;
    const starts = await Promise.all(['one', 'two', 'main'].map(startedAt));
    assert.deepEqual(
      starts,
      [...starts].sort((a, b) => a - b),
    );
    await bed.until('all have traps', async () => (await mark('order')).length === 3);
    meta.putPod(deleting(served, 10));
    await bed.until('ended', () => meta.deleted.includes('served'));
    meta.removePod(served);
    assert.deepEqual((await mark('order')).slice(3), ['main-down', 'two-down', 'one-down']);
  });

  test('sidecars do not keep a finished pod from having succeeded', async () => {
    meta.putPod(
      marked('once', {
        restartPolicy: 'Never',
        initContainers: [shell('side', STAY, { restartPolicy: 'Always' })],
        containers: [shell('main', 'exit 0')],
      }),
    );
    await bed.until('succeeded', () => bed.phaseOf('once') === 'Succeeded');
    const phases = (meta.statuses.get('once') ?? []).map(({ phase }) => phase);
    assert.ok(!phases.includes('Failed'));
  });

  test('init containers run one after the other, and a failed one is tried again', async () => {
    meta.putPod(
      marked('prepared', {
        initContainers: [
          shell('a', 'echo a >> /marks/init; test $(wc -l < /marks/init) -ge 2'),
          shell('b', 'echo b >> /marks/init'),
        ],
        containers: [shell('main', `echo main >> /marks/init; ${STAY}`)],
      }),
    );
    await bed.until('runs', () => bed.isReady('prepared'));
    assert.deepEqual(await mark('init'), ['a', 'a', 'b', 'main']);
    assert.equal(meta.statusOf('prepared')?.initContainerStatuses?.[0]?.restartCount, 1);
  });

  test('an ephemeral container joins the running pod, shows its status and is started once', async () => {
    const debugged = marked('debugged', { containers: [shell('main', STAY)] });
    meta.putPod(debugged);
    await bed.until('runs', () => bed.isReady('debugged'));
    const before = bed.containerId('debugged');
    const ephemeral = shell('look', 'echo looked >> /marks/look; exit 3') as unknown as EphemeralContainer;
    meta.putPod({ ...debugged, spec: { ...debugged.spec, ephemeralContainers: [ephemeral] } as PodSpec });
    const ended = await bed.until('it ended', () =>
      meta
        .statusOf('debugged')
        ?.ephemeralContainerStatuses?.find(({ state }) => state?.terminated !== undefined),
    );
    assert.equal(ended.state?.terminated?.exitCode, 3);
    assert.equal(bed.containerId('debugged'), before);
    assert.ok(bed.isReady('debugged'));
    assert.deepEqual(await mark('look'), ['looked']);
  });

  test('OnFailure restarts a failure, not a success', async () => {
    const script = 'echo run >> /marks/retry; test $(wc -l < /marks/retry) -ge 2';
    meta.putPod(marked('retry', { restartPolicy: 'OnFailure', containers: [shell('main', script)] }));
    await bed.until('succeeded', () => bed.phaseOf('retry') === 'Succeeded');
    assert.equal((await mark('retry')).length, 2);
    assert.equal(mainOf('retry')?.restartCount, 1);
  });

  test('Never leaves a failure as it is, with its exit code', async () => {
    meta.putPod(marked('never', { restartPolicy: 'Never', containers: [shell('main', 'exit 7')] }));
    await bed.until('failed', () => bed.phaseOf('never') === 'Failed');
    assert.equal(mainOf('never')?.state?.terminated?.exitCode, 7);
    assert.equal(mainOf('never')?.restartCount, 0);
  });

  test('activeDeadlineSeconds ends a pod in its time with DeadlineExceeded', async () => {
    meta.putPod(marked('limited-time', { activeDeadlineSeconds: 2, terminationGracePeriodSeconds: 1 }));
    await bed.until('failed', () => bed.phaseOf('limited-time') === 'Failed');
    const { reason, message } = meta.statusOf('limited-time') ?? {};
    assert.equal(reason, 'DeadlineExceeded');
    assert.match(message ?? '', /longer than the specified deadline/);
  });

  test('a readiness gate holds the pod back until someone opens it', async () => {
    const gated = marked('gated', { readinessGates: [{ conditionType: 'example.com/open' }] });
    meta.putPod(gated);
    await bed.until(
      'waits for its gate',
      () => conditionOf('gated', 'Ready')?.reason === 'ReadinessGatesNotReady',
    );
    assert.equal(conditionOf('gated', 'ContainersReady')?.status, 'True');
    const open = { type: 'example.com/open', status: 'True', lastTransitionTime: new Date().toISOString() };
    meta.putPod({ ...gated, status: { ...meta.statusOf('gated'), conditions: [open] } });
    await bed.until('ready', () => bed.isReady('gated'));
  });

  test('a held upgrade starts nothing until it is released', async () => {
    const annotations = { 'edge.kubeedge.io/hold-upgrade': 'true' };
    meta.putPod(pod('held', {}, { annotations }));
    await bed.until('says so', () => conditionOf('held', 'HeldUpgrade')?.status === 'True');
    assert.equal(bed.phaseOf('held'), 'Pending');
    assert.equal(bed.containerId('held'), '');
    bed.edged.sink.releaseHeldUpgrade({ namespace: 'default', name: 'held' });
    await bed.until('runs', () => bed.isReady('held'));
    assert.equal(conditionOf('held', 'HeldUpgrade')?.status, 'False');
  });

  test('a static pod runs from its file, has a mirror in the API, follows changes, and goes with the file', async () => {
    const file = join(bed.config.staticPodDir, 'web.yaml');
    const put = async (label: string): Promise<void> => {
      const yaml = `apiVersion: v1
kind: Pod
metadata: {name: static, labels: {version: "${label}"}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: docker.io/library/busybox:1
    imagePullPolicy: IfNotPresent
    command: [sh, -c, '${STAY.replaceAll("'", "''")}']
`;
      await writeFile(`${bed.dir}/web.new`, yaml);
      await rename(`${bed.dir}/web.new`, file);
    };
    const mirror = () => [...meta.pods.values()].find(({ metadata }) => metadata.name === 'static-edge-a');
    await put('1');
    await bed.until('runs', () => bed.isReady('static-edge-a'));
    await bed.until('mirrored', () => mirror()?.metadata.labels?.['version'] === '1');
    const first = bed.containerId('static-edge-a');
    await put('2');
    await bed.until('mirror of the new one', () => mirror()?.metadata.labels?.['version'] === '2');
    await bed.until(
      'another pod runs',
      () => bed.isReady('static-edge-a') && bed.containerId('static-edge-a') !== first,
    );
    await rm(file);
    await bed.until('mirror gone', () => mirror() === undefined);
    await bed.until('pod gone', async () => !(await running('static-edge-a')));
  });

  test('containers of one pod talk over localhost, and the node reaches the pod', async () => {
    const serve = 'mkdir -p /www; echo -n hello > /www/index.html; exec httpd -f -p 8080 -h /www';
    meta.putPod(
      marked('talk', {
        containers: [
          shell('server', serve),
          shell('client', `until wget -q -O /marks/got http://127.0.0.1:8080/; do sleep 0.1; done; ${STAY}`),
        ],
      }),
    );
    await bed.until('runs', () => bed.isReady('talk'));
    await bed.until('talked', async () => (await mark('got'))[0] === 'hello');
    assert.equal(await fetchText(`http://${meta.statusOf('talk')?.podIP}:8080/`), 'hello');
  });

  test('a pod as a StatefulSet makes it has its host name and domain', async () => {
    const labels = { 'statefulset.kubernetes.io/pod-name': 'db-0', 'apps.kubernetes.io/pod-index': '0' };
    const spec = { hostname: 'db-0', subdomain: 'db' };
    meta.putPod(pod('db-0', spec, { labels }));
    await bed.until('runs', () => bed.isReady('db-0'));
    assert.equal(await bed.exec('db-0', 'hostname'), 'db-0\n');
    assert.match(
      await bed.exec('db-0', 'cat', '/etc/hosts'),
      /\tdb-0\.db\.default\.svc\.cluster\.local\tdb-0$/m,
    );
  });

  test('the events of a pod tell its life in order', async () => {
    const told = marked('told', { containers: [shell('main', STAY)] });
    meta.putPod(told);
    await bed.until('runs', () => bed.isReady('told'));
    meta.putPod(deleting(told, 1));
    await bed.until('ended', () => meta.deleted.includes('told'));
    await bed.until('told', () => eventsOf('told').includes('Killing'));
    assert.deepEqual(
      eventsOf('told').filter((reason) => ['Created', 'Started', 'Killing'].includes(reason)),
      ['Created', 'Started', 'Killing'],
    );
    meta.removePod(told);
  });
});

async function running(name: string): Promise<boolean> {
  const { items } = await bed.cri.listPodSandbox({});
  return items.some(({ metadata }) => metadata?.name === name);
}
