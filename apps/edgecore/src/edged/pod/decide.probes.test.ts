import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodSpec } from '@kubeedge-ts/apis';
import { container, pod } from '../testing/pods.ts';
import { exited, run, type StateParts, sandbox, seconds, state, T0 } from '../testing/states.ts';
import { decide } from './decide.ts';
import type { Action, Decision, ProbeFindings } from './types.ts';

const up = { sandboxes: [sandbox()] };
const look = (parts: StateParts, now = T0): Decision => decide(state(parts), now);
const kinds = ({ actions }: Decision): string[] => actions.map((action) => action.do);
const startsOf = ({ actions }: Decision): string[] =>
  actions.flatMap((action) => (action.do === 'startContainer' ? [action.start.name] : []));
const stopOf = ({ actions }: Decision) =>
  (actions as Extract<Action, { do: 'stopContainers' }>[]).flatMap(({ containers }) => containers)[0];
const found = (id: string, findings: Partial<ProbeFindings>): ReadonlyMap<string, ProbeFindings> =>
  new Map([[id, { started: true, ready: true, ...findings }]]);
const never = pod('web', { restartPolicy: 'Never' });
const onFailure = pod('web', { restartPolicy: 'OnFailure' });

describe('what probes find', () => {
  test('decides over ready and started in the status, and over the pod being Ready', () => {
    const cases: [findings: Partial<ProbeFindings>, ready: boolean, started: boolean][] = [
      [{}, true, true],
      [{ ready: false }, false, true],
      [{ started: false, ready: false }, false, false],
    ];
    for (const [findings, ready, started] of cases) {
      const { status } = look({ ...up, containers: [run('main')], probes: found('main-0', findings) });
      const [main] = status.containerStatuses ?? [];
      assert.deepEqual([main?.ready, main?.started], [ready, started]);
      const condition = status.conditions?.find(({ type }) => type === 'Ready');
      assert.equal(condition?.status, ready ? 'True' : 'False');
    }
  });

  test('a liveness failure stops the container with the grace of the probe, to be started again', () => {
    const failed = { kind: 'liveness', graceSeconds: 3 } as const;
    const stop = stopOf(look({ ...up, containers: [run('main')], probes: found('main-0', { failed }) }));
    assert.deepEqual(stop, {
      id: 'main-0',
      name: 'main',
      graceSeconds: 3,
      why: 'Container main failed liveness probe, will be restarted',
      replace: 'unhealthy',
    });
  });

  test('with policy Never it is only stopped', () => {
    const failed = { kind: 'startup' } as const;
    const stop = stopOf(
      look({ ...up, pod: never, containers: [run('main')], probes: found('main-0', { failed }) }),
    );
    assert.equal(stop?.why, 'Container main failed startup probe');
    assert.equal(stop?.replace, undefined);
    assert.equal(stop?.graceSeconds, 30);
  });

  test('one given up by its probe starts again though it ended with 0, after the back-off', () => {
    const parts = {
      ...up,
      pod: onFailure,
      containers: [exited('main', 0, { finishedAt: T0 })],
      replaced: new Map([['main-0', 'unhealthy' as const]]),
      crashes: new Map([['main', { delayMs: 10_000, updatedAt: T0 - seconds(30) }]]),
    };
    const waiting = look(parts, T0 + seconds(9));
    assert.deepEqual(waiting.actions, []);
    assert.equal(waiting.status.containerStatuses?.[0]?.state?.waiting?.reason, 'CrashLoopBackOff');
    assert.equal(waiting.status.phase, 'Running');
    assert.deepEqual(startsOf(look(parts, T0 + seconds(10))), ['main']);
  });
});

describe('a sidecar with a startup probe', () => {
  const withSidecar = pod('web', {
    initContainers: [container('side', { restartPolicy: 'Always' }), container('prepare')],
  });
  const parts = { ...up, pod: withSidecar, containers: [run('side')] };

  test('holds what comes after it until it has started', () => {
    const findings = found('side-0', { started: false, ready: false });
    const waiting = look({ ...parts, probes: findings });
    assert.deepEqual(waiting.actions, []);
    assert.equal(waiting.status.phase, 'Pending');
    assert.match(
      waiting.status.conditions?.find(({ type }) => type === 'Initialized')?.message ?? '',
      /side prepare/,
    );
    assert.deepEqual(startsOf(look({ ...parts, probes: found('side-0', {}) })), ['prepare']);
  });

  test('a sidecar that is not ready keeps the pod from being ready', () => {
    const { status } = look({
      ...parts,
      containers: [run('main'), exited('prepare', 0), run('side')],
      probes: found('side-0', { ready: false }),
    });
    assert.match(
      status.conditions?.find(({ type }) => type === 'ContainersReady')?.message ?? '',
      /\[side\]/,
    );
  });
});

describe('ephemeral containers', () => {
  const debugged = pod('web', {
    ephemeralContainers: [
      container('shell') as unknown as NonNullable<PodSpec['ephemeralContainers']>[number],
    ],
  });

  test('are started in the running pod, without disturbing it', () => {
    assert.deepEqual(startsOf(look({ ...up, pod: debugged, containers: [run('main')] })), ['shell']);
  });
  test('run beside init containers that do not end', () => {
    const stuck = pod('web', { ...debugged.spec, initContainers: [container('wait')] });
    assert.deepEqual(startsOf(look({ ...up, pod: stuck, containers: [run('wait')] })), ['shell']);
  });
  test('are never started twice', () => {
    const decision = look({ ...up, pod: debugged, containers: [exited('shell', 1), run('main')] });
    assert.deepEqual(decision.actions, []);
  });
  test('have a status of their own and count in nothing', () => {
    const { status } = look({ ...up, pod: debugged, containers: [exited('shell', 1), run('main')] });
    assert.equal(status.ephemeralContainerStatuses?.[0]?.state?.terminated?.exitCode, 1);
    assert.equal(status.containerStatuses?.length, 1);
    assert.equal(status.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  });
  test('do not keep a finished pod alive', () => {
    const once = { ...debugged, spec: { ...debugged.spec, restartPolicy: 'Never' } } as typeof debugged;
    const decision = look({ ...up, pod: once, containers: [run('shell'), exited('main', 0)] });
    assert.deepEqual(kinds(decision), ['stopContainers']);
  });
});

describe('readiness gates', () => {
  const gated = pod('web', { readinessGates: [{ conditionType: 'example.com/ready' }] });
  const ready = (parts: StateParts) =>
    look({ ...up, containers: [run('main')], ...parts }).status.conditions?.find(
      ({ type }) => type === 'Ready',
    );
  const gate = (status: string) =>
    ({ type: 'example.com/ready', status, lastTransitionTime: '2026-11-22T00:00:00Z' }) as const;

  test('hold the pod back until the API shows them True', () => {
    assert.equal(ready({ pod: gated })?.reason, 'ReadinessGatesNotReady');
    const shown = (status: string) => ({ ...gated, status: { conditions: [gate(status)] } });
    assert.equal(ready({ pod: shown('False') })?.status, 'False');
    assert.equal(ready({ pod: shown('True') })?.status, 'True');
  });
  test('what the API shows overrides what it once showed', () => {
    const parts = {
      pod: { ...gated, status: { conditions: [gate('False')] } },
      previous: { conditions: [gate('True')] },
    };
    assert.equal(ready(parts)?.status, 'False');
    const { status } = look({ ...up, containers: [run('main')], ...parts });
    assert.equal(status.conditions?.filter(({ type }) => type === 'example.com/ready').length, 1);
  });
});
