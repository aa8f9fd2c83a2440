import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { container, deleting, pod } from '../testing/pods.ts';
import { exited, run, type StateParts, sandbox, seconds, state, T0 } from '../testing/states.ts';
import { decide } from './decide.ts';
import type { Decision, Stop } from './types.ts';

const up = { sandboxes: [sandbox()] };
const look = (parts: StateParts, now = T0): Decision => decide(state(parts), now);
const stops = (parts: StateParts, now = T0): Stop[] =>
  look(parts, now).actions.flatMap((action) => (action.do === 'stopContainers' ? action.containers : []));
const stopped = (parts: StateParts, now = T0): string[] =>
  stops(parts, now).map(({ id, graceSeconds }) => `${id}/${graceSeconds}s`);

const withSidecars = pod('web', {
  initContainers: [
    container('proxy', { restartPolicy: 'Always' }),
    container('logs', { restartPolicy: 'Always' }),
  ],
});

describe('sidecars end after those they serve', () => {
  const going = deleting(withSidecars, 10);
  const all = [run('main'), run('logs'), run('proxy')];

  test('main containers first', () => {
    assert.deepEqual(stopped({ ...up, pod: going, containers: all }), ['main-0/10s']);
  });
  test('then the sidecar declared last, with what is left of the grace', () => {
    const parts = { ...up, pod: going, containers: [exited('main', 0), run('proxy'), run('logs')] };
    assert.deepEqual(stopped({ ...parts, endingSince: T0 }, T0 + seconds(4)), ['logs-0/6s']);
  });
  test('the first one at last; the grace used up still gives two seconds', () => {
    const parts = { ...up, pod: going, containers: [exited('main', 0), exited('logs', 0), run('proxy')] };
    assert.deepEqual(stopped({ ...parts, endingSince: T0 }, T0 + seconds(60)), ['proxy-0/2s']);
  });
  test('a grace of less than two seconds is not made longer', () => {
    const orphan = { metadata: { name: 'x', namespace: 'default', uid: 'u' } };
    assert.deepEqual(
      stopped(
        { ...up, pod: orphan, gone: true, containers: [run('main')], endingSince: T0 },
        T0 + seconds(9),
      ),
      ['main-0/1s'],
    );
  });
  test('they are taken down when a run-once pod is done, and only then does it show its end', () => {
    const once = pod('web', {
      restartPolicy: 'Never',
      initContainers: withSidecars.spec?.initContainers ?? [],
    });
    const parts = { ...up, pod: once, previous: { phase: 'Running' } };
    const running = look({ ...parts, containers: [exited('main', 0), run('logs'), run('proxy')] });
    assert.deepEqual(
      running.actions.map((action) => action.do),
      ['stopContainers'],
    );
    assert.equal(running.status.phase, 'Running');
    assert.equal(running.ending, true);
    const done = look({ ...parts, containers: [exited('main', 0), exited('logs', 0), exited('proxy', 0)] });
    assert.equal(done.status.phase, 'Succeeded');
  });
});

describe('a pod that is ended by the node', () => {
  const order = {
    reason: 'Evicted',
    message: 'The node was low on resource: memory. ',
    graceSeconds: 1,
    disruption: true,
  } as const;

  test('is stopped with the grace of the order', () => {
    assert.deepEqual(stopped({ ...up, containers: [run('main')], order }), ['main-0/2s']);
    assert.deepEqual(stopped({ ...up, containers: [run('main')], order: { ...order, graceSeconds: 5 } }), [
      'main-0/5s',
    ]);
  });
  test('shows it as a disruption, but no end while something runs', () => {
    const { status } = look({ ...up, containers: [run('main')], order, previous: { phase: 'Running' } });
    assert.equal(status.phase, 'Running');
    assert.equal(status.reason, undefined);
    const target = status.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.deepEqual([target?.status, target?.reason], ['True', 'TerminationByKubelet']);
  });
  test('then has failed, with reason and message, whatever its exit code', () => {
    const { status } = look({ ...up, containers: [exited('main', 0)], order });
    assert.deepEqual([status.phase, status.reason, status.message], ['Failed', 'Evicted', order.message]);
  });
  test('keeps saying so when the order is forgotten', () => {
    const previous = { phase: 'Failed', reason: 'Evicted', message: 'm' };
    const { status } = look({ ...up, containers: [exited('main', 0)], previous });
    assert.deepEqual([status.phase, status.reason, status.message], ['Failed', 'Evicted', 'm']);
  });
  test('was refused: it says why and nothing else, and nothing is made', () => {
    const refused = { reason: 'OutOfcpu', message: 'Pod was rejected: …', refused: true } as const;
    const { status, actions } = look({
      order: refused,
      previous: { phase: 'Pending', qosClass: 'BestEffort' },
    });
    assert.deepEqual(status, {
      phase: 'Failed',
      reason: 'OutOfcpu',
      message: 'Pod was rejected: …',
      qosClass: 'BestEffort',
    });
    assert.deepEqual(
      actions.map((action) => action.do),
      ['release'],
    );
  });
});

describe('activeDeadlineSeconds', () => {
  const limited = pod('web', { activeDeadlineSeconds: 60 });
  const previous = { phase: 'Running', startTime: new Date(T0).toISOString() };
  const parts = { ...up, pod: limited, containers: [run('main')], previous };

  test('before its time nothing happens, and the pod is looked at when it comes', () => {
    const { actions, requeueAt } = look(parts, T0 + seconds(59));
    assert.deepEqual(actions, []);
    assert.equal(requeueAt, T0 + seconds(60));
  });
  test('then the pod is stopped and has failed with DeadlineExceeded', () => {
    assert.deepEqual(stopped(parts, T0 + seconds(60)), ['main-0/30s']);
    const { status } = look({ ...parts, containers: [exited('main', 0)] }, T0 + seconds(61));
    assert.deepEqual([status.phase, status.reason], ['Failed', 'DeadlineExceeded']);
  });
  test('a pod that has succeeded in time stays so', () => {
    const done = { ...parts, previous: { ...previous, phase: 'Succeeded' } };
    assert.equal(
      look({ ...done, containers: [exited('main', 0)] }, T0 + seconds(99)).status.phase,
      'Succeeded',
    );
  });
});

describe('an upgrade that is held', () => {
  const held = (parts: StateParts) => look({ ...parts, held: true });
  test('starts nothing and says so', () => {
    const { actions, status } = held({});
    assert.deepEqual(actions, []);
    const condition = status.conditions?.find(({ type }) => type === 'HeldUpgrade');
    assert.deepEqual([condition?.status, condition?.reason], ['True', 'HoldUpgradeEnabled']);
  });
  test('released: it starts, and the condition is over', () => {
    const { actions, status } = look({ previous: held({}).status });
    assert.deepEqual(
      actions.map((action) => action.do),
      ['createSandbox'],
    );
    assert.equal(status.conditions?.find(({ type }) => type === 'HeldUpgrade')?.status, 'False');
  });
  test('never held: no such condition', () => {
    assert.equal(
      look({}).status.conditions?.some(({ type }) => type === 'HeldUpgrade'),
      false,
    );
  });
});
