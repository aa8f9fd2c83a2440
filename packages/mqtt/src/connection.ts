import { connect as connectTcp, type Socket } from 'node:net';
import { type KubeEdgeError, mqttErrors } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { createAckOrder } from './ack-order.ts';
import { type Broker, parseBrokerUrl } from './broker-url.ts';
import { createParser } from './parser.ts';
import { createWriter } from './writer.ts';

export interface TlsFiles {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
}

export interface IncomingMessage {
  readonly topic: string;
  /** A view into the receive buffer; undefined when the message was larger than accepted, its bytes are skipped. */
  readonly payload: Buffer | undefined;
  /** Declared payload size, bytes. */
  readonly size: number;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
  /**
   * Acknowledges a QoS 1 message; must be called once. May be called at any time: reading goes on meanwhile, and
   * acknowledgements leave in the order of arrival whatever the order of the calls.
   */
  ack(): void;
}

export interface ConnectionOptions {
  /** `tcp://`, `mqtt://`, `ssl://`, `tls://` or `mqtts://` with host and port. */
  readonly url: string;
  readonly clientId: string;
  /** False: the broker keeps the session and its unacknowledged messages for this client id. Default true. */
  readonly cleanSession?: boolean;
  readonly username?: string;
  /** Only sent together with a user name. */
  readonly password?: string;
  /** Default 30 s. */
  readonly keepaliveS?: number;
  readonly tls?: TlsFiles;
  readonly will?: { topic: string; payload: string; qos: 0 | 1; retain: boolean };
  /** Larger payloads are skipped and reported without content; default 1 MiB. */
  readonly maxPayloadBytes?: number;
  /** Default 10 s. */
  readonly connectTimeoutMs?: number;
  readonly onMessage: (message: IncomingMessage) => void;
}

/** Called once: without an error when the broker has the message, with one when the connection ended before. */
export type PublishDone = (error?: KubeEdgeError) => void;

/** One session with a broker; ends with its TCP connection. */
export interface MqttConnection {
  /** QoS 1 publishes that await their acknowledgement. */
  readonly inFlight: number;
  publish(topic: string, payload: string | Uint8Array, qos: 0 | 1, retain: boolean, done: PublishDone): void;
  /** @throws KubeEdgeError MQTT_SUBSCRIBE_REFUSED, MQTT_CLOSED */
  subscribe(filters: readonly string[], qos: 0 | 1): Promise<void>;
  /** @throws KubeEdgeError MQTT_CLOSED */
  unsubscribe(filters: readonly string[]): Promise<void>;
  /** Stops and resumes reading from the socket; publishing goes on. */
  pause(): void;
  resume(): void;
  /** Says DISCONNECT and closes. */
  close(): void;
  /** Resolves when the connection has ended, with the reason. */
  readonly closed: Promise<KubeEdgeError>;
}

const CLOSE_GRACE_MS = 1000;
/** A broker that leaves a SUBSCRIBE unanswered for so long is given up. */
const REQUEST_MS = 10_000;
const REFUSALS: Readonly<Record<number, string>> = {
  1: 'protocol version not supported',
  2: 'client id rejected',
  3: 'server unavailable',
  4: 'bad user name or password',
  5: 'not authorised',
};

/**
 * Opens a clean MQTT 3.1.1 session.
 *
 * @throws KubeEdgeError MQTT_URL_INVALID, MQTT_UNREACHABLE, MQTT_REFUSED, or the signal's reason
 */
