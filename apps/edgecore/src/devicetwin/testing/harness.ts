import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '@kubeedge-ts/apis';
import { createBus } from '@kubeedge-ts/beehive';
import { type Clock, seededRandom, silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { edgeMigrations, openStore, type Store } from '@kubeedge-ts/store';
import type { DeviceMessage } from '../device-requests.ts';
import { createDeviceTwin, type DeviceMqtt } from '../devicetwin.ts';

export interface Published {
  readonly topic: string;
  readonly payload: Record<string, unknown>;
}

/** A DeviceTwin with a real bus and store, and a broker that is an array. */
export interface TwinHarness extends AsyncDisposable {
  readonly store: Store;
  readonly published: Published[];
  /** Messages for the cloud, in order. */
  readonly toCloud: Message[];
  /** Publishes as a mapper would; resolves when the message is acknowledged. */
  mqtt(topic: string, payload: unknown): Promise<void>;
  /** A message from the cloud side; resolves when it had its effect. */
  message(
    source: string,
    operation: string,
    resource: string,
    content: unknown,
    parent?: string,
  ): Promise<void>;
  /** Payloads published on the topic, and forgets them. */
  take(topic: string): Record<string, unknown>[];
  /** Ends DeviceTwin as a crash would and starts one on the same store. */
  restart(): Promise<void>;
}

export interface HarnessOptions {
  readonly clock?: Clock;
  /** Stands between DeviceTwin and the store. */
  readonly wrapStore?: (store: Store) => Pick<Store, 'read' | 'write'>;
}

export async function startTwin(options: HarnessOptions = {}): Promise<TwinHarness> {
  const { clock = systemClock, wrapStore = (store) => store } = options;
  const folder = await mkdtemp(join(tmpdir(), 'kubeedge-devicetwin-'));
  const store = await openStore({
    path: join(folder, 'edgecore.db'),
    migrations: edgeMigrations,
    random: systemRandom,
    log: silentLogger,
  });
  const bus = createBus(clock);
  const published: Published[] = [];
  const toCloud: Message[] = [];
  const hub = bus.register({ module: 'websocket', group: 'hub' });
  const reading = (async () => {
    for (let one = await hub.mailbox.take(); one !== undefined; one = await hub.mailbox.take())
      toCloud.push(one);
  })();
  let handler: (message: DeviceMessage, done: () => void) => void = () => {};
  const mqtt: DeviceMqtt = {
    publish: (topic, payload) => published.push({ topic, payload: JSON.parse(payload) }),
    ready: () => Promise.resolve(),
    onDeviceMessage: (given) => {
      handler = given;
    },
  };
  const random = seededRandom(7);
  const create = () =>
    createDeviceTwin({
      bus,
      store: wrapStore(store),
      mqtt,
      config: { nodeName: 'edge-go' },
      clock,
      random,
      log: silentLogger,
      retryPauseMs: 1,
    });
  let module = create();
  await module.start(new AbortController().signal);

  const deliver = (topic: string, payload: unknown): Promise<void> => {
    const bytes = Buffer.isBuffer(payload)
      ? payload
      : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
    return new Promise((resolve) => handler({ topic, payload: bytes, size: bytes.length }, resolve));
  };

  return {
    store,
    published,
    toCloud,
    mqtt: deliver,
    async message(source, operation, resource, content, parent) {
      await bus.send('twin', {
        header: {
          msg_id: random.uuid(),
          timestamp: clock.now(),
          ...(parent === undefined ? {} : { parent_msg_id: parent }),
        },
        route: { source, group: 'twin', operation, resource },
        content,
      });
      // The mailbox is read between turns; a question to DeviceTwin afterwards is answered after its effect.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      await deliver('$hw/events/node/edge-go/membership/get', '{"event_id":"barrier"}');
      const barrier = published.findIndex(({ payload }) => payload['event_id'] === 'barrier');
      published.splice(barrier, 1);
    },
    take(topic) {
      const taken = published.filter((one) => one.topic === topic).map(({ payload }) => payload);
      for (let at = published.length - 1; at >= 0; at--)
        if (published[at]?.topic === topic) published.splice(at, 1);
      return taken;
    },
    async restart() {
      await module.stop();
      module = create();
      await module.start(new AbortController().signal);
    },
    async [Symbol.asyncDispose]() {
      await module.stop();
      hub.close();
      await reading;
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
