import { decodeMessage, encodeMessage, type Message, newMessage, parseResource } from '@kubeedge-ts/apis';
import type { NodeCredentials } from '@kubeedge-ts/pki';
import { silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { until } from '@kubeedge-ts/testing/site';
import { type Connection, createWebSocketTransport, DEFAULT_PROJECT_ID } from '@kubeedge-ts/viaduct';
import { createMetaTable, type MetaTable } from './upstream-meta.ts';

/** An upstream edge without its modules: it sends what it is told, stores and acks what it gets. */
export interface ScriptedEdge {
  readonly table: MetaTable;
  /** What came and was not taken yet, without what only confirms. */
  readonly inbox: readonly Message[];
  /** All that came, in order. */
  readonly received: readonly Message[];
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  send(message: Message): Promise<void>;
  /** The first message that matches, once it is there; it leaves the inbox. */
  take(what: string, matches: (message: Message) => boolean): Promise<Message>;
  /** Resolves when the cloud has handled all that was sent. */
  settled(): Promise<void>;
}

const origin = { now: systemClock.now, uuid: systemRandom.uuid };
const DEVICE_TYPES: ReadonlySet<string> = new Set(['device', 'devicemodel']);
const UNACKED: ReadonlySet<string> = new Set(['podpatch', 'nodepatch']);

export function createScriptedEdge(
  nodeName: string,
  hubUrl: string,
  { caPem, certPem, keyPem }: NodeCredentials,
): ScriptedEdge {
  const transport = createWebSocketTransport({ clock: systemClock, log: silentLogger });
  const table = createMetaTable();
  const inbox: Message[] = [];
  const received: Message[] = [];
  let link: Connection | undefined;

  const receive = async (connection: Connection, message: Message): Promise<void> => {
    table.received(message);
    inbox.push(message);
    received.push(message);
    const ack = ackOf(message);
    if (ack !== undefined) await connection.send(encodeMessage(ack));
  };
  const current = (): Connection => {
    if (link === undefined) throw new Error('the edge is not connected');
    return link;
  };

  return {
    table,
    inbox,
    received,
    async connect() {
      const dial = () =>
        transport.dial({
          url: `wss://${hubUrl}/${DEFAULT_PROJECT_ID}/${nodeName}/events`,
          tls: { ca: caPem, cert: certPem, key: keyPem },
          nodeName,
          projectId: DEFAULT_PROJECT_ID,
          maxFrameBytes: 32 * 1024 * 1024,
          handshakeTimeoutMs: 30_000,
        });
      // As an edge does: the cloud may not listen yet.
      const connection = await until('the cloud takes the connection', dial, { timeoutMs: 20_000 });
      connection.start((text) => receive(connection, decodeMessage(text)));
      link = connection;
    },
    async disconnect() {
      const connection = link;
      link = undefined;
      connection?.close();
      await connection?.closed;
    },
    async send(message) {
      table.sent(message);
      await current().send(encodeMessage(message));
    },
    take(what, matches) {
      return until(
        `${what}; there are: ${inbox.map(({ route }) => `${route.operation} ${route.resource}`)}`,
        () => {
          const at = inbox.findIndex(matches);
          return at === -1 ? undefined : inbox.splice(at, 1)[0];
        },
        { timeoutMs: 15_000, everyMs: 5 },
      );
    },
    settled: () => current().ping(),
  };
}

/** Acks as upstream's MetaManager gives them (spec/message-protocol.md §4.1, §5.1). */
function ackOf({ header, route }: Message): Message | undefined {
  const { group, operation, resource = '' } = route;
  const { type } = parseResource(resource);
  if (group !== 'resource' || UNACKED.has(type)) return undefined;
  const rewritten = DEVICE_TYPES.has(type) && route.source === 'devicecontroller' && operation !== 'update';
  const device = rewritten ? { source: 'meta', group: 'twin' } : {};
  if (!['insert', 'update', 'delete', 'response'].includes(operation ?? '')) return undefined;
  const { source = '' } = route;
  return newMessage(origin, {
    source,
    group,
    ...device,
    operation: 'response',
    resource,
    content: 'OK',
    parent: header.msg_id,
  });
}
