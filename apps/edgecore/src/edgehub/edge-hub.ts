import {
  CAPABILITIES_HEADER,
  CLOUD_CONNECTED,
  CLOUD_DISCONNECTED,
  decodeMessage,
  EDGE_MODULES,
  errorTo,
  GROUPS,
  type Message,
  type MessageOrigin,
  newMessage,
  OPERATIONS,
  OWN_CAPABILITIES,
  routeMessage,
} from '@kubeedge-ts/apis';
import type { Bus, Module, Subscription } from '@kubeedge-ts/beehive';
import { edgecoreErrors, errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import {
  type BackoffOptions,
  type Clock,
  type Deferred,
  deferred,
  type Logger,
  type Random,
} from '@kubeedge-ts/runtime';
import { type Connection, reconnect, type Transport } from '@kubeedge-ts/viaduct';
import { createDelivery } from './delivery.ts';
import { destinationOf } from './dispatch.ts';
import type { Identity } from './identity.ts';
import { createSendQueue } from './send-queue.ts';
import { startSession } from './session.ts';

export interface EdgeHubConfig {
  readonly nodeName: string;
  readonly projectId: string;
  /** `wss://host:port` or `host:port` of cloudcore (`modules.edgeHub.websocket.server`). */
  readonly websocketUrl: string;
  /** Seconds between keepalives; upstream's default is 15. */
  readonly heartbeat: number;
  /** Renew the certificate before it expires. */
  readonly rotateCertificates: boolean;
  /** Identity of the edge store; our cloudcore compares it to notice a wiped or foreign one (DESIGN §5). */
  readonly storeEpoch?: string;
}

export interface EdgeHubOptions {
  readonly config: EdgeHubConfig;
  readonly transport: Transport;
  readonly identity: Identity;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Messages held per priority while the uplink is slow; default 4096. */
  readonly queueCapacity?: number;
  readonly backoff?: BackoffOptions;
  /** Told of every connection to the cloud. */
  readonly onConnected?: () => void;
}

export interface EdgeHubCounters {
  /** Frames or messages from the cloud that were not understood. */
  readonly refused: number;
  /** Messages to the cloud that were not written; their owners repeat them or were told. */
  readonly unsent: number;
}

export interface EdgeHub extends Module {
  readonly connected: boolean;
  /** Resolves when the cloud has received everything that was sent before. @throws EDGE_DISCONNECTED, VIADUCT_CLOSED */
  ping(signal?: AbortSignal): Promise<void>;
  /**
   * Sends messages that the cloud does not answer; resolves when it has received all of them: they were written, and a
   * ping sent after them was answered. @throws KubeEdgeError EDGE_DISCONNECTED, EDGE_SEND_REFUSED, VIADUCT_*
   */
  deliver(messages: readonly Message[]): Promise<void>;
  /** Upgrade headers of the cloud, lower-case names; none while there is no connection. */
  readonly cloudHeaders: Readonly<Record<string, string>>;
  readonly counters: EdgeHubCounters;
}

/** Upstream sends frames of up to 32 MiB towards the edge. */
const MAX_FRAME_BYTES = 33_554_432;
const HANDSHAKE_TIMEOUT_MS = 30_000;
const WRITE_TIMEOUT_MS = 15_000;
const NOTIFIED_GROUPS = [GROUPS.meta, GROUPS.twin, GROUPS.bus];

/** Upgrade header of our own ends; an upstream cloud does not read it. */
export const STORE_EPOCH_HEADER = 'x-kubeedge-ts-store';

/**
 * The edge's link to the cloud: module `websocket` of group `hub`. Keeps one connection alive, whatever happens
 * (LESSONS A7, A8), hands what arrives to the modules, and sends what they give it, most urgent first. Nothing is
 * queued while there is no connection: a sender that waits for an answer is told at once, the others own an outbox.
 */
export function createEdgeHub(options: EdgeHubOptions): EdgeHub {
  const { config, transport, identity, bus, clock, random, log } = options;
  const origin: MessageOrigin = { now: () => clock.now(), uuid: () => random.uuid() };
  const queue = createSendQueue(options.queueCapacity ?? 4_096);
  const delivery = createDelivery(bus, log);
  const stopping = new AbortController();
  const counters = { refused: 0, unsent: 0 };
  /** Messages somebody waits for, by id. */
  const delivering = new Map<string, Deferred>();
  let connection: Connection | undefined;
  let subscription: Subscription | undefined;
  let running: Promise<unknown> = Promise.resolve();

  const unsent = (message: Message, problem: string): void => {
    counters.unsent += 1;
    const { operation, resource } = message.route;
    const error = edgecoreErrors.create('EDGE_SEND_REFUSED', { operation, resource, problem });
    const waiting = delivering.get(message.header.msg_id);
    if (waiting !== undefined) {
      waiting.reject(error);
      return;
    }
    if (bus.respond(errorTo(origin, message, EDGE_MODULES.edgeHub, error.message))) return;
    log.warn({ operation, resource, problem }, 'message to the cloud was not sent, its owner repeats it');
  };

  const pump = async (): Promise<void> => {
    for (;;) {
      const message = await subscription?.mailbox.take();
      if (message === undefined) return;
      if (connection === undefined) unsent(message, 'the cloud is not connected');
      else if (!queue.push(message)) unsent(message, 'the send queue is full');
    }
  };

  const notify = (content: string): void => {
    for (const group of NOTIFIED_GROUPS) {
      delivery.toGroup(
        group,
        newMessage(origin, {
          source: 'edgehub',
          group,
          operation: OPERATIONS.connect,
          resource: 'node/connection',
          content,
        }),
      );
    }
  };

  const receive = async (text: string): Promise<void> => {
    let message: Message;
    try {
      message = decodeMessage(text);
    } catch (error) {
      counters.refused += 1;
      log.warn({ bytes: text.length, err: errorText(error) }, 'frame from the cloud is no message');
      return;
    }
    const { source, operation, resource } = message.route;
    try {
      routeMessage(message, 'cloud');
    } catch (error) {
      counters.refused += 1;
      log.warn({ source, operation, resource, err: errorText(error) }, 'message from the cloud was refused');
      if (isKubeEdgeError(error, 'MESSAGE_CONTENT_INVALID')) {
        queue.push(errorTo(origin, message, EDGE_MODULES.edgeHub, error.message));
      }
      return;
    }
    const destination = destinationOf(message);
    if (destination.kind === 'answer') {
      if (bus.respond(message)) return;
      // A late answer; MetaManager acknowledges it, or the cloud would repeat it for ever.
      if (message.route.group === GROUPS.resource) await delivery.toModule(EDGE_MODULES.metaManager, message);
      else log.warn({ source, operation, resource }, 'nobody waits for this answer any more');
    } else if (destination.kind === 'module') {
      await delivery.toModule(destination.module, message);
    } else {
      counters.refused += 1;
      log.warn(
        { source, operation, resource, problem: destination.problem },
        'message from the cloud was refused',
      );
    }
  };

  const dial = async (signal: AbortSignal): Promise<Connection> => {
    const tls = await identity.obtain(signal);
    try {
      return await transport.dial({
        url: eventsUrl(config),
        tls,
        nodeName: config.nodeName,
        projectId: config.projectId,
        headers: {
          [CAPABILITIES_HEADER]: OWN_CAPABILITIES,
          ...(config.storeEpoch === undefined ? {} : { [STORE_EPOCH_HEADER]: config.storeEpoch }),
        },
        maxFrameBytes: MAX_FRAME_BYTES,
        handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
        writeTimeoutMs: WRITE_TIMEOUT_MS,
        signal,
      });
    } catch (error) {
      if (isKubeEdgeError(error, 'VIADUCT_TLS') || isKubeEdgeError(error, 'VIADUCT_REFUSED'))
        identity.refused();
      throw error;
    }
  };

  const onConnection = (fresh: Connection): void => {
    connection = fresh;
    log.info({ connection: fresh.id, url: config.websocketUrl }, 'connected to the cloud');
    startSession({
      connection: fresh,
      queue,
      heartbeatMs: config.heartbeat * 1_000,
      clock,
      origin,
      log,
      unsent,
      written: ({ header }) => delivering.get(header.msg_id)?.resolve(),
    });
    notify(CLOUD_CONNECTED);
    options.onConnected?.();
    fresh.start(receive);
    void fresh.closed.then(() => {
      connection = undefined;
      for (const message of queue.drain()) unsent(message, 'the connection ended');
      notify(CLOUD_DISCONNECTED);
    });
  };

  const linkFor = (operation: string): Connection => {
    if (connection !== undefined) return connection;
    throw edgecoreErrors.create('EDGE_DISCONNECTED', { operation, resource: config.websocketUrl });
  };

  /** Resolves when the message was handed to the socket. */
  const write = async (message: Message): Promise<void> => {
    const written = deferred();
    delivering.set(message.header.msg_id, written);
    try {
      if (!queue.push(message)) unsent(message, 'the send queue is full');
      await written.promise;
    } finally {
      delivering.delete(message.header.msg_id);
    }
  };

  return {
    name: EDGE_MODULES.edgeHub,
    get connected() {
      return connection !== undefined;
    },
    counters,
    get cloudHeaders() {
      return connection?.peer.headers ?? {};
    },
    ping: async (signal) => linkFor('ping').ping(signal),
    async deliver(messages) {
      const link = linkFor('deliver');
      await Promise.all(messages.map(write));
      await link.ping();
    },
    async start() {
      subscription = bus.register({ module: EDGE_MODULES.edgeHub, group: GROUPS.hub });
      const { signal } = stopping;
      const loops = [
        pump(),
        reconnect({
          dial,
          onConnection,
          clock,
          random,
          log,
          signal,
          ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
        }),
      ];
      if (config.rotateCertificates) loops.push(identity.keepRenewed(signal));
      running = Promise.all(loops);
    },
    async stop() {
      stopping.abort(new Error('edgehub is stopping'));
      subscription?.close();
      await running;
    },
  };
}

function eventsUrl({ websocketUrl, projectId, nodeName }: EdgeHubConfig): string {
  const base = websocketUrl.includes('://') ? websocketUrl : `wss://${websocketUrl}`;
  return `${base.replace(/\/+$/, '')}/${projectId}/${nodeName}/events`;
}
