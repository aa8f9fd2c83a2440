import { messageErrors } from '@kubeedge-ts/errors';
import { isRecord, parseJson } from '../json.ts';

/**
 * One message of KubeEdge, in its wire form (spec/message-protocol.md §1.1).
 * The same form is used inside a program, so nothing is converted at the edge of the process.
 */
export interface Message<Content = unknown> {
  readonly header: MessageHeader;
  readonly route: MessageRoute;
  readonly content: Content;
}

export interface MessageHeader {
  /** UUID v4. */
  readonly msg_id: string;
  /** `msg_id` of the message this one answers; absent or empty: no answer. */
  readonly parent_msg_id?: string;
  /** Creation time, Unix milliseconds. */
  readonly timestamp: number;
  /** `metadata.resourceVersion` of the object in `content`. */
  readonly resourceversion?: string;
  /** In-process flag, never on the wire. */
  readonly sync?: boolean;
}

export interface MessageRoute {
  readonly source?: string;
  readonly destination?: string;
  readonly group?: string;
  readonly operation?: string;
  readonly resource?: string;
}

/** Identity and time of new messages come from outside so that tests can fix them. */
export interface MessageOrigin {
  readonly now: () => number;
  readonly uuid: () => string;
}

export interface NewMessage<Content> {
  readonly source: string;
  readonly group: string;
  readonly operation: string;
  readonly resource: string;
  readonly content: Content;
  readonly parent?: string;
  readonly resourceVersion?: string;
}

export function newMessage<Content>(origin: MessageOrigin, init: NewMessage<Content>): Message<Content> {
  return {
    header: {
      msg_id: origin.uuid(),
      ...(init.parent ? { parent_msg_id: init.parent } : {}),
      timestamp: origin.now(),
      ...(init.resourceVersion ? { resourceversion: init.resourceVersion } : {}),
    },
    route: {
      source: init.source,
      group: init.group,
      operation: init.operation,
      resource: init.resource,
    },
    content: init.content,
  };
}

/** The answer to `request`: its route is copied, operation `response` (spec/message-protocol.md §1.2). */
export function responseTo<Content>(
  origin: MessageOrigin,
  request: Message,
  content: Content,
  changes: { readonly source?: string; readonly group?: string; readonly resourceVersion?: string } = {},
): Message<Content> {
  return {
    header: {
      msg_id: origin.uuid(),
      parent_msg_id: request.header.msg_id,
      timestamp: origin.now(),
      ...(changes.resourceVersion ? { resourceversion: changes.resourceVersion } : {}),
    },
    route: {
      ...request.route,
      ...(changes.source ? { source: changes.source } : {}),
      ...(changes.group ? { group: changes.group } : {}),
      operation: 'response',
    },
    content,
  };
}

/** The negative answer to `request`: operation `error`, content = text. */
export function errorTo(
  origin: MessageOrigin,
  request: Message,
  source: string,
  text: string,
): Message<string> {
  return {
    header: { msg_id: origin.uuid(), parent_msg_id: request.header.msg_id, timestamp: origin.now() },
    route: {
      source,
      group: request.route.group ?? '',
      operation: 'error',
      resource: request.route.resource ?? '',
    },
    content: text,
  };
}

/** One JSON text per WebSocket frame (spec/message-protocol.md §2.1). */
export function encodeMessage(message: Message): string {
  return JSON.stringify(
    message.header.sync ? { ...message, header: { ...message.header, sync: undefined } } : message,
  );
}

/**
 * Reads one frame.
 *
 * @throws KubeEdgeError MESSAGE_MALFORMED naming the path
 */
export function decodeMessage(text: string): Message {
  return checkMessage(parseJson(text));
}

/** @throws KubeEdgeError MESSAGE_MALFORMED naming the path */
export function checkMessage(value: unknown): Message {
  if (!isRecord(value)) throw malformed('$', 'not an object');
  const { header, route } = value;
  if (!isRecord(header)) throw malformed('header', 'not an object');
  if (!isRecord(route)) throw malformed('route', 'not an object');
  if (typeof header['msg_id'] !== 'string' || header['msg_id'] === '') {
    throw malformed('header.msg_id', 'not a non-empty string');
  }
  if (typeof header['timestamp'] !== 'number' || !Number.isFinite(header['timestamp'])) {
    throw malformed('header.timestamp', 'not a number');
  }
  for (const key of ['parent_msg_id', 'resourceversion', 'type'] as const) {
    if (header[key] !== undefined && typeof header[key] !== 'string') {
      throw malformed(`header.${key}`, 'not a string');
    }
  }
  for (const key of ['source', 'destination', 'group', 'operation', 'resource'] as const) {
    if (route[key] !== undefined && typeof route[key] !== 'string') {
      throw malformed(`route.${key}`, 'not a string');
    }
  }
  return {
    header: header as unknown as MessageHeader,
    route: route as MessageRoute,
    content: value['content'] ?? null,
  };
}

function malformed(path: string, problem: string) {
  return messageErrors.create('MESSAGE_MALFORMED', { path, problem });
}
