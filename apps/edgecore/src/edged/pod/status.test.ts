import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodStatus } from '@kubeedge-ts/apis';
import { container, deleting, pod } from '../testing/pods.ts';
import { exited, run, type StateParts, sandbox, seconds, state, T0 } from '../testing/states.ts';
import { decide } from './decide.ts';
import { apiShows, sameStatus } from './same-status.ts';

const statusOf = (parts: StateParts, now = T0): PodStatus => decide(state(parts), now).status;
const up = { sandboxes: [sandbox()] };
const never = pod('web', { restartPolicy: 'Never' });
const onFailure = pod('web', { restartPolicy: 'OnFailure' });
const two = pod('web', { containers: [container('a'), container('b')] });
const withInit = pod('web', { initContainers: [container('init')] });
const neverInit = pod('web', { restartPolicy: 'Never', initContainers: [container('init')] });

describe('the phase', () => {
  const cases: [title: string, parts: StateParts, phase: string][] = [
    ['nothing yet', {}, 'Pending'],
    ['a sandbox only', up, 'Pending'],
    ['all run', { ...up, containers: [run('main')] }, 'Running'],
    ['one of two runs', { ...up, pod: two, containers: [run('a')] }, 'Pending'],
    ['one runs, one exited', { ...up, pod: two, containers: [run('a'), exited('b', 1)] }, 'Running'],
    ['Always, exited', { ...up, containers: [exited('main', 1)] }, 'Running'],
    ['Always, exited 0', { ...up, containers: [exited('main', 0)] }, 'Running'],
    ['OnFailure, exited 0', { ...up, pod: onFailure, containers: [exited('main', 0)] }, 'Succeeded'],
    ['OnFailure, exited 1', { ...up, pod: onFailure, containers: [exited('main', 1)] }, 'Running'],
    ['Never, exited 0', { ...up, pod: never, containers: [exited('main', 0)] }, 'Succeeded'],
    ['Never, exited 1', { ...up, pod: never, containers: [exited('main', 1)] }, 'Failed'],
    ['init runs', { ...up, pod: withInit, containers: [run('init')] }, 'Pending'],
    ['init failed, Always', { ...up, pod: withInit, containers: [exited('init', 1)] }, 'Pending'],
    ['init failed, Never', { ...up, pod: neverInit, containers: [exited('init', 1)] }, 'Failed'],
    ['deleted, all exited 0', { pod: deleting(pod('web'), 1), containers: [exited('main', 0)] }, 'Succeeded'],
    ['deleted, killed', { pod: deleting(pod('web'), 1), containers: [exited('main', 137)] }, 'Failed'],
    [
      'deleted, still stopping',
      { ...up, pod: deleting(pod('web'), 1), containers: [run('main')] },
      'Running',
    ],
    [
      'once Failed always Failed',
      { ...up, previous: { phase: 'Failed' }, containers: [run('main')] },
      'Failed',
    ],
    [
      'lost by the runtime, ran before',
      { previous: { phase: 'Running', containerStatuses: [running('main')] } },
      'Running',
    ],
  ];
  for (const [title, parts, phase] of cases) {
    test(`${title}: ${phase}`, () => assert.equal(statusOf(parts).phase, phase));
  }
});

function running(name: string) {
  return {
    name,
    image: 'busybox',
    imageID: '',
    ready: true,
    restartCount: 0,
    state: { running: { startedAt: '2026-11-21T00:00:00Z' } },
  };
}

describe('the conditions', () => {
  const short = (status: PodStatus): string[] =>
    (status.conditions ?? []).map(({ type, status: value, reason, message }) =>
      [type, value, reason, message].filter((part) => part !== undefined).join(' '),
    );
  const cases: [title: string, parts: StateParts, conditions: string[]][] = [
    [
      'a new pod',
      {},
      [
        'PodReadyToStartContainers False',
        'Initialized True',
        'Ready False ContainersNotReady containers with unready status: [main]',
        'ContainersReady False ContainersNotReady containers with unready status: [main]',
        'PodScheduled True',
      ],
    ],
    [
      'a running pod',
      { ...up, containers: [run('main')] },
      [
        'PodReadyToStartContainers True',
        'Initialized True',
        'Ready True',
        'ContainersReady True',
        'PodScheduled True',
      ],
    ],
    [
      'init under way',
      { ...up, pod: withInit, containers: [run('init')] },
      [
        'PodReadyToStartContainers True',
        'Initialized False ContainersNotInitialized containers with incomplete status: [init]',
        'Ready False ContainersNotReady containers with unready status: [main]',
        'ContainersReady False ContainersNotReady containers with unready status: [main]',
        'PodScheduled True',
      ],
    ],
    [
      'succeeded',
      { ...up, pod: never, containers: [exited('main', 0)] },
      [
        'PodReadyToStartContainers True',
        'Initialized True PodCompleted',
        'Ready False PodCompleted',
        'ContainersReady False PodCompleted',
        'PodScheduled True',
      ],
    ],
    [
      'failed',
      { ...up, pod: never, containers: [exited('main', 1)] },
      [
        'PodReadyToStartContainers True',
        'Initialized True',
        'Ready False PodFailed',
        'ContainersReady False PodFailed',
        'PodScheduled True',
      ],
    ],
    [
      "a readiness gate nobody has set; other owners' conditions stay",
      {
        ...up,
        pod: pod('web', { readinessGates: [{ conditionType: 'gate/a' }] }),
        containers: [run('main')],
        previous: { conditions: [{ type: 'other', status: 'True' }] },
      },
      [
        'other True',
        'PodReadyToStartContainers True',
        'Initialized True',
        'Ready False ReadinessGatesNotReady corresponding condition of pod readiness gate "gate/a" does not exist.',
        'ContainersReady True',
        'PodScheduled True',
      ],
    ],
  ];
  for (const [title, parts, expected] of cases) {
    test(title, () => assert.deepEqual(short(statusOf(parts)), expected));
  }

  test('a transition time moves only with the status', () => {
    const first = statusOf({});
    const later = statusOf({ ...up, containers: [run('main')], previous: first }, T0 + seconds(9));
    const times = Object.fromEntries((later.conditions ?? []).map((c) => [c.type, c.lastTransitionTime]));
    assert.equal(times['PodScheduled'], '2026-11-22T00:00:00Z');
    assert.equal(times['Initialized'], '2026-11-22T00:00:00Z');
    assert.equal(times['Ready'], '2026-11-22T00:00:09Z');
  });
});

