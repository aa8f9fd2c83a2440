import {
  decodeMessage,
  encodeMessage,
  errorTo,
  GROUPS,
  type Message,
  type MessageOrigin,
  newMessage,
  resourcePath,
  responseTo,
} from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError, type KubeEdgeError } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import { type Connection, UNRESPONSIVE_CODE } from '@kubeedge-ts/viaduct';
import { createAlarm } from './alarm.ts';
import { type HubCounters, worthLogging } from './counters.ts';
import type { Upstream } from './downstream.ts';
import type { Inbox } from './inbox.ts';
import type { SendCommand } from './node-queue-types.ts';
import { dispatch } from './upstream-dispatch.ts';

export interface SessionPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly origin: MessageOrigin;
  readonly counters: HubCounters;
  readonly upstream: { readonly edge: Upstream; readonly device: Upstream };
  /** The certificate of the cluster, PEM. */
  readonly clusterCaPem: string;
  /** Nothing came for so long: the connection is closed. */
  readonly keepaliveMs: number;
  /** More unwritten bytes than this pause the queue. */
  readonly congestedBytes: number;
}

export interface SessionEvents {
  acked(id: string, content: unknown): void;
  /** The edge has answered a message with an error. */
  refused(id: string): void;
  congested(value: boolean): void;
}

/** One connection of one node: frames in, frames out. */
export interface Session {
  readonly connection: Connection;
  /** Sends a message of the queue; what becomes of it is seen by its ack. */
  transmit(command: SendCommand): void;
  /** Sends a message nobody acks. */
  post(message: Message): void;
  /** No more frames are taken, no timer is left. */
  end(): void;
}

export function createSession(
  connection: Connection,
  inbox: Inbox,
  events: SessionEvents,
  ports: SessionPorts,
): Session {
  const { clock, origin, counters, upstream } = ports;
  const node = connection.peer.nodeName;
  const log = ports.log.child({ node, connection: connection.id });
  let seenAt = clock.monotonic();
  let blocked = false;
  let congested = false;
  let bad = 0;
  let ended = false;

  const liveness = createAlarm(clock, () => {
    const silentMs = clock.monotonic() - seenAt;
    // While we do not read, silence says nothing about the peer.
    if (blocked || silentMs < ports.keepaliveMs) {
      liveness.set(blocked ? ports.keepaliveMs : ports.keepaliveMs - silentMs);
      return;
    }
    log.warn({ silentMs }, 'no keepalive, connection is closed');
    connection.close(UNRESPONSIVE_CODE, 'no keepalive');
  });

  const watchCongestion = (): void => {
    const value = connection.bufferedBytes > ports.congestedBytes;
    if (value === congested || ended) return;
    congested = value;
    events.congested(value);
  };

  const write = (message: Message, failed: (error: unknown) => void): void => {
    connection.send(encodeMessage(message)).then(watchCongestion, (error: unknown) => {
      if (!isKubeEdgeError(error, 'VIADUCT_CLOSED')) failed(error);
      watchCongestion();
    });
    watchCongestion();
  };

  const post = (message: Message): void => {
    counters.posted += 1;
    write(message, (error) => {
      counters.lost += 1;
      log.warn({ resource: message.route.resource, err: errorText(error) }, 'message not sent');
    });
  };

  const complain = (error: KubeEdgeError, text: string): void => {
    bad += 1;
    if (worthLogging(bad)) log.warn({ code: error.code, err: errorText(error), count: bad }, text);
  };

  const decode = (text: string): Message | undefined => {
    try {
      return decodeMessage(text);
    } catch (error) {
      if (!isKubeEdgeError(error)) throw error;
      counters.malformed += 1;
      complain(error, 'malformed message dropped');
      return undefined;
    }
  };

  const enqueue = (to: 'edge' | 'device', message: Message): Promise<void> | undefined => {
    const room = inbox.offer(() => upstream[to].receive(node, message));
    if (room === undefined) return undefined;
    blocked = true;
    return room.then(() => {
      blocked = false;
      seenAt = clock.monotonic();
    });
  };

  const receive = (text: string): Promise<void> | undefined => {
    if (ended) return undefined;
    seenAt = clock.monotonic();
    const message = decode(text);
    if (message === undefined) return undefined;
    counters.received += 1;
    const target = dispatch(node, message);
    if (target.to === 'edge' || target.to === 'device') return enqueue(target.to, message);
    if (target.to === 'nobody') {
      counters.refused += 1;
      complain(target.error, 'message refused');
      // The waiter at the edge is found by group `resource` only, whatever group the request had.
      if (target.answer) {
        const answer = errorTo(origin, message, 'cloudhub', target.error.message);
        post({ ...answer, route: { ...answer.route, group: GROUPS.resource } });
      }
    } else if (target.what === 'ack') {
      events.acked(target.id, message.content);
    } else if (target.what === 'error') {
      // The resend timer does the rest.
      const { parent_msg_id: parent = '' } = message.header;
      log.warn({ resource: message.route.resource, parent }, 'edge reports an error');
      events.refused(parent);
    } else if (target.what === 'ca') {
      post(responseTo(origin, message, ports.clusterCaPem, { source: 'cloudhub', group: GROUPS.resource }));
    }
    return undefined;
  };

  liveness.set(ports.keepaliveMs);
  connection.start(receive);

  return {
    connection,
    transmit(command) {
      if (command.resent) counters.resent += 1;
      else counters.sent += 1;
      const { operation, source, object, resourceVersion } = command;
      const content =
        operation === 'delete' || command.content.kind !== undefined
          ? command.content
          : { apiVersion: object.apiVersion, kind: object.kind, ...command.content };
      const resource = resourcePath(object.type, object.namespace, object.name);
      const message = newMessage(
        { now: origin.now, uuid: () => command.id },
        { source, group: GROUPS.resource, operation, resource, content, resourceVersion },
      );
      write(message, (error) => log.error({ resource, err: errorText(error) }, 'object not sent'));
    },
    post,
    end() {
      ended = true;
      liveness.clear();
    },
  };
}
