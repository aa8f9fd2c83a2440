import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import type {
  ContainerAllocateResponse,
  Device,
  DevicePluginClient,
} from '@kubeedge-ts/kubelet-plugins/device-plugin';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { container, pod } from '../testing/pods.ts';
import { CHECKPOINT_FILE, decodeCheckpoint } from './checkpoint.ts';
import { createDevices, type Devices } from './devices.ts';
import { podResourcesSource } from './pod-resources.ts';
import { isExtendedResource } from './resource-name.ts';

const GPU = 'vendor.example/gpu';

/** A device plugin in this process. */
interface FakePlugin {
  readonly client: DevicePluginClient;
  readonly calls: { name: string; ids: readonly string[] }[];
  list(devices: readonly (string | Device)[]): void;
  /** The stream of devices ends. */
  end(): void;
  options: { preStartRequired: boolean; getPreferredAllocationAvailable: boolean };
  preferred: string[];
  fail: string | undefined;
  response: Partial<ContainerAllocateResponse>;
}

function fakePlugin(): FakePlugin {
  let next = Promise.withResolvers<readonly Device[] | undefined>();
  const say = (value: readonly Device[] | undefined): void => next.resolve(value);
  const call = (name: string, ids: readonly string[]): void => {
    plugin.calls.push({ name, ids });
    if (plugin.fail !== undefined) throw new Error(plugin.fail);
  };
  const client = {
    endpoint: 'fake',
    close: () => say(undefined),
    getDevicePluginOptions: async () => plugin.options,
    async *listAndWatch() {
      for (;;) {
        const devices = await next.promise;
        if (devices === undefined) return;
        next = Promise.withResolvers();
        yield { devices };
      }
    },
    async allocate({ containerRequests }: { containerRequests: { devicesIds: string[] }[] }) {
      const ids = containerRequests[0]?.devicesIds ?? [];
      call('allocate', ids);
      const empty = { envs: {}, mounts: [], devices: [], annotations: {}, cdiDevices: [] };
      return { containerResponses: [{ ...empty, envs: { GPUS: ids.join() }, ...plugin.response }] };
    },
    async getPreferredAllocation(request: {
      containerRequests: { availableDeviceIDs: string[]; mustIncludeDeviceIDs: string[] }[];
    }) {
      const [one] = request.containerRequests;
      call('prefer', [...(one?.availableDeviceIDs ?? []), '|', ...(one?.mustIncludeDeviceIDs ?? [])]);
      return { containerResponses: [{ deviceIDs: plugin.preferred }] };
    },
    async preStartContainer({ devicesIds }: { devicesIds: string[] }) {
      call('preStart', devicesIds);
      return {};
    },
  };
  const plugin: FakePlugin = {
    client: client as unknown as DevicePluginClient,
    calls: [],
    list: (devices) =>
      say(devices.map((one) => (typeof one === 'string' ? { ID: one, health: 'Healthy' } : one))),
    end: () => say(undefined),
    options: { preStartRequired: false, getPreferredAllocationAvailable: false },
    preferred: [],
    fail: undefined,
    response: {},
  };
  return plugin;
}

let dir: string;
let plugin: FakePlugin;
let devices: Devices;
let stop: AbortController;
let running: Promise<void>;
let now: number;
let timers: { at: number; task: () => void }[];
let known: Pod[] | undefined;
let changes: number;

const wants = (name: string, count: number, extra: object = {}) =>
  container(name, { resources: { limits: { [GPU]: String(count) } }, ...extra });
const podOf = (uid: string, containers = [wants('main', 1)], init: ReturnType<typeof wants>[] = []) => {
  const made = pod(uid, { containers, initContainers: init }, { uid });
  known?.push(made);
  return made;
};
const idsOf = async (it: Pod, name = 'main'): Promise<string> => {
  const all = [...(it.spec?.initContainers ?? []), ...(it.spec?.containers ?? [])];
  const found = all.find((one) => one.name === name);
  return (await devices.allocate(it, found!)).envs.get('GPUS') ?? '';
};
const register = (fields: object = {}) =>
  devices.register({ version: 'v1beta1', endpoint: 'gpu.sock', resourceName: GPU, ...fields });
async function listed(...list: (string | Device)[]): Promise<void> {
  const before = changes;
  plugin.list(list);
  while (changes === before) await new Promise((resolve) => setImmediate(resolve));
}
async function open(): Promise<void> {
  stop = new AbortController();
  devices = createDevices({
    dir,
    connect: () => plugin.client,
    pods: () => known,
    onChange: () => {
      changes += 1;
    },
    clock: {
      ...systemClock,
      now: () => now,
      after: (ms, task) => {
        const timer = { at: now + ms, task };
        timers.push(timer);
        return () => {
          timers = timers.filter((one) => one !== timer);
        };
      },
    },
    log: silentLogger,
  });
  await devices.open();
  running = devices.run(stop.signal);
}
async function restart(): Promise<void> {
  stop.abort();
  await running;
  plugin = fakePlugin();
  await open();
}

