import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '@kubeedge-ts/apis';
import { createBus } from '@kubeedge-ts/beehive';
import { silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { edgeMigrations, openStore, type Store } from '@kubeedge-ts/store';
import { createDeviceTwin } from '../../devicetwin/index.ts';
import { createEventBus } from '../eventbus.ts';

/** EventBus and DeviceTwin with a real bus and store, as edgecore composes them. */
export interface Site extends AsyncDisposable {
  readonly store: Store;
  readonly toCloud: Message[];
  /** Address of the embedded broker. */
  readonly internalUrl: () => Promise<string>;
  send(module: string, source: string, operation: string, resource: string, content: unknown): Promise<void>;
  addDevice(id: string): Promise<void>;
  /** The cloud's confirmation of a report. */
  confirm(id: string): Promise<void>;
}

export interface SiteOptions {
  readonly mqttMode: 0 | 1 | 2;
  readonly externalUrl?: string;
  readonly nodeName?: string;
  /** Another site's folder, to go on with its database; it is not removed. */
  readonly folder?: string;
  readonly wrapStore?: (store: Store) => Pick<Store, 'read' | 'write'>;
}

export async function startSite(options: SiteOptions): Promise<Site> {
  const {
    mqttMode,
    externalUrl = 'tcp://127.0.0.1:1',
    nodeName = 'edge-go',
    wrapStore = (one) => one,
  } = options;
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'kubeedge-eventbus-')));
  const common = { clock: systemClock, random: systemRandom, log: silentLogger };
  const store = await openStore({ path: join(folder, 'edgecore.db'), migrations: edgeMigrations, ...common });
  const bus = createBus(systemClock);
  const toCloud: Message[] = [];
  const hub = bus.register({ module: 'websocket', group: 'hub' });
  const reading = (async () => {
    for (let one = await hub.mailbox.take(); one !== undefined; one = await hub.mailbox.take())
      toCloud.push(one);
  })();
  const eventBus = createEventBus({
    bus,
    store,
    config: {
      nodeName,
      mqttMode,
      mqttServerInternal: 'tcp://127.0.0.1:0',
      mqttServerExternal: externalUrl,
      mqttQOS: 1,
      mqttRetain: false,
      mqttSessionQueueSize: 100,
      mqttSubClientID: '',
      mqttPubClientID: '',
      mqttUsername: '',
      mqttPassword: '',
      eventBusTLS: { enable: false, tlsMqttCAFile: '', tlsMqttCertFile: '', tlsMqttPrivateKeyFile: '' },
    },
    ...common,
  });
  const deviceTwin = createDeviceTwin({
    bus,
    store: wrapStore(store),
    mqtt: eventBus,
    config: { nodeName },
    ...common,
  });
  const { signal } = new AbortController();
  await deviceTwin.start(signal);
  await eventBus.start(signal);

  const send: Site['send'] = (module, source, operation, resource, content) =>
    bus.send(module, {
      header: { msg_id: systemRandom.uuid(), timestamp: 1 },
      route: { source, group: 'twin', operation, resource },
      content,
    });
  return {
    store,
    toCloud,
    internalUrl: async () => `tcp://127.0.0.1:${await eventBus.internalPort}`,
    send,
    async addDevice(id) {
      await send('twin', 'devicecontroller', 'update', 'membership', {
        event_id: '',
        timestamp: 1,
        added_devices: [{ id, name: id.split('/').at(-1) }],
        removed_devices: null,
      });
      const row = { sql: 'SELECT 1 FROM device WHERE id = ?', params: [id] };
      while ((await store.read(row)).length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    },
    confirm: (id) =>
      bus.send('twin', {
        header: { msg_id: systemRandom.uuid(), parent_msg_id: id, timestamp: 1 },
        route: { source: 'devicecontroller', group: 'twin', operation: 'response', resource: 'twin' },
        content: 'OK',
      }),
    async [Symbol.asyncDispose]() {
      await eventBus.stop();
      await deviceTwin.stop();
      hub.close();
      await reading;
      await store.close();
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for a condition that messages bring about. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