describe('container statuses', () => {
  const main = (parts: StateParts, now = T0) => statusOf(parts, now).containerStatuses?.[0];

  test('waiting, before anything has happened, and while init containers run', () => {
    assert.deepEqual(main({})?.state, { waiting: { reason: 'ContainerCreating' } });
    assert.deepEqual(main({ pod: withInit })?.state, { waiting: { reason: 'PodInitializing' } });
  });

  test('waiting with what went wrong; a pull that failed becomes a back-off after a moment', () => {
    const failure = {
      reason: 'ErrImagePull',
      message: 'no',
      later: { reason: 'ImagePullBackOff', message: 'Back-off' },
      at: T0,
      retryAt: T0 + 10_000,
    };
    const failures = new Map([['main', failure]]);
    assert.deepEqual(main({ ...up, failures })?.state, {
      waiting: { reason: 'ErrImagePull', message: 'no' },
    });
    const later = main({ ...up, failures }, T0 + 5_000);
    assert.deepEqual(later?.state, { waiting: { reason: 'ImagePullBackOff', message: 'Back-off' } });
  });

  test('running', () => {
    const status = main({ ...up, containers: [run('main', { restartCount: 2, id: 'abc' })] });
    assert.deepEqual(status, {
      name: 'main',
      state: { running: { startedAt: '2026-11-21T23:59:10Z' } },
      lastState: {},
      ready: true,
      started: true,
      restartCount: 2,
      image: 'docker.io/library/busybox:1',
      imageID: 'sha256:aa',
      containerID: 'containerd://abc',
    });
  });

  test('CrashLoopBackOff says how long, and shows the end of the last run', () => {
    const it = pod('web', {}, { uid: 'u1' });
    const status = main({
      ...up,
      pod: it,
      containers: [exited('main', 3, { id: 'abc', finishedAt: T0, message: 'bye' })],
      crashes: new Map([['main', { delayMs: 80_000, updatedAt: T0 }]]),
    });
    assert.deepEqual(status?.state?.waiting, {
      reason: 'CrashLoopBackOff',
      message: 'back-off 1m20s restarting failed container=main pod=web_default(u1)',
    });
    assert.deepEqual(status?.lastState?.terminated, {
      exitCode: 3,
      reason: 'Error',
      message: 'bye',
      startedAt: '2026-11-21T23:59:10Z',
      finishedAt: '2026-11-22T00:00:00Z',
      containerID: 'containerd://abc',
    });
  });

  test('an exited container that stays down is terminated, with the run before as last state', () => {
    const status = main({
      ...up,
      pod: never,
      containers: [exited('main', 0, { restartCount: 1 }), exited('main', 1)],
    });
    assert.equal(status?.state?.terminated?.exitCode, 0);
    assert.equal(status?.lastState?.terminated?.exitCode, 1);
    assert.equal(status?.ready, false);
  });

  test('a container the runtime lost is waiting, its end unknown, as upstream says it', () => {
    const status = main({ previous: { containerStatuses: [running('main')] } });
    assert.deepEqual(status?.lastState?.terminated, {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message:
        'The container could not be located when the pod was deleted.  The container used to be Running',
      startedAt: null,
      finishedAt: null,
    });
    assert.equal(status?.restartCount, 1);
    assert.equal(status?.imageID, '');
    assert.equal(status?.containerID, undefined);
  });
});

describe('status equality', () => {
  test('order of keys, null, absent and empty do not count; values do', () => {
    assert.ok(sameStatus({ a: 1, b: null, c: [], d: {} }, { d: undefined, a: 1 }));
    assert.ok(!sameStatus({ a: 1 }, { a: 2 }));
    assert.ok(!sameStatus([1, 2], [2, 1]));
  });
  test("the API shows ours when others' conditions and fields are there too", () => {
    const ours = statusOf({ ...up, containers: [run('main')] });
    const api = {
      ...ours,
      nominatedNodeName: 'x',
      conditions: [{ type: 'o', status: 'True' }, ...(ours.conditions ?? [])],
    };
    assert.ok(apiShows(api, ours));
    assert.ok(!apiShows({ ...api, conditions: [] }, ours));
    assert.ok(!apiShows(undefined, ours));
  });
});
