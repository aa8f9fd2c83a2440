import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { Container, Pod } from '@kubeedge-ts/apis';
import { silentLogger } from '@kubeedge-ts/runtime';
import type { RuntimeContainer } from '../pod/types.ts';
import { type ManualClock, manualClock } from '../testing/manual-clock.ts';
import { container, pod } from '../testing/pods.ts';
import { run, sandbox } from '../testing/states.ts';
import type { TryOutcome } from './outcome.ts';
import { createProbes, type Probes } from './probes.ts';

const exec = { exec: { command: ['check'] } };
const good: TryOutcome = { is: 'success', output: '' };
const bad: TryOutcome = { is: 'failure', output: 'not well' };

let clock: ManualClock;
let probes: Probes;
/** `kind@seconds` of every try. */
let asked: string[];
let targets: { containerId: string; podIP: string }[];
let events: string[];
let changes: string[];
/** By kind; default good. */
let answers: Record<string, TryOutcome | (() => Promise<TryOutcome>)>;
let randomNumber: number;

const seconds = (count: number): Promise<void> => clock.pass(count * 1_000);
const start = (): Probes =>
  createProbes({
    prober: async ({ kind }, { containerId, podIP }) => {
      asked.push(`${kind}@${clock.monotonic() / 1_000}`);
      targets.push({ containerId, podIP });
      const answer = answers[kind] ?? good;
      return typeof answer === 'function' ? answer() : answer;
    },
    events: {
      pod: (of, type, reason, message, name) =>
        events.push(`${of.metadata.name}/${name} ${type} ${reason}: ${message}`),
    },
    clock,
    random: { next: () => randomNumber, uuid: () => '' },
    log: silentLogger,
    hostIPs: () => ['192.0.2.10'],
    onChange: (uid) => changes.push(uid),
  });

beforeEach(async () => {
  clock = manualClock();
  asked = [];
  targets = [];
  events = [];
  changes = [];
  answers = {};
  randomNumber = 0;
  probes = start();
  await seconds(100);
});

/** Runs `main` with these fields, since now. */
function runs(fields: Partial<Container>, parts: Partial<RuntimeContainer> = {}, of: Partial<Pod> = {}) {
  const web: Pod = { ...pod('web', { containers: [container('main', fields)] }, { uid: 'u1' }), ...of };
  const look = (changed: Partial<RuntimeContainer> = {}, ending = false): void =>
    probes.sync(
      web,
      { sandboxes: [sandbox()], containers: [run('main', { startedAt: clock.now(), ...parts, ...changed })] },
      ending,
    );
  look();
  const startedAt = clock.now();
  return {
    web,
    sync: (changed: Partial<RuntimeContainer> = {}, ending = false) =>
      look({ startedAt, ...changed }, ending),
  };
}
const found = (id = 'main-0') => probes.findings('u1').get(id);

