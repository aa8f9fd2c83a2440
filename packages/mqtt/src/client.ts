import { errorText, type KubeEdgeError, mqttErrors } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import { parseBrokerUrl } from './broker-url.ts';
import { type ConnectionOptions, connectMqtt, type MqttConnection, type PublishDone } from './connection.ts';

export interface ClientOptions extends ConnectionOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Filters of the first connection and of every later one. */
  readonly subscriptions?: readonly string[];
  readonly subscribeQos?: 0 | 1;
  /** Messages that wait for the broker (not connected, or too many in flight); the oldest give way. Default 1000. */
  readonly maxQueued?: number;
  /** Default 4 MiB. */
  readonly maxQueuedBytes?: number;
  /** A message that waited longer for a connection is dropped; default 120 s (spec/mqtt-and-devicetwin.md §1). */
  readonly maxWaitMs?: number;
  /** QoS 1 publishes awaiting the broker's acknowledgement; default 1000. */
  readonly maxInFlight?: number;
  /** Upper bound of the reconnect delay; the first retry comes within 1 s. Default 5 s. */
  readonly maxBackoffMs?: number;
  readonly onConnection?: (connected: boolean) => void;
}

/** A client that stays connected: it reconnects with jittered back-off for ever, resubscribes, and keeps a bounded queue. */
export interface MqttClient {
  readonly connected: boolean;
  /** Begins connecting; never fails because the broker is away. */
  start(): void;
  /** `done` gets MQTT_QUEUE_FULL or MQTT_TIMEOUT when the message had to be dropped. Order is kept. */
  publish(
    topic: string,
    payload: string | Uint8Array,
    qos?: 0 | 1,
    retain?: boolean,
    done?: PublishDone,
  ): void;
  /** Adds the filter for good; when connected, resolves after the broker's answer. @throws MQTT_SUBSCRIBE_REFUSED, MQTT_CLOSED */
  subscribe(filter: string): Promise<void>;
  unsubscribe(filter: string): Promise<void>;
  /** Resolves at once unless publishes pile up on a live connection. */
  ready(): Promise<void>;
  /** Stops reading from the broker, so that it holds back what it has for this client. */
  pause(): void;
  resume(): void;
  /** Sends what is queued (bounded by `graceMs`), disconnects, resolves when nothing runs any more. */
  close(graceMs?: number): Promise<void>;
}

interface Queued {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly done: PublishDone;
  readonly at: number;
}

/** Bytes a topic can have in a packet. */
const MAX_TOPIC = 65_535;
/** One SUBSCRIBE packet carries at most this many filters. */
const FILTERS_PER_PACKET = 64;

