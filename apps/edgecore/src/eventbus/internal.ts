import { createServer, type Server, type Socket } from 'node:net';
import { deviceErrors, errorText } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { Aedes } from 'aedes';
import type { EventBusConfig } from './config.ts';
import { guardSocket } from './frame-guard.ts';
import { type BrokerPort, type IntakeHandler, MAX_PAYLOAD_BYTES } from './port.ts';
import { boundSessions, createSessionLimit, type SessionMemory } from './session-bounds.ts';
import { clientMayPublish, isListenedTo } from './topics.ts';

export interface InternalOptions {
  readonly config: EventBusConfig;
  /** Filters of rules; changes are seen at once. */
  readonly filters: ReadonlySet<string>;
  readonly onMessage: IntakeHandler;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface InternalBroker extends BrokerPort {
  /** Resolves with the port once the broker listens. */
  readonly listening: Promise<number>;
}

/** Declared packets above this end the connection; up to it an oversized payload is answered on its result topic. */
const MAX_PACKET_BYTES = 4 * MAX_PAYLOAD_BYTES;
const MAX_CONNECTIONS = 512;

/**
 * The embedded broker (modes 0 and 1): open to every client that reaches its address, as an upstream config asks for,
 * but not for every topic. A client's QoS 1 publish is acknowledged when edgecore is done with it.
 */
export function createInternalBroker(options: InternalOptions): InternalBroker {
  const { config, filters, onMessage, clock, random, log } = options;
  const stopping = new AbortController();
  const listening = Promise.withResolvers<number>();
  const sockets = new Set<Socket>();
  let broker: Aedes | undefined;
  let server: Server | undefined;
  let running: Promise<void> | undefined;

  const open = async (): Promise<void> => {
    // Loaded only when a mode asks for it: the broker costs about 12 MB.
    const { Aedes } = await import('aedes');
    const cleanFor = createSessionLimit();
    broker = await Aedes.createBroker({
      preConnect: (_, packet, callback) => {
        packet.clean = cleanFor(packet.clientId, packet.clean !== false);
        callback(null, true);
      },
      authorizePublish: (client, packet, callback) => {
        const { topic, payload } = packet;
        if (!clientMayPublish(topic)) {
          const error = deviceErrors.create('EVENTBUS_TOPIC_FORBIDDEN', { client: client?.id ?? '', topic });
          log.warn({ code: error.code, client: client?.id, topic: topic.slice(0, 256) }, 'publish refused');
          callback(error);
          return;
        }
        if (!isListenedTo(topic, filters)) return callback(null);
        const bytes = Buffer.from(payload);
        const readable = bytes.length <= MAX_PAYLOAD_BYTES;
        onMessage({ topic, payload: readable ? bytes : undefined, size: bytes.length }, () => callback(null));
      },
    });
    broker.on('clientError', (client, error) => {
      log.debug({ client: client.id, err: errorText(error) }, 'broker client failed');
    });
    broker.on('connectionError', (_, error) => {
      log.debug({ err: errorText(error) }, 'broker connection failed');
    });
    const { persistence } = broker as unknown as { persistence: SessionMemory };
    boundSessions(persistence, config.mqttSessionQueueSize, log);
  };

  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    guardSocket(socket, MAX_PACKET_BYTES, (size) => {
      const client = `${socket.remoteAddress}:${socket.remotePort}`;
      const error = deviceErrors.create('EVENTBUS_PACKET_TOO_LARGE', {
        client,
        size,
        limit: MAX_PACKET_BYTES,
      });
      log.warn({ code: error.code, client, size }, 'broker connection closed');
    });
    broker?.handle(socket);
  };

  const listen = async (): Promise<void> => {
    const { hostname, port } = new URL(config.mqttServerInternal);
    const host = hostname.replace(/^\[|\]$/g, '');
    const backoff = createBackoff({ initialMs: 1000, maxMs: 30_000 }, random);
    while (!stopping.signal.aborted) {
      try {
        server = await bind(host, port === '' ? 1884 : Number(port), accept);
        const address = server.address();
        listening.resolve(typeof address === 'object' && address !== null ? address.port : 0);
        log.warn(
          { address: config.mqttServerInternal },
          'embedded broker accepts clients without credentials, as the configuration asks',
        );
        return;
      } catch (cause) {
        const error = deviceErrors.create(
          'EVENTBUS_BIND_FAILED',
          { address: config.mqttServerInternal },
          cause,
        );
        log.error(
          { code: error.code, err: errorText(error), advice: error.advice },
          'embedded broker does not listen',
        );
      }
      // Rejects only because the broker is stopping, which the loop condition sees.
      await sleep(clock, backoff.next(), stopping.signal).catch(() => {});
    }
  };

  return {
    listening: listening.promise,
    start() {
      running ??= open().then(listen);
      running.catch((error) => log.error({ err: errorText(error) }, 'embedded broker does not start'));
    },
    async stop() {
      stopping.abort(new Error('broker is stopping'));
      // Its failure was logged by start.
      await running?.catch(() => {});
      const closing = server;
      if (closing !== undefined)
        await new Promise((resolve) => {
          closing.close(resolve);
          for (const socket of sockets) socket.destroy();
        });
      const closed = broker;
      if (closed !== undefined) await new Promise<void>((resolve) => closed.close(() => resolve()));
    },
    publish(topic, payload) {
      broker?.publish(
        {
          cmd: 'publish',
          topic,
          payload: Buffer.from(payload),
          qos: config.mqttQOS as 0 | 1 | 2,
          retain: config.mqttRetain,
          dup: false,
        },
        (error) => {
          if (error) log.warn({ topic, err: errorText(error) }, 'publish on the embedded broker failed');
        },
      );
    },
    ready: () => Promise.resolve(),
    subscribe: () => Promise.resolve(),
    unsubscribe: () => Promise.resolve(),
  };
}

function bind(host: string, port: number, accept: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ noDelay: true }, accept);
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}
