import assert from 'node:assert/strict';
import { decodeMessage, encodeMessage, type Message, newMessage } from '@kubeedge-ts/apis';
import { viaductErrors } from '@kubeedge-ts/errors';
import type { Admission, CloseReason, Connection, PeerIdentity, Transport } from '@kubeedge-ts/viaduct';

/** The edge's end of a connection without a network. */
export interface FakeLink {
  readonly connection: Connection;
  /** Messages the cloud wrote, in order. */
  readonly received: Message[];
  /** Hands a frame to the cloud; resolves when it was dealt with. */
  write(text: string): Promise<void>;
  send(message: Partial<Message['route']> & { content?: unknown; parent?: string }): Promise<Message>;
  /** The edge's `OK` for a message. */
  ack(message: Message): Promise<void>;
  /** Ends the connection from the edge's side. */
  drop(): void;
  readonly closed: CloseReason | undefined;
  /** Bytes that seem to wait for the socket. */
  buffered: number;
  /** Frames are taken but their `send` stays pending until `release`. */
  hold(): void;
  release(): void;
}

export interface FakeTransport extends Pick<Transport, 'listen'> {
  /** Dials as this node. @throws AssertionError when admission refuses; see `refusal`. */
  connect(node: string, headers?: Readonly<Record<string, string>>): FakeLink;
  refusal(node: string): { readonly status: number; readonly reason: string } | undefined;
  readonly listening: boolean;
}

let ids = 0;
const origin = { now: () => 1_700_000_000_000, uuid: () => `edge-message-${++ids}` };

export function peerOf(node: string, headers: Readonly<Record<string, string>> = {}): PeerIdentity {
  return {
    nodeName: node,
    projectId: 'p',
    commonName: `system:node:${node}`,
    organization: 'system:nodes',
    remoteAddress: '192.0.2.1',
    headers,
  };
}

export function createFakeLink(peer: PeerIdentity): FakeLink {
  const { promise: closed, resolve: finish } = Promise.withResolvers<CloseReason>();
  const received: Message[] = [];
  const waiting: (() => void)[] = [];
  let holding = false;
  let handler: ((text: string) => void | Promise<void>) | undefined;
  let reading = Promise.resolve();
  let reason: CloseReason | undefined;
  const end = (code: number, text: string, local: boolean): void => {
    if (reason !== undefined) return;
    reason = { code, reason: text, local };
    finish(reason);
  };
  const connection: Connection = {
    id: `link-${++ids}`,
    peer,
    start(given) {
      handler = given;
    },
    send(text) {
      if (reason !== undefined) {
        return Promise.reject(
          viaductErrors.create('VIADUCT_CLOSED', { peer: peer.nodeName, code: reason.code }),
        );
      }
      received.push(decodeMessage(text));
      return holding ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve();
    },
    ping: () => Promise.resolve(),
    get bufferedBytes() {
      return link.buffered;
    },
    close: (code = 1000, text = '') => end(code, text, true),
    closed,
  };
  const link: FakeLink = {
    connection,
    received,
    buffered: 0,
    write(text) {
      reading = reading.then(async () => {
        if (reason === undefined) await handler?.(text);
      });
      return reading;
    },
    async send({ content = null, parent, source = 'edged', group = 'meta', operation = '', resource = '' }) {
      const message = newMessage(origin, {
        source,
        group,
        operation,
        resource,
        content,
        ...(parent === undefined ? {} : { parent }),
      });
      await link.write(encodeMessage(message));
      return message;
    },
    async ack(message) {
      const { source = '', group = '', resource = '' } = message.route;
      const parent = message.header.msg_id;
      await link.send({ source, group, resource, operation: 'response', content: 'OK', parent });
    },
    drop: () => end(1006, '', false),
    get closed() {
      return reason;
    },
    hold() {
      holding = true;
    },
    release() {
      holding = false;
      link.buffered = 0;
      for (const resolve of waiting.splice(0)) resolve();
    },
  };
  return link;
}

export function createFakeTransport(): FakeTransport {
  let admit: Admission | undefined;
  let accept: ((connection: Connection) => void) | undefined;
  const judge = (peer: PeerIdentity) => {
    assert.ok(admit !== undefined && accept !== undefined, 'nobody listens');
    return admit(peer);
  };
  return {
    async listen(_options, admission, onConnection) {
      admit = admission;
      accept = onConnection;
      return {
        port: 10_000,
        close: async () => {
          accept = undefined;
        },
      };
    },
    connect(node, headers) {
      const peer = peerOf(node, headers);
      const verdict = judge(peer);
      assert.ok(verdict.accept, 'the connection is refused');
      const link = createFakeLink(peer);
      accept?.(link.connection);
      return link;
    },
    refusal(node) {
      const verdict = judge(peerOf(node));
      return verdict.accept ? undefined : { status: verdict.status, reason: verdict.reason };
    },
    get listening() {
      return accept !== undefined;
    },
  };
}