describe('a container with probes', () => {
  test('is not ready until its readiness probe has succeeded, asked at once and then every period', async () => {
    answers['readiness'] = bad;
    runs({ readinessProbe: { ...exec, periodSeconds: 5 } });
    assert.deepEqual(found(), { started: true, ready: false });
    await seconds(7);
    assert.deepEqual(asked, ['readiness@100', 'readiness@105']);
    answers['readiness'] = good;
    await seconds(5);
    assert.deepEqual(found(), { started: true, ready: true });
    assert.deepEqual(changes, ['u1']);
    assert.deepEqual(targets.at(-1), { containerId: 'main-0', podIP: '10.1.0.2' });
  });

  test('is asked on the address of the node when it shares its network', async () => {
    const web = pod(
      'web',
      { hostNetwork: true, containers: [container('main', { readinessProbe: exec })] },
      { uid: 'u1' },
    );
    probes.sync(
      web,
      { sandboxes: [sandbox({ ips: [], hostNetwork: true })], containers: [run('main')] },
      false,
    );
    await seconds(20);
    assert.equal(targets[0]?.podIP, '192.0.2.10');
  });

  test('is given up by liveness after its threshold, with its events, and left alone until there is a new container', async () => {
    answers['liveness'] = bad;
    const { sync } = runs({ livenessProbe: { ...exec, periodSeconds: 2, terminationGracePeriodSeconds: 4 } });
    await seconds(5);
    assert.equal(found()?.failed, undefined);
    await seconds(1);
    assert.deepEqual(found(), { started: true, ready: true, failed: { kind: 'liveness', graceSeconds: 4 } });
    assert.deepEqual(events, Array(3).fill('web/main Warning Unhealthy: Liveness probe failed: not well'));
    sync();
    await seconds(60);
    assert.deepEqual(asked, ['liveness@102', 'liveness@104', 'liveness@106']);
    sync({ id: 'main-1', startedAt: clock.now() });
    assert.equal(found(), undefined, 'the old run is forgotten');
    assert.deepEqual(found('main-1'), { started: true, ready: true });
    await seconds(2);
    assert.equal(asked.at(-1), 'liveness@168');
  });

  test('is asked only by its startup probe first; then the others begin', async () => {
    answers['startup'] = bad;
    runs({
      startupProbe: { ...exec, periodSeconds: 1, failureThreshold: 30 },
      livenessProbe: { ...exec, periodSeconds: 3 },
      readinessProbe: { ...exec, periodSeconds: 3 },
    });
    await seconds(2.5);
    assert.deepEqual(found(), { started: false, ready: false });
    answers['startup'] = good;
    await seconds(4);
    assert.deepEqual(asked, [
      'startup@100',
      'startup@101',
      'startup@102',
      'startup@103',
      'readiness@103',
      'liveness@106',
      'readiness@106',
    ]);
    assert.deepEqual(found(), { started: true, ready: true });
  });

  test('has failureThreshold × periodSeconds to start, and is given up then', async () => {
    answers['startup'] = bad;
    runs({ startupProbe: { ...exec, periodSeconds: 10, failureThreshold: 2 } });
    await seconds(19);
    assert.equal(found()?.failed, undefined);
    await seconds(1);
    assert.deepEqual(found()?.failed, { kind: 'startup' });
    assert.deepEqual(events, Array(2).fill('web/main Warning Unhealthy: Startup probe failed: not well'));
  });

  test('waits for its initial delay', async () => {
    runs({ readinessProbe: { ...exec, initialDelaySeconds: 7 } });
    await seconds(8);
    assert.deepEqual(asked, ['readiness@107']);
  });

  test('that exits is not asked any more', async () => {
    const { sync } = runs({ readinessProbe: { ...exec, periodSeconds: 1 } });
    await seconds(1);
    sync({ state: 'exited' });
    assert.equal(probes.findings('u1').size, 0);
    await seconds(10);
    assert.equal(asked.length, 2);
  });

  test('in a pod that ends is asked for readiness only, and never given up', async () => {
    answers['liveness'] = bad;
    const { sync } = runs({
      livenessProbe: { ...exec, periodSeconds: 1 },
      readinessProbe: { ...exec, periodSeconds: 1 },
    });
    await seconds(2);
    sync({}, true);
    answers['readiness'] = bad;
    asked = [];
    await seconds(4);
    assert.ok(asked.length >= 3 && asked.every((each) => each.startsWith('readiness')), asked.join());
    assert.deepEqual(found(), { started: true, ready: false });
  });

  test('of a forgotten pod is not asked, counted or known any more', async () => {
    runs({ readinessProbe: { ...exec, periodSeconds: 1 } });
    await seconds(1);
    assert.equal([...probes.metrics()].length, 1);
    probes.forget('u1');
    await seconds(5);
    assert.equal(asked.length, 2);
    assert.equal(probes.findings('u1').size, 0);
    assert.deepEqual([...probes.metrics()], []);
    assert.equal(clock.armed, 0);
  });

  test('a sidecar is probed, an ordinary init container is not', async () => {
    const spec = {
      initContainers: [
        container('side', { restartPolicy: 'Always', readinessProbe: exec }),
        container('prepare', { readinessProbe: exec }),
      ],
    };
    const containers = [run('main'), run('side'), run('prepare')];
    probes.sync(pod('web', spec, { uid: 'u1' }), { sandboxes: [sandbox()], containers }, false);
    assert.deepEqual([...probes.findings('u1').keys()], ['side-0']);
  });
});

