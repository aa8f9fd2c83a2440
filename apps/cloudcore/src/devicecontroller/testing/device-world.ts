import type { TestContext } from 'node:test';
import {
  type Device,
  type DeviceModel,
  type DeviceStatus,
  deviceModels,
  deviceStatuses,
  devices,
  type KubeObject,
  type Message,
  type MsgTwin,
  newMessage,
} from '@kubeedge-ts/apis';
import type { KubeClient } from '@kubeedge-ts/kube';
import {
  createFakeKube,
  createVirtualClock,
  type FakeKube,
  type VirtualClock,
} from '@kubeedge-ts/kube/testing';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createFakeDownstream, type FakeDownstream } from '../../controllers/testing/fake-downstream.ts';
import { settle, until } from '../../controllers/testing/settle.ts';
import {
  createDeviceController,
  type DeviceController,
  type DeviceControllerOptions,
} from '../device-controller.ts';

export const NODE = 'edge-7';

export interface DeviceWorld {
  readonly kube: FakeKube;
  readonly clock: VirtualClock;
  readonly downstream: FakeDownstream;
  readonly controller: DeviceController;
  /** Sends a message from a node and waits until everything due at once is done. */
  send(message: Message, node?: string): Promise<void>;
  status(name?: string): DeviceStatus | undefined;
  device(name?: string): Device;
  confirmed(message: Message): boolean;
  /** API writes of a kind so far. */
  writes(resource: string): number;
}

export interface WorldOptions {
  readonly objects?: readonly (Device | DeviceModel)[];
  readonly statuses?: readonly DeviceStatus[];
  readonly options?: DeviceControllerOptions;
  readonly wrap?: (kube: FakeKube, clock: VirtualClock) => KubeClient;
  /** Default: the node is connected from the beginning. */
  readonly connected?: boolean;
}

export const random = seededRandom(11);

export function aDevice(name: string, spec: Device['spec'] = {}, extra: Partial<Device> = {}): Device {
  return {
    apiVersion: 'devices.kubeedge.io/v1beta1',
    kind: 'Device',
    metadata: { name, namespace: 'plant', uid: `uid-${name}`, ...extra.metadata } as Device['metadata'],
    spec: { nodeName: NODE, properties: [{ name: 'pressure' }, { name: 'mode' }], ...spec },
    ...(extra.status ? { status: extra.status } : {}),
  };
}

export function aModel(name: string, spec: DeviceModel['spec'] = {}): DeviceModel {
  return {
    apiVersion: 'devices.kubeedge.io/v1beta1',
    kind: 'DeviceModel',
    metadata: { name, namespace: 'plant', uid: `uid-${name}` },
    spec,
  };
}

const RESOURCES = [devices, deviceModels, deviceStatuses];

export function put(kube: FakeKube, object: KubeObject): void {
  const resource = RESOURCES.find(({ kind }) => kind === object.kind) ?? devices;
  // The second write sets the UID, which the first one would draw.
  if (!kube.objects(resource).some(({ metadata }) => metadata.uid === object.metadata.uid)) {
    kube.put(resource, object as never);
  }
  kube.put(resource, object as never);
}

export async function deviceWorld(t: TestContext, world: WorldOptions = {}): Promise<DeviceWorld> {
  const clock = createVirtualClock();
  const kube = createFakeKube({ clock, plainStatus: RESOURCES });
  for (const object of [...(world.objects ?? []), ...(world.statuses ?? [])]) put(kube, object);
  const downstream = createFakeDownstream();
  if (world.connected ?? true) downstream.connect(NODE);
  const controller = createDeviceController({
    kube: world.wrap?.(kube, clock) ?? kube,
    downstream,
    clock,
    random,
    log: silentLogger,
    ...(world.options ? { options: world.options } : {}),
  });
  t.after(() => controller.module.stop());
  await controller.module.start(new AbortController().signal);
  await until(() => downstream.settledSources.length > 0, 'caches synced');
  await settle();
  return {
    kube,
    clock,
    downstream,
    controller,
    async send(message, node = NODE) {
      await controller.upstream.receive(node, message);
      await settle();
    },
    status: (name = 'boiler') => kube.objects(deviceStatuses).find(({ metadata }) => metadata.name === name),
    device: (name = 'boiler') => kube.objects(devices).find(({ metadata }) => metadata.name === name)!,
    confirmed: (message) => downstream.answerTo(message) !== undefined,
    writes: (resource) =>
      kube.calls.filter(
        (call) => call.resource === resource && ['create', 'update', 'patch'].includes(call.verb),
      ).length,
  };
}

const origin = { now: () => 1_700_000_000_000, uuid: random.uuid };

export function twinReport(twin: Record<string, MsgTwin | null>, device = 'plant/boiler'): Message {
  return newMessage(origin, {
    source: 'twin',
    group: 'resource',
    operation: 'update',
    resource: `device/${device}/twin/edge_updated`,
    content: { event_id: 'e', timestamp: 1, twin },
  });
}

export const actual = (value: string, timestamp: number, edge = timestamp, type = 'float'): MsgTwin => ({
  actual: { value, metadata: { timestamp } },
  optional: true,
  metadata: { type },
  actual_version: { cloud: 0, edge },
});

export function stateReport(state: unknown, device = 'plant/boiler'): Message {
  return newMessage(origin, {
    source: 'twin',
    group: 'resource',
    operation: 'update',
    resource: `device/${device}/state/update`,
    content:
      typeof state === 'string' ? state : JSON.stringify({ event_id: 'e', timestamp: 1, device: state }),
  });
}