export function createMqttClient(options: ClientOptions): MqttClient {
  const { clock, random, log, subscribeQos = 1, maxQueued = 1000, maxInFlight = 1000 } = options;
  const { maxQueuedBytes = 4_194_304, maxWaitMs = 120_000 } = options;
  const filters = new Set(options.subscriptions ?? []);
  /** Filters a kept session may still have. */
  const dropped = new Set<string>();
  const stopping = new AbortController();
  const queue: Queued[] = [];
  let queuedBytes = 0;
  let connection: MqttConnection | undefined;
  let running: Promise<void> | undefined;
  let readers: (() => void)[] = [];
  let paused = false;
  /** QoS 1 messages a lost connection left without acknowledgement, in order; they go first on the next one. */
  let unsent: Queued[] = [];
  // Also checks the address at once; the text carries no credentials.
  const broker = parseBrokerUrl(options.url).url;

  const backedUp = (): boolean => connection !== undefined && queue.length > maxQueued / 4;
  const release = (): void => {
    if (backedUp() || readers.length === 0) return;
    const waiting = readers;
    readers = [];
    for (const resume of waiting) resume();
  };

  const shift = (): Queued => {
    const message = queue.shift() as Queued;
    queuedBytes -= message.payload.length;
    return message;
  };

  const flush = (): void => {
    while (connection !== undefined && queue.length > 0 && connection.inFlight < maxInFlight) {
      const message = shift();
      const waitedMs = clock.monotonic() - message.at;
      if (waitedMs > maxWaitMs) {
        message.done(
          mqttErrors.create('MQTT_TIMEOUT', { topic: message.topic, waitedMs: Math.round(waitedMs) }),
        );
      } else send(connection, message);
    }
    release();
  };

  const send = (over: MqttConnection, message: Queued): void => {
    over.publish(message.topic, message.payload, message.qos, message.retain, (error) => {
      if (error === undefined) {
        message.done();
        if (queue.length > 0 || readers.length > 0) flush();
      } else if (stopping.signal.aborted) message.done(error);
      else unsent.push(message);
    });
  };

  const lost = (): void => {
    connection = undefined;
    for (const message of unsent) queuedBytes += message.payload.length;
    queue.unshift(...unsent);
    unsent = [];
    trim();
    release();
    options.onConnection?.(false);
  };

  const trim = (): void => {
    while (queue.length > maxQueued || (queuedBytes > maxQueuedBytes && queue.length > 1)) {
      const oldest = shift();
      oldest.done(mqttErrors.create('MQTT_QUEUE_FULL', { topic: oldest.topic, queued: queue.length + 1 }));
    }
  };

  const subscribeAll = async (over: MqttConnection): Promise<void> => {
    if (options.cleanSession === false && dropped.size > 0) await over.unsubscribe([...dropped]);
    const all = [...filters];
    for (let at = 0; at < all.length; at += FILTERS_PER_PACKET) {
      const some = all.slice(at, at + FILTERS_PER_PACKET);
      try {
        await over.subscribe(some, subscribeQos);
      } catch (error) {
        if ((error as KubeEdgeError).code !== 'MQTT_SUBSCRIBE_REFUSED') throw error;
        log.warn({ err: errorText(error) }, 'subscription refused');
      }
    }
  };

  const run = async (): Promise<void> => {
    const { signal } = stopping;
    const backoff = createBackoff({ initialMs: 1000, maxMs: options.maxBackoffMs ?? 5000 }, random);
    while (!signal.aborted) {
      try {
        const opened = await connectMqtt(options, clock, signal);
        using _ = closing(opened, signal);
        if (paused) opened.pause();
        await subscribeAll(opened);
        connection = opened;
        backoff.reset();
        log.info({ broker, clientId: options.clientId }, 'connected to the broker');
        options.onConnection?.(true);
        flush();
        const reason = await opened.closed;
        lost();
        if (!signal.aborted) log.warn({ broker, err: errorText(reason) }, 'broker connection lost');
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ broker, err: errorText(error) }, 'broker cannot be reached, trying again');
      }
      // Rejects only because the client is closing, which the loop condition sees.
      await sleep(clock, backoff.next(), signal).catch(() => {});
    }
  };

  const applyFilter = async (filter: string, subscribed: boolean): Promise<void> => {
    if (subscribed === filters.has(filter)) return;
    if (subscribed) filters.add(filter);
    else filters.delete(filter);
    if (subscribed) dropped.delete(filter);
    else dropped.add(filter);
    if (connection === undefined) return;
    await (subscribed ? connection.subscribe([filter], subscribeQos) : connection.unsubscribe([filter]));
  };

  return {
    get connected() {
      return connection !== undefined;
    },
    start() {
      running ??= run();
    },
    publish(topic, payload, qos = 1, retain = false, done = logDropped(log)) {
      if (topic.length > MAX_TOPIC / 3 && Buffer.byteLength(topic) > MAX_TOPIC) {
        done(mqttErrors.create('MQTT_TOPIC_INVALID', { topic: topic.slice(0, 200), problem: 'too long' }));
        return;
      }
      const message: Queued = { topic, payload, qos, retain, done, at: clock.monotonic() };
      if (connection !== undefined && queue.length === 0 && connection.inFlight < maxInFlight) {
        send(connection, message);
        return;
      }
      queue.push(message);
      queuedBytes += payload.length;
      trim();
    },
    subscribe: (filter) => applyFilter(filter, true),
    unsubscribe: (filter) => applyFilter(filter, false),
    ready() {
      if (!backedUp()) return Promise.resolve();
      return new Promise((resolve) => readers.push(resolve));
    },
    pause() {
      paused = true;
      connection?.pause();
    },
    resume() {
      paused = false;
      connection?.resume();
    },
    async close(graceMs = 1000) {
      const deadline = clock.monotonic() + graceMs;
      while (
        connection !== undefined &&
        (queue.length > 0 || connection.inFlight > 0) &&
        clock.monotonic() < deadline
      ) {
        await sleep(clock, 5);
      }
      stopping.abort(new Error('client is closing'));
      await running;
      for (const message of queue.splice(0)) {
        message.done(mqttErrors.create('MQTT_CLOSED', { url: broker, reason: 'client is closing' }));
      }
    },
  };
}

/** Closes the connection when its scope is left or the client stops, whichever is first. */
function closing(connection: MqttConnection, signal: AbortSignal): Disposable {
  const close = (): void => connection.close();
  signal.addEventListener('abort', close, { once: true });
  return {
    [Symbol.dispose]() {
      signal.removeEventListener('abort', close);
      close();
    },
  };
}

const logDropped =
  (log: Logger): PublishDone =>
  (error) => {
    if (error !== undefined) log.warn({ code: error.code, err: error.message }, 'publish dropped');
  };
