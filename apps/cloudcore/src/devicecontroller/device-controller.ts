import { type Device, devices, type MessageOrigin } from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import { isNotFound, type KubeClient } from '@kubeedge-ts/kube';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { Downstream, NodeLifecycle, Upstream } from '../cloudhub/downstream.ts';
import { createAsked } from '../controllers/asked.ts';
import { createNodeMarks } from '../controllers/node-marks.ts';
import type { Rate } from '../controllers/token-bucket.ts';
import { createDeviceCaches, type DeviceCaches } from './device-caches.ts';
import { createDeviceUp } from './device-up.ts';
import { createMembership } from './membership.ts';
import { createPacedWrites } from './paced-writes.ts';
import { mirroredTwins } from './status-mirror.ts';
import { createStatusWriter } from './status-writer.ts';
import { wantedDevices } from './wanted-devices.ts';

export interface DeviceControllerOptions {
  /** Between two writes of one device's reports, ms; default 1,000. The first is written at once. */
  readonly writeIntervalMs?: number;
  /** Writes for the devices of one node; default 20 per second, 50 at once. */
  readonly writesPerNode?: Rate;
  /** Writes in all; default 100 per second, 200 at once. */
  readonly writes?: Rate;
  /** Writes at the same time; default 16. */
  readonly concurrency?: number;
}

export interface DeviceControllerPorts {
  readonly kube: KubeClient;
  readonly downstream: Downstream;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly options?: DeviceControllerOptions;
}

export interface DeviceController {
  readonly module: Module;
  readonly upstream: Upstream;
  readonly lifecycle: NodeLifecycle;
}

/**
 * Devices and their models, in both directions. Down: membership, models and devices of every node. Up: reported
 * twins and states into DeviceStatus, and into `status.twins` of devices that were created in an older version.
 */
export function createDeviceController(ports: DeviceControllerPorts): DeviceController {
  const { kube, downstream, clock, random, options = {} } = ports;
  const log = ports.log.child({ module: 'devicecontroller' });
  const stopping = new AbortController();
  const { signal } = stopping;
  const origin: MessageOrigin = { now: clock.now, uuid: random.uuid };
  const caches = createDeviceCaches(kube, { clock, random, log });
  const membership = createMembership(origin, downstream);
  const asked = createAsked(downstream);
  let ready = false;
  let settled = false;

  const marks = createNodeMarks(
    () => ready,
    (node) => {
      const bound = caches.boundTo(node);
      // First the message that makes the device known, then the device itself.
      membership.set(
        node,
        bound.map(({ device }) => device),
      );
      asked.replace(node, wantedDevices(bound, { device: caches.withModel, model: caches.modelByUid }));
    },
    () => {
      if (settled) return;
      settled = true;
      downstream.settled('devicecontroller');
    },
  );

  const writer = createStatusWriter({ kube, device: caches.byUid, cached: caches.statuses.get, signal });
  const writes = createPacedWrites(
    {
      write: (key) => {
        const [what = '', uid = ''] = key.split('/');
        return what === 'mirror' ? writeMirror(kube, caches, uid, signal) : writer.write(uid);
      },
      minIntervalMs: options.writeIntervalMs ?? 1_000,
      perNode: options.writesPerNode ?? { perSecond: 20, burst: 50 },
      global: options.writes ?? { perSecond: 100, burst: 200 },
      concurrency: options.concurrency ?? 16,
    },
    { clock, random, log },
  );
  /** Asks for the writes a device is short of. */
  const checkWrites = (device: Device | undefined): void => {
    const uid = device?.metadata.uid;
    if (!ready || device === undefined || uid === undefined) return;
    const node = device.spec?.nodeName ?? '';
    // Devices of no node get no DeviceStatus.
    if (node !== '' && writer.isPending(uid)) writes.request(`status/${uid}`, node);
    const status = caches.statuses.get(device.metadata);
    if (mirroredTwins(device, status) !== undefined) writes.request(`mirror/${uid}`, node);
  };
  const forget = (uid: string): void => {
    writes.forget(`status/${uid}`);
    writes.forget(`mirror/${uid}`);
    writer.forget(uid);
  };

  const markNodeOf = (device: Device): void => {
    if (device.spec?.nodeName) marks.mark(device.spec.nodeName);
  };
  const follow = (): void => {
    caches.devices.subscribe({
      added(device) {
        markNodeOf(device);
        checkWrites(device);
      },
      updated(device, previous) {
        markNodeOf(previous);
        markNodeOf(device);
        checkWrites(device);
      },
      deleted(device) {
        markNodeOf(device);
        if (device.metadata.uid) forget(device.metadata.uid);
      },
    });
    const modelChanged = (model: Parameters<DeviceCaches['using']>[0]): void => {
      for (const device of caches.using(model)) markNodeOf(device);
    };
    caches.models.subscribe({ added: modelChanged, updated: modelChanged, deleted: modelChanged });
    const statusChanged = (gone: boolean) => (status: Parameters<typeof writer.observed>[1] & object) => {
      const device = caches.devices.get(status.metadata);
      if (device?.metadata.uid) writer.observed(device.metadata.uid, gone ? undefined : status);
      checkWrites(device);
    };
    caches.statuses.subscribe({
      added: statusChanged(false),
      updated: statusChanged(false),
      deleted: statusChanged(true),
    });
  };

  const up = createDeviceUp({ caches, writer, dirty: checkWrites, downstream, origin, log });
  return {
    module: {
      name: 'devicecontroller',
      // Ready at once: the caches fill by themselves, also when the API server is away at first.
      async start() {
        follow();
        caches.start(signal);
        void caches.ready.then(() => {
          ready = true;
          for (const device of caches.devices.list()) checkWrites(device);
          marks.flush();
          up.begin();
        });
      },
      async stop() {
        marks.end();
        stopping.abort(new Error('devicecontroller is stopping'));
        await writes.stop();
      },
    },
    upstream: up.upstream,
    lifecycle: { connected: membership.connected, disconnected: membership.disconnected },
  };
}

/** Brings `status.twins` of a Device up to what its DeviceStatus says. */
async function writeMirror(
  kube: KubeClient,
  caches: DeviceCaches,
  uid: string,
  signal: AbortSignal,
): Promise<boolean> {
  const device = caches.byUid(uid);
  const twins = device && mirroredTwins(device, caches.statuses.get(device.metadata));
  if (device === undefined || twins === undefined) return false;
  const { name, namespace = '' } = device.metadata;
  const body = { metadata: { uid }, status: { twins } };
  try {
    await kube.patch(devices, { name, namespace }, { type: 'merge', body }, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return true;
}
