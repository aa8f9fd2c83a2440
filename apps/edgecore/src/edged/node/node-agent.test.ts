import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { NodeStatus } from '@kubeedge-ts/apis';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import type { Pressure } from '../admission/index.ts';
import type { EdgedConfig } from '../config.ts';
import { silentEvents } from '../events.ts';
import { edgedConfig } from '../testing/config.ts';
import { fakeHost } from '../testing/fake-host.ts';
import { type ManualClock, manualClock } from '../testing/manual-clock.ts';
import { type MemoryMeta, memoryMeta } from '../testing/memory-meta.ts';
import { NO_DEVICES } from './capacity.ts';
import { createNodeAgent, type NodeAgent } from './node-agent.ts';

const healthy = {
  name: 'containerd',
  version: '1.6.20',
  cgroupDriver: 'cgroupfs' as const,
  handlers: [],
  features: undefined,
  sandboxImage: undefined,
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
  let pressures: Pressure[];
  let told: string[];
  let shuttingDown = false;
  let patches: object[];
  const start = async (config: Partial<EdgedConfig> = {}): Promise<NodeAgent> => {
    problems = [];
    pressures = [];
    told = [];
    patches = [];
    meta.patchNode = async (_name, patch) => void patches.push(patch);
    const agent = createNodeAgent({
      config: edgedConfig({ rootDir: dir, ...config }),
      host: fakeHost({
        files: {
          '/proc/meminfo': 'MemTotal: 1000000 kB\nMemAvailable: 900000 kB',
          '/proc/sys/kernel/random/boot_id': 'b-2\n',
        },
      }),
      meta,
      runtime: () => healthy,
      health: () => problems,
      pressures: () => pressures,
      shuttingDown: () => shuttingDown,
      devices: () => NO_DEVICES,
      images: () => [],
      volumesInUse: () => undefined,
      onRegistered: () => void told.push('registered'),
      events: { ...silentEvents, node: (_type, reason) => void told.push(reason) },
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

  test('a node that is gone from the cluster is registered again at once', async () => {
    const agent = await start();
    await clock.pass(20_000);
    meta.nodes.clear();
    told.length = 0;
    agent.gone();
    await clock.pass(10);
    assert.deepEqual(told[0], 'registered');
    assert.equal(meta.nodes.size, 1);
    const status = last();
    assert.equal(status.conditions?.at(-1)?.status, 'True');
  });

  test('a node that was there already gets its labels and annotation back, not those the user has changed', async () => {
    meta.nodes.set('edge-a', {
      metadata: {
        name: 'edge-a',
        labels: { 'kubernetes.io/hostname': 'other', 'kubernetes.io/arch': 'amd64', site: 'b' },
      },
    });
    await start({ nodeLabels: { site: 'a' } });
    await clock.pass(10);
    assert.deepEqual(patches, [
      {
        metadata: {
          labels: {
            'beta.kubernetes.io/arch': 'amd64',
            'beta.kubernetes.io/os': 'linux',
            'kubernetes.io/hostname': 'edge-a',
            'kubernetes.io/os': 'linux',
            'node-role.kubernetes.io/agent': '',
            'node-role.kubernetes.io/edge': '',
          },
          annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
        },
      },
    ]);
  });

  test('labels that cannot be corrected keep the status from nothing, and are tried again', async () => {
    meta.nodes.set('edge-a', { metadata: { name: 'edge-a' } });
    await start();
    const patch = meta.patchNode;
    meta.patchNode = async () => {
      throw edgecoreErrors.create('EDGE_DISCONNECTED', {});
    };
    await clock.pass(10);
    assert.equal(last().conditions?.at(-1)?.status, 'True');
    meta.patchNode = patch;
    await clock.pass(10_000);
    assert.equal(patches.length, 1);
    await clock.pass(60_000);
    assert.equal(patches.length, 1);
  });

  test('a node whose system label is taken away gets it back', async () => {
    const agent = await start();
    await clock.pass(10);
    const { labels } = [...meta.nodes.values()][0]?.metadata ?? {};
    const taken = { ...labels };
    delete taken['kubernetes.io/os'];
    agent.changed({ metadata: { name: 'edge-a', labels: { ...taken, more: 'x' } } });
    await clock.pass(10);
    assert.deepEqual(patches, [
      {
        metadata: {
          labels: { 'kubernetes.io/os': 'linux' },
          annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
        },
      },
    ]);
  });

  test('tells of its changes as events: pressure, readiness, a boot, a cordon', async () => {
    meta.nodes.set('edge-a', {
      metadata: { name: 'edge-a' },
      status: {
        nodeInfo: { bootID: 'b-1' } as never,
        conditions: [{ type: 'Ready', status: 'False', reason: '', message: '' }],
      },
    });
    const agent = await start();
    await clock.pass(10);
    assert.deepEqual(told, [
      'Rebooted',
      'NodeHasSufficientMemory',
      'NodeHasNoDiskPressure',
      'NodeHasSufficientPID',
      'NodeReady',
    ]);
    told.length = 0;
    pressures = ['DiskPressure'];
    problems = ['container runtime is down'];
    agent.changed({ metadata: { name: 'edge-a' }, spec: { unschedulable: true } });
    agent.poke();
    await clock.pass(10);
    assert.deepEqual(told, ['NodeNotSchedulable', 'NodeHasDiskPressure', 'NodeNotReady']);
  });

  test('says that it shuts down', async () => {
    const agent = await start();
    await clock.pass(10);
    shuttingDown = true;
    agent.poke();
    await clock.pass(10);
    shuttingDown = false;
    assert.equal(last().conditions?.at(-1)?.message, 'node is shutting down');
  });

  test('taken for lost while it is connected, it contradicts at once', async () => {
    const agent = await start();
    await clock.pass(1_000);
    const before = meta.nodeStatuses.length;
    const { metadata } = meta.nodes.get('edge-a') ?? { metadata: { name: 'edge-a' } };
    agent.changed({ metadata, status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } });
    await clock.pass(100);
    assert.equal(meta.nodeStatuses.length, before + 1);
    agent.changed({ metadata, status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    await clock.pass(5_000);
    assert.equal(meta.nodeStatuses.length, before + 1);
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
