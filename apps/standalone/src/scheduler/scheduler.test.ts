import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { events, type Node, nodes, type Pod, pods } from '@kubeedge-ts/apis';
import { faultRules } from '@kubeedge-ts/kube/testing';
import { createCluster, NAMESPACE, node } from '../controllers/testing/cluster.ts';
import { createScheduler } from './scheduler.ts';

const start = async (options: Parameters<typeof createCluster>[0] = {}) => {
  const cluster = createCluster(options);
  const scheduler = createScheduler(cluster.ports);
  await scheduler.start(new AbortController().signal);
  await cluster.clock.advance(0);
  const { kube, clock } = cluster;
  return {
    ...cluster,
    pod: (name: string, spec: Partial<NonNullable<Pod['spec']>> = {}) =>
      kube.put(pods, {
        metadata: { name, namespace: NAMESPACE },
        spec: { containers: [{ name: 'c' }], ...spec },
      }),
    nodeOf: (name: string) =>
      kube.objects(pods).find(({ metadata }) => metadata.name === name)?.spec?.nodeName,
    settle: () => clock.advance(100),
    stop: async () => {
      const ended = scheduler.stop();
      await clock.advance(0);
      await ended;
    },
  };
};
const small = (name: string): Node =>
  node(name, {
    status: {
      allocatable: { cpu: '1', memory: '1Gi', pods: '2' },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  });
const cpu = (amount: string) => ({ containers: [{ name: 'c', resources: { requests: { cpu: amount } } }] });

describe('the scheduler', () => {
  test('binds a pod to a node that fits and says so', async () => {
    const { kube, pod, nodeOf, settle, stop } = await start();
    kube.put(nodes, node('n1'));
    pod('p');
    await settle();
    assert.equal(nodeOf('p'), 'n1');
    const [event] = kube.objects(events);
    assert.deepEqual([event?.reason, event?.message], ['Scheduled', 'Successfully assigned shop/p to n1']);
    await stop();
  });

  test('spreads pods that arrive together, and counts those it has just bound', async () => {
    const { kube, pod, nodeOf, settle, stop } = await start();
    kube.put(nodes, small('n1'));
    kube.put(nodes, small('n2'));
    for (const name of ['a', 'b', 'c', 'd', 'e']) pod(name, cpu('400m'));
    await settle();
    const bound = ['a', 'b', 'c', 'd', 'e'].map(nodeOf);
    assert.equal(bound.filter((name) => name === 'n1').length, 2);
    assert.equal(bound.filter((name) => name === 'n2').length, 2);
    await stop();
  });

  test('explains why a pod fits nowhere, once, and binds it when that changes', async () => {
    const { kube, pod, nodeOf, settle, clock, stop } = await start();
    kube.put(nodes, { ...small('n1'), spec: { unschedulable: true } });
    pod('p', { nodeSelector: { zone: 'a' } });
    await settle();
    const condition = kube.objects(pods)[0]?.status?.conditions?.[0];
    assert.deepEqual(
      [condition?.type, condition?.status, condition?.reason, condition?.message],
      ['PodScheduled', 'False', 'Unschedulable', '0/1 nodes are available: 1 node(s) were unschedulable.'],
    );
    kube.put(nodes, { ...small('n1'), spec: {} });
    await settle();
    assert.equal(
      kube.objects(pods)[0]?.status?.conditions?.[0]?.message,
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    );
    const reasons = kube.objects(events).map(({ reason, count }) => [reason, count]);
    assert.deepEqual(reasons, [
      ['FailedScheduling', 1],
      ['FailedScheduling', 1],
    ]);
    const calls = kube.calls.length;
    await clock.advance(3600_000);
    assert.ok(kube.calls.length - calls < 60, 'only watches are renewed');
    kube.put(nodes, { ...small('n1'), metadata: { name: 'n1', labels: { zone: 'a' } } });
    await settle();
    assert.equal(nodeOf('p'), 'n1');
    await stop();
  });

  test('tries waiting pods again when another pod ends', async () => {
    const { kube, pod, nodeOf, settle, stop } = await start();
    kube.put(nodes, small('n1'));
    pod('first', cpu('800m'));
    await settle();
    pod('second', cpu('800m'));
    await settle();
    assert.equal(nodeOf('second'), undefined);
    const first = kube.objects(pods).find(({ metadata }) => metadata.name === 'first') as Pod;
    kube.put(pods, { ...first, status: { phase: 'Succeeded' } });
    await settle();
    assert.equal(nodeOf('second'), 'n1');
    await stop();
  });

  test('leaves pods of other schedulers, gated ones and deleted ones alone', async () => {
    const { kube, pod, nodeOf, settle, stop } = await start();
    kube.put(nodes, node('n1'));
    pod('other', { schedulerName: 'mine' });
    pod('gated', { schedulingGates: [{ name: 'wait' }] });
    await settle();
    assert.equal(nodeOf('other'), undefined);
    assert.equal(nodeOf('gated'), undefined);
    pod('gated', { schedulingGates: [] });
    await settle();
    assert.equal(nodeOf('gated'), 'n1');
    await stop();
  });

  test('binds again what failed, whether the bind was refused or its answer lost', async () => {
    const bind = { verb: 'create', resource: 'pods', subresource: 'binding' } as const;
    const { kube, pod, nodeOf, clock, stop } = await start({
      script: faultRules([
        { ...bind, fault: { kind: 'status', code: 500 } },
        { ...bind, fault: { kind: 'lost-answer' } },
      ]),
    });
    kube.put(nodes, small('n1'));
    pod('p', cpu('800m'));
    await clock.advance(10_000);
    assert.equal(nodeOf('p'), 'n1');
    pod('q', cpu('100m'));
    await clock.advance(10_000);
    assert.equal(nodeOf('q'), 'n1');
    await stop();
  });
});
