import { type Message, readCapabilities } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Connection } from '@kubeedge-ts/viaduct';
import { createAlarm } from './alarm.ts';
import { createInbox } from './inbox.ts';
import { createInventoryCall } from './inventory-call.ts';
import { createNodeQueue } from './node-queue.ts';
import type { QueueCommand, QueueEvent, SyncRecord } from './node-queue-types.ts';
import type { ObjectSyncs } from './object-sync.ts';
import { createSession, type Session, type SessionEvents, type SessionPorts } from './session.ts';

export interface HubNodePorts extends SessionPorts {
  readonly cluster: string;
  readonly objectSyncs: Pick<ObjectSyncs, 'load' | 'execute'>;
  /** Makes the node ours; says who had it before. */
  readonly claim: (node: string, signal: AbortSignal) => Promise<'ours' | 'other'>;
  readonly window: number;
  /** How long after a comparison with the edge's store the next one is due, ms; differs from node to node. */
  readonly reconcileMs: () => number;
  /** Messages of one node that may wait for a controller. */
  readonly inboxCapacity: number;
}

/** Upgrade header of our own edges: identity of their database. A new one means that nothing in it is confirmed. */
export const STORE_HEADER = 'x-kubeedge-ts-store';
const MAX_STORE_LENGTH = 128;

/** All CloudHub knows of one node, connected or not. */
export interface HubNode {
  handle(event: QueueEvent): void;
  /** Makes this the node's connection; the one before it must be closed already. */
  attach(connection: Connection): void;
  /** The connection ended. False when it was not the node's any more. */
  detach(connection: Connection): boolean;
  /** False when the node is away. */
  post(message: Message): boolean;
  disconnect(code: number, reason: string): void;
  readonly connected: boolean;
  /** Nothing is lost when it is forgotten. */
  readonly idle: boolean;
}

export function createHubNode(name: string, ports: HubNodePorts): HubNode {
  const { clock, log, counters, objectSyncs } = ports;
  const queue = createNodeQueue({ cluster: ports.cluster, uuid: ports.origin.uuid, window: ports.window });
  const inbox = createInbox({
    capacity: ports.inboxCapacity,
    failed: (error) => {
      counters.failed += 1;
      log.error({ node: name, err: errorText(error) }, 'message of a node could not be handled');
    },
  });
  const resend = createAlarm(clock, () => handle({ type: 'timer' }));
  const reconcile = createAlarm(clock, () => {
    handle({ type: 'reconcile' });
    reconcile.set(ports.reconcileMs());
  });
  const inventory = createInventoryCall({
    clock,
    now: ports.origin.now,
    post: (message) => session?.post(message),
    told: (id, told) => {
      if (told === 'unknown') log.warn({ node: name }, 'edge does not tell what it has stored');
      handle({ type: 'inventory', id, inventory: told });
    },
  });
  let session: Session | undefined;
  let starting: AbortController | undefined;
  /** The records have been read once. */
  let loaded = false;
  /** Read, and not yet told to the queue because the connection went. */
  let unread: readonly SyncRecord[] | undefined;
  let loading = false;

  const handle = (event: QueueEvent): void => {
    for (const command of queue.handle(event)) carryOut(command);
  };

  const carryOut = (command: QueueCommand): void => {
    switch (command.type) {
      case 'send':
        session?.transmit(command);
        break;
      case 'set-timer':
        resend.set(command.ms);
        break;
      case 'clear-timer':
        resend.clear();
        break;
      case 'ask-inventory':
        inventory.ask(command.id, command.request);
        break;
      case 'store-differs':
        counters.repaired += 1;
        log.warn(
          { node: name, ...command.difference },
          'the edge does not have what it had confirmed: its store is brought up to date',
        );
        break;
      case 'stalled':
        counters.stalled += 1;
        log.warn(
          { node: name, resource: command.resource, sends: command.sends },
          'edge does not confirm an object',
        );
        break;
      default:
        objectSyncs.execute(name, command);
    }
  };

  /** The queue learns of the connection when it is certain what the records say. */
  const begin = async (connection: Connection, signal: AbortSignal): Promise<void> => {
    const owner = await ports.claim(name, signal);
    if (!loaded || owner === 'other') {
      loading = true;
      try {
        unread = await objectSyncs.load(name, owner === 'other');
        loaded = true;
      } finally {
        loading = false;
      }
    }
    if (signal.aborted) return;
    const records = unread;
    unread = undefined;
    const { headers } = connection.peer;
    const tells = readCapabilities(headers).has('inventory');
    handle({
      type: 'connected',
      records,
      store: headers[STORE_HEADER]?.slice(0, MAX_STORE_LENGTH),
      inventory: tells,
    });
    if (tells) reconcile.set(ports.reconcileMs());
  };

  const start = (connection: Connection): void => {
    const abort = new AbortController();
    starting = abort;
    begin(connection, abort.signal)
      .catch((error: unknown) => {
        if (!abort.signal.aborted)
          log.error({ node: name, err: errorText(error) }, 'delivery to a node not begun');
      })
      .finally(() => {
        if (starting === abort) starting = undefined;
      });
  };

  const events: SessionEvents = {
    acked(id, content) {
      if (inventory.answered(id, content)) return;
      counters.acked += 1;
      handle({ type: 'acked', id });
    },
    refused: (id) => void inventory.answered(id, undefined),
    congested: (value) => handle({ type: 'congested', value }),
  };

  const leave = (): void => {
    starting?.abort(new Error('the connection ended'));
    reconcile.clear();
    inventory.end();
    session?.end();
    session = undefined;
    handle({ type: 'disconnected' });
  };

  return {
    handle,
    attach(connection) {
      if (session !== undefined) leave();
      session = createSession(connection, inbox, events, ports);
      start(connection);
    },
    detach(connection) {
      if (session?.connection !== connection) return false;
      leave();
      return true;
    },
    post(message) {
      if (session === undefined) return false;
      session.post(message);
      return true;
    },
    disconnect: (code, reason) => session?.connection.close(code, reason),
    get connected() {
      return session !== undefined;
    },
    get idle() {
      if (session !== undefined || loading || (unread?.length ?? 0) > 0) return false;
      return queue.empty && inbox.size === 0;
    },
  };
}
