import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Lease, NodeStatus } from '@kubeedge-ts/apis';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import { type Clock, seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { edgedConfig } from '../testing/config.ts';
import { fakeHost } from '../testing/fake-host.ts';
import { type MemoryMeta, memoryMeta } from '../testing/memory-meta.ts';
import { createNodeLease, renewed } from './lease.ts';
import { createNodeAgent, type NodeAgent } from './node-agent.ts';

interface ManualClock extends Clock {
  /** Lets time pass, timer by timer, until `ms` have gone. */
  pass(ms: number): Promise<void>;
}

function manualClock(start = Date.parse('2026-11-22T00:00:00Z')): ManualClock {
  let time = start;
  let timers: { at: number; task: () => void }[] = [];
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    now: () => time,
    monotonic: () => time,
    after(ms, task) {
      const timer = { at: time + ms, task };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    async pass(ms) {
      const end = time + ms;
      await settle();
      for (;;) {
        const next = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        timers = timers.filter((other) => other !== next);
        time = Math.max(time, next.at);
        next.task();
        await settle();
      }
      time = end;
    },
  };
}

const healthy = {
  name: 'containerd',
  version: '1.6.20',
  cgroupDriver: 'cgroupfs' as const,
  runtimeProblem: undefined,
  networkProblem: undefined,
  answeredAt: 0,
};

let dir: string;
let clock: ManualClock;
let meta: MemoryMeta;
let stopping: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kets-node-'));
  clock = manualClock();
  meta = memoryMeta(() => clock.now());
  stopping = new AbortController();
});
afterEach(async () => {
  stopping.abort(new Error('done'));
  await running;
  await rm(dir, { recursive: true, force: true });
});

describe('the node agent', () => {
  let problems: string[];
  const start = async (): Promise<NodeAgent> => {
    problems = [];
    const agent = createNodeAgent({
      config: edgedConfig({ rootDir: dir }),
      host: fakeHost({ files: { '/proc/meminfo': 'MemTotal: 1000000 kB\nMemAvailable: 900000 kB' } }),
      meta,
      runtime: () => healthy,
      health: () => problems,
      clock,
      random: seededRandom(1),
      log: silentLogger,
    });
    await agent.open();
    running = agent.run(stopping.signal);
    return agent;
  };
  const last = () => meta.nodeStatuses.at(-1) as NodeStatus;

  test('registers once the cloud is there, and knows its uid', async () => {
    meta.connected = false;
    const agent = await start();
    await clock.pass(1_000);
    assert.equal(meta.nodes.size, 0);
    meta.connected = true;
    agent.poke();
    await clock.pass(10);
    assert.equal(meta.nodes.size, 1);
    assert.equal(agent.uid, 'node-uid');
  });

  test('a node that exists already is fine: its status is reported', async () => {
    meta.nodes.set('edge-a', { metadata: { name: 'edge-a', uid: 'old-uid' } });
    const agent = await start();
    await clock.pass(10);
    assert.equal(agent.uid, 'old-uid');
    assert.equal(last().conditions?.at(-1)?.status, 'True');
  });

  test('refusals are tried again with growing pauses, and never end it', async () => {
    let attempts = 0;
    meta.createNode = async () => {
      attempts += 1;
      throw edgecoreErrors.create('EDGE_REMOTE_FAILED', {
        operation: 'insert',
        resource: 'n',
        reason: 'Forbidden',
        problem: '',
      });
    };
    await start();
    await clock.pass(60_000);
    assert.ok(attempts >= 8 && attempts <= 30, String(attempts));
  });

  test('an unchanged node is reported every 5 minutes, a changed one at the next look', async () => {
    await start();
    await clock.pass(10_000);
    const before = meta.nodeStatuses.length;
    await clock.pass(280_000);
    assert.equal(meta.nodeStatuses.length, before);
    await clock.pass(30_000);
    assert.equal(meta.nodeStatuses.length, before + 1);
    problems = ['container runtime is down'];
    await clock.pass(10_000);
    assert.equal(last().conditions?.at(-1)?.message, 'container runtime is down');
  });

  test('after a reconnect everything is said again, since the cloud may have marked the node unknown', async () => {
    const agent = await start();
    await clock.pass(5_000);
    const before = meta.nodeStatuses.length;
    agent.poke();
    await clock.pass(10);
    assert.equal(meta.nodeStatuses.length, before + 1);
  });
});

describe('the lease', () => {
  const start = () => {
    const lease = createNodeLease({
      nodeName: 'edge-a',
      leaseSeconds: 40,
      meta,
      nodeUid: () => 'node-uid',
      clock,
      random: seededRandom(1),
      log: silentLogger,
    });
    running = lease.run(stopping.signal);
    return lease;
  };

  test('is renewed every 10 s while connected', async () => {
    start();
    await clock.pass(60_000);
    assert.equal(meta.leases.length, 7);
    assert.equal(meta.leases.at(-1)?.spec?.renewTime, '2026-11-22T00:01:00.000000Z');
    assert.equal(meta.leases.at(-1)?.metadata.resourceVersion, '7');
  });

  test('rests while the cloud is away and is renewed at once when it is back', async () => {
    meta.connected = false;
    const lease = start();
    await clock.pass(35_000);
    assert.equal(meta.leases.length, 0);
    meta.connected = true;
    lease.poke();
    await clock.pass(1);
    assert.equal(meta.leases.length, 1);
  });

  test('after a conflict it is read again and renewed within 2 s', async () => {
    start();
    await clock.pass(1);
    const put = meta.putLease.bind(meta);
    let failures = 1;
    meta.putLease = async (lease) => {
      if (failures-- > 0)
        throw edgecoreErrors.create('EDGE_REMOTE_FAILED', {
          operation: 'update',
          resource: 'l',
          reason: 'Conflict',
          problem: '',
        });
      return put(lease);
    };
    await clock.pass(12_000);
    assert.equal(meta.leases.length, 2);
  });

  test('has the form of the recording: created with its owner, renewed with everything it had', () => {
    const created = renewed(undefined, 'edge-a', 40, 'u', 0);
    assert.deepEqual(created.metadata.ownerReferences, [
      { apiVersion: 'v1', kind: 'Node', name: 'edge-a', uid: 'u' },
    ]);
    assert.equal(created.metadata.namespace, 'kube-node-lease');
    const held: Lease = {
      kind: 'Lease',
      apiVersion: 'coordination.k8s.io/v1',
      metadata: { ...created.metadata, uid: 'l', resourceVersion: '514', managedFields: [{}] },
      spec: { holderIdentity: 'edge-a', leaseDurationSeconds: 40, renewTime: 'x' },
    };
    assert.deepEqual(renewed(held, 'edge-a', 40, 'other', 1_795_356_529_589), {
      ...held,
      spec: { holderIdentity: 'edge-a', leaseDurationSeconds: 40, renewTime: '2026-11-22T14:08:49.589000Z' },
    });
  });
});