describe('tries', () => {
  test('that err are made three times, said, and nothing follows from them', async () => {
    answers['liveness'] = { is: 'error', problem: 'rpc error: code = Unknown desc = no' };
    runs({ livenessProbe: { ...exec, periodSeconds: 1, failureThreshold: 1 } });
    await seconds(1);
    assert.deepEqual(asked, ['liveness@101', 'liveness@101', 'liveness@101']);
    assert.deepEqual(events, [
      'web/main Warning Unhealthy: Liveness probe errored: rpc error: code = Unknown desc = no',
    ]);
    assert.deepEqual(found(), { started: true, ready: true });
    assert.deepEqual([...probes.metrics()], []);
  });

  test('while the runtime is away say nothing and are not repeated', async () => {
    answers['readiness'] = { is: 'error', problem: 'away', quiet: true };
    runs({ readinessProbe: { ...exec, periodSeconds: 1 } });
    await seconds(2);
    assert.deepEqual(asked, ['readiness@100', 'readiness@101', 'readiness@102']);
    assert.deepEqual(events, []);
  });

  test('that end in a redirect elsewhere are successes with a warning', async () => {
    answers['readiness'] = { is: 'warning', output: 'Probe terminated redirects, Response body: moved' };
    runs({ readinessProbe: exec });
    await seconds(0);
    assert.equal(found()?.ready, true);
    assert.deepEqual(events, [
      'web/main Warning ProbeWarning: Readiness probe warning: Probe terminated redirects, Response body: moved',
    ]);
  });

  test('of one probe never overlap: a slow one is asked again when it has answered', async () => {
    answers['readiness'] = async () => {
      await new Promise<void>((resolve) => clock.after(3_500, resolve));
      return good;
    };
    runs({ readinessProbe: { ...exec, periodSeconds: 1 } });
    await seconds(8);
    assert.deepEqual(asked, ['readiness@100', 'readiness@103.5', 'readiness@107']);
  });

  test('that hang, however many, delay no other probe by more than a second', async () => {
    for (let index = 0; index < 40; index++) {
      const hanging = pod(
        `h${index}`,
        { containers: [container('main', { readinessProbe: exec })] },
        { uid: `h${index}` },
      );
      probes.sync(
        hanging,
        { sandboxes: [sandbox()], containers: [run('main', { id: `h${index}`, startedAt: clock.now() })] },
        false,
      );
    }
    answers['readiness'] = () => new Promise(() => {});
    await seconds(0);
    assert.equal(asked.length, 32);
    runs({ startupProbe: exec });
    await seconds(1);
    assert.equal(asked.length, 41);
    assert.equal(found()?.started, true);
  });

  test('that come back after their container is gone count for nothing', async () => {
    let answer = (_outcome: TryOutcome): void => {};
    answers['liveness'] = () => new Promise((resolve) => (answer = resolve));
    const { sync } = runs({ livenessProbe: { ...exec, periodSeconds: 1, failureThreshold: 1 } });
    await seconds(1);
    sync({ id: 'main-1' });
    answer(bad);
    await seconds(0);
    assert.deepEqual([events, changes], [[], []]);
    assert.equal(found('main-1')?.failed, undefined);
  });

  test('are counted by pod, container, kind and result, as the kubelet counts them', async () => {
    runs({ readinessProbe: { ...exec, periodSeconds: 1 } });
    await seconds(1);
    answers['readiness'] = bad;
    await seconds(1);
    const labels = {
      probe_type: 'Readiness',
      container: 'main',
      pod: 'web',
      namespace: 'default',
      pod_uid: 'u1',
    };
    assert.deepEqual(
      [...probes.metrics()],
      [
        { labels: { ...labels, result: 'successful' }, value: 2 },
        { labels: { ...labels, result: 'failed' }, value: 1 },
      ],
    );
  });
});

describe('after a restart of edgecore', () => {
  const ran = { startedAt: 0 };
  const status = (ready: boolean, id = 'main-0') => ({
    status: {
      containerStatuses: [{ name: 'main', containerID: `containerd://${id}`, ready, started: true } as never],
    },
  });

  test('a container that was ready is ready before it is asked again', async () => {
    probes = start();
    runs({ readinessProbe: exec, startupProbe: exec }, ran, status(true));
    assert.deepEqual(found(), { started: true, ready: true });
    answers['readiness'] = bad;
    await seconds(25);
    assert.deepEqual(found(), { started: true, ready: false });
    assert.ok(asked.every((each) => each.startsWith('readiness')));
  });

  test('one that was not ready is not, nor one of which the status speaks of an earlier run', () => {
    runs({ readinessProbe: exec }, ran, status(false));
    assert.equal(found()?.ready, false);
    probes.forget('u1');
    runs({ readinessProbe: exec }, ran, status(true, 'other'));
    assert.equal(found()?.ready, false);
  });

  test('containers that went on are asked spread over their period, new ones at once', async () => {
    randomNumber = 0.5;
    probes = start();
    runs({ readinessProbe: { ...exec, periodSeconds: 8 } }, ran);
    await seconds(4);
    assert.deepEqual(asked, ['readiness@104']);
    probes.forget('u1');
    runs({ readinessProbe: { ...exec, periodSeconds: 8 } });
    await seconds(0);
    assert.deepEqual(asked, ['readiness@104', 'readiness@104']);
  });
});

test('stopped, nothing is asked and no timer is left', async () => {
  const { sync } = runs({ readinessProbe: { ...exec, periodSeconds: 1 } });
  probes.stop();
  sync();
  await seconds(10);
  assert.deepEqual([asked, clock.armed], [[], 0]);
});

test('a hundred probes of one node share one timer', async () => {
  for (let index = 0; index < 100; index++) {
    const one = pod(
      `p${index}`,
      { containers: [container('main', { readinessProbe: exec })] },
      { uid: `p${index}` },
    );
    probes.sync(
      one,
      { sandboxes: [sandbox()], containers: [run('main', { id: `c${index}`, startedAt: clock.now() })] },
      false,
    );
  }
  await seconds(1);
  assert.equal(clock.armed, 1);
  await seconds(10);
  assert.equal(asked.length, 200);
});
