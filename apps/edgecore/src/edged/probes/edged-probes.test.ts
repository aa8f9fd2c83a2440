import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type Bench, createBench } from '../testing/bench.ts';
import { container, pod } from '../testing/pods.ts';

// Probes inside edged, on the fake runtime, ten times as fast as the clock on the wall.

const every = (periodSeconds: number) => ({ exec: { command: ['check'] }, periodSeconds });

let b: Bench;
/** Names of the containers in which the check fails. */
let ill: Set<string>;

const nameOf = (id: string): string =>
  b.fake.runtime.container(id).config.labels['io.kubernetes.pod.name'] ?? '';
const said = (name: string): string[] =>
  b.meta.events
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason, message }) => `${reason}: ${message}`);

beforeEach(async () => {
  b = await createBench();
  ill = new Set();
  b.fake.exec = (id) => ({ stdout: '', exitCode: ill.has(nameOf(id)) ? 1 : 0 });
  await b.start();
});
afterEach(() => b.close());

test('a container given up by liveness is replaced once, and the new one is left alone while it is well', async () => {
  const main = container('main', { livenessProbe: { ...every(1), failureThreshold: 2 } });
  b.meta.putPod(pod('web', { containers: [main] }));
  await b.until('runs', () => b.runs('web'));
  ill.add('web');
  await b.until('replaced', () => b.mainOf('web')?.restartCount === 1);
  ill.clear();
  const asked = b.calls('ExecSync');
  await b.until('asked on', () => b.calls('ExecSync') > asked + 3);
  assert.equal(b.mainOf('web')?.restartCount, 1);
  assert.ok(said('web').includes('Killing: Container main failed liveness probe, will be restarted'));
});

test('while the runtime is away nothing becomes unready, nothing is given up, and nothing is said of it', async () => {
  const main = container('main', { livenessProbe: every(1), readinessProbe: every(1) });
  b.meta.putPod(pod('web', { containers: [main] }));
  await b.until('runs', () => b.runs('web'));
  await b.fake.goAway();
  await b.until('the node says so', () => !b.isNodeReady());
  await b.fake.comeBack();
  const asked = b.calls('ExecSync');
  await b.until('asked on', () => b.calls('ExecSync') > asked + 2);
  assert.deepEqual(
    said('web').filter((event) => event.startsWith('Unhealthy')),
    [],
  );
  const ready = (b.meta.statuses.get('web') ?? []).map(
    ({ containerStatuses }) => containerStatuses?.[0]?.ready,
  );
  assert.deepEqual(
    ready.slice(ready.indexOf(true)).filter((each) => each !== true),
    [],
  );
  assert.equal(b.mainOf('web')?.restartCount, 0);
});

test('a pod whose check hangs keeps no other pod from becoming ready', async () => {
  b.fake.exec = (id) => ({ stdout: '', exitCode: nameOf(id) === 'web' ? 0 : 1 });
  b.fake.delay('ExecSync', 1_000);
  for (let index = 0; index < 40; index++) {
    const main = container('main', { readinessProbe: { ...every(1), timeoutSeconds: 60 } });
    b.meta.putPod(pod(`hangs-${index}`, { containers: [main] }));
  }
  await b.until('forty are asked', () => b.calls('ExecSync') >= 40);
  b.fake.heal('ExecSync');
  b.meta.putPod(pod('web', { containers: [container('main', { readinessProbe: every(1) })] }));
  await b.until('ready', () => b.runs('web'));
});
