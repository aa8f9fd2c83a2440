import {
  EDGE_MODULES,
  GROUPS,
  isRecord,
  type Message,
  type MessageOrigin,
  OPERATIONS,
} from '@kubeedge-ts/apis';
import type { Bus, Module, Subscription } from '@kubeedge-ts/beehive';
import { deviceErrors, errorText } from '@kubeedge-ts/errors';
import { checkFilter, checkTopic } from '@kubeedge-ts/mqtt';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { Store } from '@kubeedge-ts/store';
import type { DeviceMqtt } from '../devicetwin/index.ts';
import { type EventBusConfig, readTlsFiles } from './config.ts';
import { createExternalBroker } from './external.ts';
import { createInternalBroker } from './internal.ts';
import type { BrokerPort, Intake } from './port.ts';
import { destinationOf } from './topics.ts';
import { createUploads } from './uploads.ts';

export interface EventBusOptions {
  readonly bus: Bus;
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly config: EventBusConfig & { readonly nodeName: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface EventBus extends Module, DeviceMqtt {
  /** The embedded broker's port once it listens; never resolves in mode 2. */
  readonly internalPort: Promise<number>;
}

/** Rules of the cloud that a node can have. */
const MAX_SUB_TOPICS = 1024;

/**
 * EventBus: between the brokers of the node, DeviceTwin and the cloud (spec/mqtt-and-devicetwin.md §1). It starts after DeviceTwin and
 * stops before it: device messages that come while no DeviceTwin listens are acknowledged and forgotten.
 */
export function createEventBus(options: EventBusOptions): EventBus {
  const { bus, store, config, clock, random, log } = options;
  const origin: MessageOrigin = { now: clock.now, uuid: random.uuid };
  /** Filters of rules, rows of table `sub_topics`. */
  const filters = new Set<string>();
  const internalPort = Promise.withResolvers<number>();
  const uploads = createUploads({
    send: (message) => bus.send(EDGE_MODULES.edgeHub, message),
    origin,
    clock,
    log,
  });
  let brokers: readonly BrokerPort[] = [];
  let subscription: Subscription | undefined;
  let receiving: Promise<void> | undefined;
  let deviceHandler: Parameters<DeviceMqtt['onDeviceMessage']>[0] = (_, done) => done();

  const onMessage = (message: Intake, done: () => void): void => {
    if (destinationOf(message.topic) === 'twin') deviceHandler(message, done);
    else uploads.accept(message, done);
  };

  const publish = (topic: string, payload: string): void => {
    for (const broker of brokers) broker.publish(topic, payload);
  };

  const openBrokers = async (): Promise<BrokerPort[]> => {
    const { mqttMode } = config;
    if (mqttMode !== 0 && mqttMode !== 1 && mqttMode !== 2) {
      throw deviceErrors.create('EVENTBUS_MODE_INVALID', { mode: mqttMode });
    }
    const common = { config, filters, onMessage, clock, random, log };
    const opened: BrokerPort[] = [];
    if (mqttMode !== 2) {
      const internal = createInternalBroker(common);
      internal.listening.then(internalPort.resolve, internalPort.reject);
      opened.push(internal);
    }
    if (mqttMode !== 0) opened.push(createExternalBroker({ ...common, tls: await readTlsFiles(config) }));
    return opened;
  };

  const subscribe = async (filter: string): Promise<void> => {
    checkFilter(filter);
    if (!filters.has(filter) && filters.size >= MAX_SUB_TOPICS)
      throw new Error(`more than ${MAX_SUB_TOPICS} rules`);
    await store.write([{ sql: 'INSERT OR REPLACE INTO sub_topics (topic) VALUES (?)', params: [filter] }]);
    filters.add(filter);
    await Promise.all(brokers.map((broker) => broker.subscribe(filter)));
  };

  const unsubscribe = async (filter: string): Promise<void> => {
    await store.write([{ sql: 'DELETE FROM sub_topics WHERE topic = ?', params: [filter] }]);
    filters.delete(filter);
    await Promise.all(brokers.map((broker) => broker.unsubscribe(filter)));
  };

  /** spec/mqtt-and-devicetwin.md §1.3. */
  const handle = async (message: Message): Promise<void> => {
    const { operation = '', resource = '' } = message.route;
    switch (operation) {
      case OPERATIONS.publish:
        return publishTo(resource, asText(message.content));
      case OPERATIONS.subscribe:
        return await subscribe(resource);
      case OPERATIONS.unsubscribe:
        return await unsubscribe(resource);
      case 'message': {
        const inner = isRecord(message.content) ? message.content['message'] : undefined;
        if (!isRecord(inner) || typeof inner['topic'] !== 'string')
          throw new Error('content.message.topic is missing');
        return publishTo(inner['topic'], JSON.stringify(inner));
      }
      case 'get_result':
        if (resource !== 'auth_info') return;
        return publishTo(`$hw/events/node/${config.nodeName}/authInfo/get/result`, asText(message.content));
    }
  };

  const publishTo = (topic: string, payload: string): void => {
    checkTopic(topic);
    publish(topic, payload);
  };

  const receive = async ({ mailbox }: Subscription): Promise<void> => {
    for (let message = await mailbox.take(); message !== undefined; message = await mailbox.take()) {
      try {
        await handle(message);
      } catch (error) {
        const { operation = '', resource: topic = '' } = message.route;
        const known = deviceErrors.create('EVENTBUS_REQUEST_INVALID', {
          operation,
          topic: topic.slice(0, 256),
          problem: errorText(error),
        });
        log.warn({ code: known.code, operation, err: known.message }, 'request was not carried out');
      }
    }
  };

  return {
    name: EDGE_MODULES.eventBus,
    internalPort: internalPort.promise,
    publish,
    async ready() {
      for (const broker of brokers) await broker.ready();
    },
    onDeviceMessage(handler) {
      deviceHandler = handler;
    },
    async start() {
      const rows = await store.read({ sql: 'SELECT topic FROM sub_topics' });
      for (const { topic } of rows.slice(0, MAX_SUB_TOPICS)) if (isFilter(topic)) filters.add(topic);
      brokers = await openBrokers();
      for (const broker of brokers) broker.start();
      subscription = bus.register({ module: EDGE_MODULES.eventBus, group: GROUPS.bus });
      receiving = receive(subscription);
    },
    async stop() {
      subscription?.close();
      await receiving;
      await Promise.all(brokers.map((broker) => broker.stop()));
    },
  };
}

/** A row may come from another program: a filter the broker would refuse must not cost the connection. */
function isFilter(topic: unknown): topic is string {
  if (typeof topic !== 'string') return false;
  try {
    checkFilter(topic);
    return true;
  } catch {
    return false;
  }
}

/** A payload as upstream publishes it: text as it is, anything else as JSON. */
function asText(content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content ?? null);
}
