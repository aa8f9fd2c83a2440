import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { container, deleting, pod } from '../testing/pods.ts';
import { exited, run, type StateParts, sandbox, seconds, state, T0 } from '../testing/states.ts';
import { decide } from './decide.ts';
import type { Action } from './types.ts';

/** Actions as one line each: what a reader compares. */
function say(action: Action): string {
  switch (action.do) {
    case 'stopContainers':
      return `stop ${action.containers.map(({ id, graceSeconds }) => `${id}/${graceSeconds}s`).join(' ')}`;
    case 'stopSandboxes':
    case 'removeContainers':
    case 'removeSandboxes':
      return `${action.do} ${action.ids.join(' ')}`;
    case 'createSandbox':
      return `createSandbox #${action.attempt}`;
    case 'startContainer':
      return `start ${action.start.name} #${action.start.attempt ?? '?'}`;
    default:
      return action.do;
  }
}

const steps = (parts: StateParts, now = T0): string[] => decide(state(parts), now).actions.map(say);

const never = pod('web', { restartPolicy: 'Never' });
const onFailure = pod('web', { restartPolicy: 'OnFailure' });
const two = pod('web', { containers: [container('a'), container('b')] });
const withInit = pod('web', { initContainers: [container('i1'), container('i2')] });
const withSidecar = pod('web', {
  initContainers: [container('side', { restartPolicy: 'Always' }), container('i2')],
});