export async function connectMqtt(
  options: ConnectionOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<MqttConnection> {
  signal.throwIfAborted();
  const broker = parseBrokerUrl(options.url);
  const socket = await openSocket(broker, options.tls);
  return await new Promise((resolve, reject) => {
    const abort = (): void => fail(signal.reason);
    const fail = (error: unknown): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const settle = (): void => {
      cancelTimer();
      signal.removeEventListener('abort', abort);
    };
    const unreachable = (cause: unknown): void =>
      fail(mqttErrors.create('MQTT_UNREACHABLE', { url: broker.url }, cause));
    const cancelTimer = clock.after(options.connectTimeoutMs ?? 10_000, () =>
      unreachable(new Error('no CONNACK in time')),
    );
    signal.addEventListener('abort', abort, { once: true });
    runSession(socket, broker.url, options, clock, {
      accepted: (connection) => {
        settle();
        resolve(connection);
      },
      refused: (code) =>
        fail(
          mqttErrors.create('MQTT_REFUSED', { url: broker.url, reason: REFUSALS[code] ?? `code ${code}` }),
        ),
      failed: unreachable,
    });
  });
}

async function openSocket(broker: Broker, tls: TlsFiles | undefined): Promise<Socket> {
  if (!broker.tls) return connectTcp({ host: broker.host, port: broker.port, noDelay: true });
  // Loaded only when asked for: TLS costs a mapper 6 MB.
  const { connect: connectTls } = await import('node:tls');
  const socket = connectTls({
    host: broker.host,
    port: broker.port,
    ...(broker.isAddress ? {} : { servername: broker.host }),
    ...tls,
  });
  socket.setNoDelay(true);
  return socket;
}

interface SessionEvents {
  accepted(connection: MqttConnection): void;
  refused(code: number): void;
  failed(cause: unknown): void;
}

function runSession(
  socket: Socket,
  url: string,
  options: ConnectionOptions,
  clock: Clock,
  events: SessionEvents,
): void {
  const { keepaliveS = 30, maxPayloadBytes = 1_048_576, onMessage } = options;
  const writer = createWriter(socket);
  const acks = createAckOrder((id) => writer.puback(id));
  const publishes = new Map<number, PublishDone>();
  const requests = new Map<number, (codes: Buffer | undefined) => void>();
  const ended = Promise.withResolvers<KubeEdgeError>();
  let open = false;
  let over = false;
  let lastId = 0;
  let lastHeard = clock.monotonic();
  let cancelKeepalive = (): void => {};

  const nextId = (): number => {
    do lastId = lastId === 65_535 ? 1 : lastId + 1;
    while (publishes.has(lastId) || requests.has(lastId));
    return lastId;
  };

  const end = (reason: unknown, graceful = false): void => {
    if (over) return;
    over = true;
    cancelKeepalive();
    if (graceful) {
      // What is written still leaves; a broker that does not read is not waited for.
      socket.end();
      socket.setTimeout(CLOSE_GRACE_MS, () => socket.destroy());
    } else socket.destroy();
    const text = reason instanceof Error ? reason.message : String(reason);
    const error = mqttErrors.create('MQTT_CLOSED', { url, reason: text }, reason);
    if (!open) events.failed(reason);
    for (const done of publishes.values()) done(error);
    publishes.clear();
    for (const answer of requests.values()) answer(undefined);
    requests.clear();
    ended.resolve(error);
  };

  const request = (write: (id: number) => void): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const gone = () => mqttErrors.create('MQTT_CLOSED', { url, reason: 'no answer' });
      if (over) {
        reject(gone());
        return;
      }
      const id = nextId();
      const cancelTimer = clock.after(REQUEST_MS, () => end(new Error('broker does not answer')));
      requests.set(id, (codes) => {
        cancelTimer();
        if (codes === undefined) reject(gone());
        else resolve(codes);
      });
      write(id);
    });

  const answered = (id: number, codes: Buffer): void => {
    const answer = requests.get(id);
    requests.delete(id);
    answer?.(Buffer.from(codes));
  };

  const connection: MqttConnection = {
    get inFlight() {
      return publishes.size;
    },
    publish(topic, payload, qos, retain, done) {
      if (over) return done(mqttErrors.create('MQTT_CLOSED', { url, reason: 'already closed' }));
      const id = qos === 0 ? 0 : nextId();
      if (qos !== 0) publishes.set(id, done);
      writer.publish(topic, payload, qos, retain, id);
      if (qos === 0) done();
    },
    async subscribe(filters, qos) {
      const codes = await request((id) => writer.subscribe(id, filters, qos));
      const refused = filters.find((_, index) => (codes[index] ?? 128) > 2);
      if (refused !== undefined) throw mqttErrors.create('MQTT_SUBSCRIBE_REFUSED', { filter: refused });
    },
    async unsubscribe(filters) {
      await request((id) => writer.unsubscribe(id, filters));
    },
    pause() {
      socket.pause();
    },
    resume() {
      lastHeard = clock.monotonic();
      socket.resume();
    },
    close() {
      if (over) return;
      writer.disconnect();
      writer.flush();
      end(new Error('closed by this side'), true);
    },
    closed: ended.promise,
  };

  const parser = createParser(maxPayloadBytes, {
    connack(code) {
      if (code !== 0) {
        over = true;
        cancelKeepalive();
        return events.refused(code);
      }
      open = true;
      events.accepted(connection);
    },
    publish(topic, payload, size, qos, { retain, dup }, id) {
      const ack = qos === 0 ? noAck : acks.expect(id);
      onMessage({ topic, payload, size, qos, retain, dup, ack });
    },
    puback(id) {
      const done = publishes.get(id);
      publishes.delete(id);
      done?.();
    },
    suback: answered,
    unsuback: (id) => answered(id, Buffer.alloc(0)),
    pingresp() {},
  });

  const keepAlive = (): void => {
    // A paused socket hears nothing by its own choice.
    const silentMs = socket.isPaused() ? 0 : clock.monotonic() - lastHeard;
    if (silentMs > keepaliveS * 1500) {
      end(new Error('broker is silent'));
      return;
    }
    if (open) writer.pingreq();
    cancelKeepalive = clock.after(keepaliveS * 500, keepAlive);
  };
  cancelKeepalive = clock.after(keepaliveS * 500, keepAlive);

  socket.on('data', (chunk: Buffer) => {
    lastHeard = clock.monotonic();
    try {
      parser.push(chunk);
    } catch (error) {
      end(error);
    }
  });
  socket.on('error', (error) => end(error));
  socket.on('close', () => end(new Error('connection closed by the broker')));
  const { clientId, username, password, will } = options;
  writer.connect({
    clientId,
    cleanSession: options.cleanSession ?? true,
    keepaliveS,
    ...(username ? { username, ...(password ? { password } : {}) } : {}),
    ...(will ? { will } : {}),
  });
}

const noAck = (): void => {};
