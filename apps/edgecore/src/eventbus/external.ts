import { createMqttClient, type IncomingMessage, type TlsFiles } from '@kubeedge-ts/mqtt';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { EventBusConfig } from './config.ts';
import { type BrokerPort, type IntakeHandler, MAX_PAYLOAD_BYTES } from './port.ts';
import { FIXED_FILTERS } from './topics.ts';

export interface ExternalOptions {
  readonly config: EventBusConfig & { readonly nodeName: string };
  readonly tls: TlsFiles | undefined;
  /** Filters of rules, beside the fixed ones. */
  readonly filters: Iterable<string>;
  readonly onMessage: IntakeHandler;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Messages and bytes taken from the broker and not yet done; beyond it reading stops until half is done. */
const MAX_OPEN = 2000;
const MAX_OPEN_BYTES = 8_388_608;

/**
 * The broker outside: one client subscribes, one publishes, as upstream does, so that access rules by client id hold
 * and answers never wait behind requests (spec/mqtt-and-devicetwin.md §1). Unlike upstream, the subscriber has a
 * session the broker keeps: what mappers publish while edgecore restarts, or what it had not committed when it
 * crashed, is delivered afterwards.
 */
export function createExternalBroker(options: ExternalOptions): BrokerPort {
  const { config, tls, onMessage, clock, random, log } = options;
  let open = 0;
  let openBytes = 0;
  let held = false;

  const receive = (message: IncomingMessage): void => {
    const { topic, payload, size } = message;
    const bytes = payload?.length ?? 0;
    open += 1;
    openBytes += bytes;
    if (!held && (open >= MAX_OPEN || openBytes >= MAX_OPEN_BYTES)) {
      held = true;
      subscriber.pause();
    }
    onMessage({ topic, payload, size }, () => {
      open -= 1;
      openBytes -= bytes;
      message.ack();
      if (held && open <= MAX_OPEN / 2 && openBytes <= MAX_OPEN_BYTES / 2) {
        held = false;
        subscriber.resume();
      }
    });
  };

  const common = {
    url: config.mqttServerExternal,
    ...(config.mqttUsername === '' ? {} : { username: config.mqttUsername, password: config.mqttPassword }),
    ...(tls === undefined ? {} : { tls }),
    clock,
    random,
    log,
  };
  const subscriber = createMqttClient({
    ...common,
    clientId: config.mqttSubClientID || `hub-client-sub-${config.nodeName}`,
    cleanSession: false,
    subscriptions: [...FIXED_FILTERS, ...options.filters],
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    onMessage: receive,
  });
  const publisher = createMqttClient({
    ...common,
    clientId: config.mqttPubClientID || `hub-client-pub-${Math.floor(clock.now() / 1000)}`,
    onMessage: (message) => message.ack(),
  });

  return {
    start() {
      // The publisher first: answers can leave as soon as requests come in.
      publisher.start();
      subscriber.start();
    },
    async stop() {
      await subscriber.close(0);
      await publisher.close();
    },
    publish: (topic, payload) => publisher.publish(topic, payload),
    ready: publisher.ready,
    subscribe: subscriber.subscribe,
    unsubscribe: subscriber.unsubscribe,
  };
}