describe('what is done next for a pod that should run', () => {
  const cases: [title: string, parts: StateParts, expected: string[]][] = [
    ['nothing there: a sandbox', {}, ['createSandbox #0']],
    ['a sandbox: its containers', { pod: two, sandboxes: [sandbox()] }, ['start a #?', 'start b #?']],
    ['all runs: nothing', { sandboxes: [sandbox()], containers: [run('main')] }, []],
    [
      'one of two runs: the other',
      { pod: two, sandboxes: [sandbox()], containers: [run('a')] },
      ['start b #?'],
    ],
    [
      'it exited: again, one higher',
      { sandboxes: [sandbox()], containers: [exited('main', 1)] },
      ['start main #1'],
    ],
    [
      'Always restarts a success too',
      { sandboxes: [sandbox()], containers: [exited('main', 0, { restartCount: 4 })] },
      ['start main #5'],
    ],
    [
      'OnFailure restarts a failure',
      { pod: onFailure, sandboxes: [sandbox()], containers: [exited('main', 1)] },
      ['start main #1'],
    ],
    [
      'OnFailure leaves a success, and takes the sandbox down',
      { pod: onFailure, sandboxes: [sandbox()], containers: [exited('main', 0)] },
      ['stopSandboxes s0'],
    ],
    [
      'Never leaves a failure',
      { pod: never, sandboxes: [sandbox()], containers: [exited('main', 1)] },
      ['stopSandboxes s0'],
    ],
    [
      'created but never started: removed, then made again with its number',
      { sandboxes: [sandbox()], containers: [run('main', { state: 'created', restartCount: 2 })] },
      ['removeContainers main-2'],
    ],
    [
      'state unknown: killed first',
      { sandboxes: [sandbox()], containers: [run('main', { state: 'unknown' })] },
      ['stop main-0/30s'],
    ],
    [
      'another image: killed, whatever the policy',
      { pod: never, sandboxes: [sandbox()], containers: [run('main', { specImage: 'busybox:0' })] },
      ['stop main-0/30s'],
    ],
    [
      'and then started at once, without back-off',
      {
        pod: never,
        sandboxes: [sandbox()],
        containers: [exited('main', 137, { specImage: 'busybox:0' })],
        crashes: new Map([['main', { delayMs: 300_000, updatedAt: T0 }]]),
        replaced: new Map([['main-0', 'changed']]),
      },
      ['start main #1'],
    ],
    [
      "a container of another edgecore with the spec's name and image is kept",
      { sandboxes: [sandbox()], containers: [run('main', { specImage: undefined })] },
      [],
    ],
    [
      'the sandbox died: what still runs is stopped',
      { sandboxes: [sandbox({ ready: false })], containers: [run('main')] },
      ['stop main-0/30s'],
    ],
    [
      'then a new sandbox',
      { sandboxes: [sandbox({ ready: false })], containers: [exited('main', 137)] },
      ['createSandbox #1'],
    ],
    [
      'a sandbox that ended at once is not made again at once',
      { sandboxes: [sandbox({ ready: false, createdAt: T0 - 1 })] },
      [],
    ],
    [
      'in the new sandbox the container starts without back-off',
      {
        sandboxes: [sandbox({ id: 's1', attempt: 1 }), sandbox({ ready: false })],
        containers: [exited('main', 137)],
        crashes: new Map([['main', { delayMs: 300_000, updatedAt: T0 }]]),
      },
      ['start main #1'],
    ],
    [
      'a run-once pod gets no second sandbox',
      { pod: never, sandboxes: [sandbox({ ready: false })], containers: [exited('main', 137)] },
      ['release'],
    ],
    [
      'two sandboxes ready: both go',
      { sandboxes: [sandbox({ id: 's1', attempt: 1 }), sandbox()] },
      ['stopSandboxes s1 s0'],
    ],
    ['a sandbox without address: again', { sandboxes: [sandbox({ ips: [] })] }, ['stopSandboxes s0']],
    [
      'host network needs no address',
      {
        pod: pod('web', { hostNetwork: true }),
        sandboxes: [sandbox({ ips: [], hostNetwork: true })],
        containers: [run('main')],
      },
      [],
    ],
    [
      'the network mode changed: the sandbox goes',
      { pod: pod('web', { hostNetwork: true }), sandboxes: [sandbox()] },
      ['stopSandboxes s0'],
    ],
    ['the pod network is not ready: wait', { networkProblem: 'no CNI' }, []],
    [
      'which does not matter on the host network',
      { pod: pod('web', { hostNetwork: true }), networkProblem: 'no CNI' },
      ['createSandbox #0'],
    ],
    [
      'dead runs beyond the newest are removed',
      {
        sandboxes: [sandbox()],
        containers: [
          run('main', { restartCount: 3 }),
          exited('main', 1, { restartCount: 2 }),
          exited('main', 1, { restartCount: 1 }),
        ],
      },
      ['removeContainers main-1'],
    ],
    [
      'ended sandboxes that nothing belongs to are removed',
      {
        sandboxes: [sandbox({ id: 's1', attempt: 1 }), sandbox({ ready: false })],
        containers: [run('main', { sandboxId: 's1' })],
      },
      ['removeSandboxes s0'],
    ],
    ['init containers come first, one by one', { pod: withInit, sandboxes: [sandbox()] }, ['start i1 #?']],
    ['a running one holds the rest', { pod: withInit, sandboxes: [sandbox()], containers: [run('i1')] }, []],
    [
      'a finished one lets the next go',
      { pod: withInit, sandboxes: [sandbox()], containers: [exited('i1', 0)] },
      ['start i2 #?'],
    ],
    [
      'a failed one is tried again',
      { pod: withInit, sandboxes: [sandbox()], containers: [exited('i1', 1)] },
      ['start i1 #1'],
    ],
    [
      'unless the policy is Never: the pod has failed',
      {
        pod: pod('web', { restartPolicy: 'Never', initContainers: [container('i1')] }),
        sandboxes: [sandbox()],
        containers: [exited('i1', 1)],
      },
      ['stopSandboxes s0'],
    ],
    [
      'after the last one the main container',
      { pod: withInit, sandboxes: [sandbox()], containers: [exited('i2', 0), exited('i1', 0)] },
      ['start main #?'],
    ],
    [
      'a new sandbox runs all init containers again',
      {
        pod: withInit,
        sandboxes: [sandbox({ id: 's1', attempt: 1 }), sandbox({ ready: false })],
        containers: [exited('main', 137), exited('i2', 0), exited('i1', 0)],
      },
      ['start i1 #1'],
    ],
    [
      'a main container in the sandbox proves that init is done',
      { pod: withInit, sandboxes: [sandbox()], containers: [run('main')] },
      [],
    ],
    [
      'a running sidecar does not hold the rest',
      { pod: withSidecar, sandboxes: [sandbox()], containers: [run('side')] },
      ['start i2 #?'],
    ],
    [
      'a sidecar that ended beside a running pod starts again',
      {
        pod: withSidecar,
        sandboxes: [sandbox()],
        containers: [run('main'), exited('i2', 0), exited('side', 0)],
      },
      ['start side #1'],
    ],
  ];
  for (const [title, parts, expected] of cases) {
    test(title, () => assert.deepEqual(steps(parts), expected));
  }
});

