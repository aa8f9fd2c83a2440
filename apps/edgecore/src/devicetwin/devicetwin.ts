import {
  CLOUD_CONNECTED,
  EDGE_MODULES,
  GROUPS,
  type Message,
  type MessageOrigin,
  newMessage,
  OPERATIONS,
} from '@kubeedge-ts/apis';
import type { Bus, Module, Subscription } from '@kubeedge-ts/beehive';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { Store } from '@kubeedge-ts/store';
import { declareDevice, handleMessage } from './cloud-messages.ts';
import type { DeviceContext } from './context.ts';
import { readModelTypes } from './desired.ts';
import { type DeviceMessage, deviceRequest } from './device-requests.ts';
import { loadDevices, loadObjects } from './load.ts';
import { createRegistry } from './registry.ts';
import { createReports } from './reports.ts';
import { createWorkLoop } from './work-loop.ts';

/** What DeviceTwin needs of EventBus; EventBus is such an object. */
export interface DeviceMqtt {
  publish(topic: string, payload: string): void;
  /** Resolves at once unless what was published piles up. */
  ready(): Promise<void>;
  /** `done` lets EventBus acknowledge: the effects of the message are durable and published. */
  onDeviceMessage(handler: (message: DeviceMessage, done: () => void) => void): void;
}

/** In place of a disabled EventBus. */
export const noDeviceMqtt: DeviceMqtt = {
  publish: () => {},
  ready: () => Promise.resolve(),
  onDeviceMessage: () => {},
};

export interface DeviceTwinOptions {
  readonly bus: Bus;
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly mqtt: DeviceMqtt;
  readonly config: { readonly nodeName: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Pause between attempts of a failing commit; default 1 s. */
  readonly retryPauseMs?: number;
}

/** Pause before a message of the cloud that could not be stored is applied again. */
const REAPPLY_MS = 5000;

/** DeviceTwin: the twins of this node's devices, in step with the store, the mappers and the cloud. */
export function createDeviceTwin(options: DeviceTwinOptions): Module {
  const { bus, store, mqtt, config, clock, random, log, retryPauseMs } = options;
  const origin: MessageOrigin = { now: clock.now, uuid: random.uuid };
  const devices = createRegistry();
  const toCloud = (message: Message): Promise<void> => bus.send(EDGE_MODULES.edgeHub, message);
  const reports = createReports({
    send: toCloud,
    wake: () => loop.push({ run: () => {} }),
    device: devices.get,
    clock,
    origin,
    log,
  });
  const context: DeviceContext = {
    nodeName: config.nodeName,
    devices,
    reports,
    declared: new Map(),
    models: new Map(),
    clock,
    random,
    log,
  };
  const loop = createWorkLoop({
    store,
    publish: mqtt.publish,
    ready: mqtt.ready,
    reload: (ids) => reload(ids),
    afterBatch: reports.flush,
    clock,
    log,
    ...(retryPauseMs === undefined ? {} : { pauseMs: retryPauseMs }),
  });
  let subscription: Subscription | undefined;
  let receiving: Promise<void> | undefined;
  let wasConnected = false;
  const stopping = new AbortController();

  const reload = async (ids: ReadonlySet<string>): Promise<void> => {
    for (const id of ids) {
      const [device] = await loadDevices(store, id);
      const oneLevelSeen = devices.get(id)?.oneLevelSeen ?? false;
      if (device === undefined) devices.remove(id);
      else devices.put({ ...device, oneLevelSeen });
    }
  };

  const load = async (): Promise<void> => {
    // Upstream's table has no index for the rows of one twin.
    await store.write([
      { sql: 'CREATE INDEX IF NOT EXISTS kubeedge_ts_device_twin ON device_twin (deviceid, name)' },
    ]);
    for (const device of await loadDevices(store)) devices.put(device);
    const objects = await loadObjects(store);
    for (const { id, type, object } of objects) {
      if (type === 'devicemodel') context.models.set(id, readModelTypes(object));
    }
    for (const { id, type, object } of objects) {
      if (type === 'device') loop.push({ run: (batch) => declareDevice(context, id, object, batch) });
    }
    await loop.idle();
    log.info({ devices: devices.size }, 'devices loaded');
  };

  /** Upstream asks for the full list on each connect; no stock cloud answers (spec/mqtt-and-devicetwin.md §10.3). */
  const requestMembership = (): void => {
    const content = JSON.stringify({
      event_type: 'group_membership_event',
      event_id: random.uuid(),
      group_id: config.nodeName,
      operation: 'detail',
      timestamp: clock.now(),
    });
    toCloud(
      newMessage(origin, {
        source: EDGE_MODULES.deviceTwin,
        group: GROUPS.resource,
        operation: OPERATIONS.get,
        resource: 'membership/detail',
        content,
      }),
    ).catch((error) => log.warn({ err: errorText(error) }, 'device list was not requested'));
  };

  /** Applies one message of the cloud; tried again until its effects are stored, because nobody sends it twice. */
  const apply = async (message: Message): Promise<void> => {
    while (!stopping.signal.aborted) {
      const stored = await new Promise<boolean>((resolve) => {
        let failed = false;
        loop.push({
          run: (batch) => handleMessage(context, message, batch),
          failed: () => {
            failed = true;
          },
          done: () => resolve(!failed),
        });
      });
      if (stored) return;
      // Rejects only because the module is stopping, which the loop condition sees.
      await sleep(clock, REAPPLY_MS, stopping.signal).catch(() => {});
    }
  };

  const receive = async ({ mailbox }: Subscription): Promise<void> => {
    for (let message = await mailbox.take(); message !== undefined; message = await mailbox.take()) {
      const { source, resource } = message.route;
      if (source === 'edgehub' && resource === 'node/connection') {
        const connected = message.content === CLOUD_CONNECTED;
        if (connected && !wasConnected) requestMembership();
        wasConnected = connected;
      }
      await apply(message);
    }
  };

  return {
    name: EDGE_MODULES.deviceTwin,
    async start() {
      await load();
      subscription = bus.register({ module: EDGE_MODULES.deviceTwin, group: GROUPS.twin });
      receiving = receive(subscription);
      mqtt.onDeviceMessage((message, done) => {
        const job = deviceRequest(context, message, mqtt.publish);
        if (job === undefined) done();
        else loop.push({ ...job, done });
      });
    },
    async stop() {
      stopping.abort(new Error('DeviceTwin is stopping'));
      // Not acknowledged: whoever keeps these messages delivers them again.
      mqtt.onDeviceMessage(() => {});
      subscription?.close();
      await receiving;
      await loop.idle();
      reports.stop();
    },
  };
}