describe('devices', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-dev-'));
    now = 1_000;
    timers = [];
    known = [];
    changes = 0;
    plugin = fakePlugin();
    await open();
  });
  afterEach(async () => {
    stop.abort();
    await running;
    await rm(dir, { recursive: true, force: true });
  });

  test('what a plugin lists is the capacity of the node, what is healthy of it allocatable', async () => {
    await register();
    assert.deepEqual(devices.capacity(), { [GPU]: '0' });
    await listed('a', 'b', { ID: 'c', health: 'Unhealthy' });
    assert.deepEqual(devices.capacity(), { [GPU]: '3' });
    assert.deepEqual(devices.allocatable(), { [GPU]: '2' });
  });

  test('a container gets its devices and what the plugin asks for, the same again when it restarts (names of CDI as they are passed on: containerd 1.6 has none)', async () => {
    await register();
    await listed('a', 'b');
    plugin.response = {
      mounts: [{ containerPath: '/lib', hostPath: '/opt/lib', readOnly: true }],
      devices: [{ containerPath: '/dev/gpu', hostPath: '/dev/gpu0', permissions: 'rw' }],
      annotations: { vendor: 'x' },
      cdiDevices: [{ name: 'vendor.example/gpu=0' }],
    };
    const it = podOf('u1');
    const settings = await devices.allocate(it, it.spec!.containers[0]!);
    assert.deepEqual(settings.mounts, [{ containerPath: '/lib', hostPath: '/opt/lib', readonly: true }]);
    assert.deepEqual(settings.devices, plugin.response.devices);
    assert.deepEqual(settings.annotations, { vendor: 'x' });
    assert.deepEqual(settings.cdiDevices, [{ name: 'vendor.example/gpu=0' }]);
    const first = await idsOf(it);
    assert.equal(await idsOf(it), first);
    assert.equal(plugin.calls.length, 1);
    assert.notEqual(await idsOf(podOf('u2')), first);
  });

  test('a container that asks for no device of a plugin gets nothing and asks nobody', async () => {
    await register();
    await listed('a');
    const cpu = container('main', { resources: { limits: { cpu: '1', 'other.example/x': '1' } } });
    const settings = await devices.allocate(podOf('u1', [cpu]), cpu);
    assert.equal(settings.devices.length + settings.envs.size, 0);
    assert.deepEqual(plugin.calls, []);
  });

  test('more than there is makes the container wait with the reason the kubelet has', async () => {
    await register();
    await listed('a', 'b');
    const it = podOf('u1', [wants('one', 2), wants('two', 1)]);
    await assert.rejects(idsOf(it, 'one'), (error) => {
      assert.ok(isKubeEdgeError(error, 'EDGED_DEVICES'));
      assert.equal(error.details['reason'], 'UnexpectedAdmissionError');
      assert.match(
        error.message,
        /Allocate failed due to requested number of devices unavailable for vendor.example\/gpu. Requested: 1, Available: 0, which is unexpected$/,
      );
      return true;
    });
    assert.equal(await idsOf(podOf('u2', [wants('main', 2)])), 'a,b', 'what was given in vain is free');
  });

  test('devices of pods that are no more are free', async () => {
    await register();
    await listed('a');
    await idsOf(podOf('u1'));
    await assert.rejects(idsOf(podOf('u2')), /Requested: 1, Available: 0/);
    await devices.release('u1');
    assert.equal(await idsOf(podOf('u2')), 'a');
    known = [];
    assert.equal(await idsOf(podOf('u3')), 'a');
  });

  test('a restart of edgecore forgets nothing: the same container, the same devices', async () => {
    await register();
    await listed('a', 'b', 'c');
    const it = podOf('u1', [wants('main', 2)]);
    const ids = await idsOf(it);
    const file = decodeCheckpoint(await readFile(join(dir, CHECKPOINT_FILE), 'utf8'));
    assert.deepEqual(file.entries[0]?.devices, { '-1': ids.split(',') });
    assert.deepEqual(file.registered, { [GPU]: ['a', 'b', 'c'] });
    await restart();
    assert.deepEqual(devices.capacity(), { [GPU]: '0' });
    await assert.rejects(idsOf(it), /no healthy devices present/);
    await register();
    await listed('a', 'b', 'c');
    assert.equal(await idsOf(it), ids);
    assert.deepEqual(plugin.calls, []);
    await listed('c');
    await assert.rejects(idsOf(it), /previously allocated devices are no longer healthy/);
  });

  test('a checkpoint that cannot be read is no reason not to start', async () => {
    await writeFile(join(dir, CHECKPOINT_FILE), '{');
    await restart();
    await register();
    await listed('a');
    assert.equal(await idsOf(podOf('u1')), 'a');
  });

  test('a plugin that goes takes its devices along after five minutes; one that comes back in time does not', async () => {
    await register();
    await listed('a', 'b');
    const gone = async () => {
      const before = changes;
      plugin.end();
      while (changes === before) await new Promise((resolve) => setImmediate(resolve));
    };
    await gone();
    assert.deepEqual([devices.capacity()[GPU], devices.allocatable()[GPU]], ['2', '0']);
    plugin = fakePlugin();
    await register();
    await listed('a', 'b');
    assert.equal(devices.allocatable()[GPU], '2');
    assert.equal(timers.length, 0);
    await gone();
    assert.equal(timers[0]?.at, now + 300_000);
    now += 300_000;
    timers[0]?.task();
    assert.deepEqual([devices.capacity()[GPU], devices.allocatable()[GPU]], ['0', '0']);
  });

  test('the plugin may prefer, and prepare before each start', async () => {
    plugin.options = { preStartRequired: true, getPreferredAllocationAvailable: true };
    plugin.preferred = ['c', 'nonsense'];
    await register();
    await listed('a', 'b', 'c');
    const it = podOf('u1');
    assert.equal(await idsOf(it), 'c');
    await idsOf(it);
    assert.deepEqual(
      plugin.calls.map(({ name, ids }) => `${name} ${ids.join()}`),
      ['prefer a,b,c,|', 'allocate c', 'preStart c', 'preStart c'],
    );
    plugin.fail = 'broken';
    await assert.rejects(idsOf(it), /broken/);
  });

  test('what an init container had the next may have; a sidecar keeps its own', async () => {
    await register();
    await listed('a', 'b');
    const init = [wants('init', 1), wants('side', 1, { restartPolicy: 'Always' })];
    const it = podOf('u1', [wants('main', 1)], init);
    const had = await idsOf(it, 'init');
    assert.equal(await idsOf(it, 'side'), had);
    assert.notEqual(await idsOf(it, 'main'), had);
  });

  test('plugins that speak another version, or have impossible names, are told why they are not taken', async () => {
    await assert.rejects(register({ version: 'v1' }), /requested API version "v1" is not supported/);
    await assert.rejects(register({ resourceName: 'cpu' }), /the ResourceName "cpu" is invalid/);
    await assert.rejects(register({ endpoint: '../x.sock' }), /is not the name of a socket/);
    const info = { name: GPU, endpoint: '/x.sock', socket: '/x.sock' };
    const { signal } = new AbortController();
    const take = (versions: string[]) => devices.handler.register({ ...info, versions }, signal);
    await assert.rejects(take(['v1']), /not among plugin supported versions/);
    await take(['v1beta1']);
    await listed('a');
    devices.handler.unregister(GPU, '/x.sock');
    assert.equal(devices.allocatable()[GPU], '0');
  });

  test('monitoring agents see which container has which device', async () => {
    await register();
    await listed({ ID: 'a', health: 'Healthy', topology: { nodes: [{ ID: 1 }] } }, 'b');
    const it = podOf('u1');
    const id = await idsOf(it);
    const source = podResourcesSource(() => known, devices);
    const topology = { nodes: [{ ID: 1 }] };
    const entries = {
      a: { resourceName: GPU, deviceIds: ['a'], topology },
      b: { resourceName: GPU, deviceIds: ['b'] },
    };
    assert.deepEqual(source.list(), [
      {
        name: 'u1',
        namespace: 'default',
        containers: [{ name: 'main', devices: [entries[id as 'a' | 'b']] }],
      },
    ]);
    assert.deepEqual(source.allocatable(), { devices: [entries.a, entries.b] });
  });

  test("names of resources: somebody's domain and a word", () => {
    for (const name of ['vendor.example/gpu', 'a/b', 'x.y/Z_1.2']) assert.ok(isExtendedResource(name), name);
    const bad = [
      'cpu',
      'kubernetes.io/x',
      'a.kubernetes.io/x',
      'requests.x/y',
      'a/b/c',
      'a/',
      '/b',
      'A/b',
      'a/-',
    ];
    for (const name of bad) assert.ok(!isExtendedResource(name), name);
  });
});