describe('how a pod ends', () => {
  const going = deleting(pod('web'), 7);
  const cases: [title: string, parts: StateParts, expected: string[]][] = [
    [
      'its containers are stopped with the grace of the delete',
      { pod: going, sandboxes: [sandbox()], containers: [run('main')] },
      ['stop main-0/7s'],
    ],
    [
      'grace 0 still gives two seconds',
      { pod: deleting(pod('web'), 0), sandboxes: [sandbox()], containers: [run('main')] },
      ['stop main-0/2s'],
    ],
    [
      'then its sandbox',
      { pod: going, sandboxes: [sandbox()], containers: [exited('main', 0)] },
      ['stopSandboxes s0'],
    ],
    [
      'then volumes and files',
      { pod: going, sandboxes: [sandbox({ ready: false })], containers: [exited('main', 0)] },
      ['release'],
    ],
    [
      'then the records',
      { pod: going, released: true, sandboxes: [sandbox({ ready: false })], containers: [exited('main', 0)] },
      ['removeContainers main-0'],
    ],
    [
      'of the sandbox too',
      { pod: going, released: true, sandboxes: [sandbox({ ready: false })] },
      ['removeSandboxes s0'],
    ],
    ['then the cloud is told', { pod: going, released: true }, ['finish']],
    ['one that never ran is finished alike', { pod: going }, ['release']],
    [
      'gone from the API: the same',
      { gone: true, sandboxes: [sandbox()], containers: [run('main')] },
      ['stop main-0/30s'],
    ],
    [
      'unknown to the store: one second',
      {
        pod: { metadata: { name: 'x', namespace: 'default', uid: 'u' } },
        gone: true,
        sandboxes: [sandbox()],
        containers: [run('main')],
      },
      ['stop main-0/1s'],
    ],
    ['nothing is started in a pod that ends', { pod: going, sandboxes: [sandbox()] }, ['stopSandboxes s0']],
    [
      'a finished pod keeps its records until the API object goes',
      {
        previous: { phase: 'Succeeded' },
        released: true,
        sandboxes: [sandbox({ ready: false })],
        containers: [exited('main', 0)],
      },
      [],
    ],
    [
      'a finished pod is not started again, even with an empty runtime (a reboot)',
      { previous: { phase: 'Failed' }, released: true },
      [],
    ],
  ];
  for (const [title, parts, expected] of cases) {
    test(title, () => assert.deepEqual(steps(parts), expected));
  }
});

describe('when it looks again', () => {
  test('the first restart is immediate, the next ones wait 10 s doubling to 5 min, counted from the end', () => {
    const at = (delayMs: number | undefined, now: number) =>
      decide(
        state({
          sandboxes: [sandbox()],
          containers: [exited('main', 1, { finishedAt: T0 })],
          crashes:
            delayMs === undefined ? new Map() : new Map([['main', { delayMs, updatedAt: T0 - seconds(20) }]]),
        }),
        now,
      );
    assert.equal(at(undefined, T0).actions.length, 1);
    for (const delayMs of [10_000, 20_000, 300_000]) {
      const waiting = at(delayMs, T0 + delayMs - 1);
      assert.deepEqual(waiting.actions, []);
      assert.equal(waiting.requeueAt, T0 + delayMs);
      assert.equal(at(delayMs, T0 + delayMs).actions.length, 1);
    }
  });

  test('a start that failed waits for its time, others go on', () => {
    const failures = new Map([['a', { reason: 'ErrImagePull', message: 'm', at: T0, retryAt: T0 + 10_000 }]]);
    const decision = decide(state({ pod: two, sandboxes: [sandbox()], failures }), T0 + 3_000);
    assert.deepEqual(decision.actions.map(say), ['start b #?']);
    assert.equal(decision.requeueAt, T0 + 10_000);
  });

  test('a sandbox that could not be made waits too', () => {
    const failures = new Map([['', { reason: 'FailedMount', message: 'm', at: T0, retryAt: T0 + 2_000 }]]);
    const decision = decide(state({ failures }), T0);
    assert.deepEqual(decision.actions, []);
    assert.equal(decision.requeueAt, T0 + 2_000);
  });
});
