import {
  CLOUD_CONNECTED,
  EDGE_MODULES,
  errorTo,
  GROUPS,
  type InventoryRequest,
  type Message,
  type MessageOrigin,
  OK,
  OPERATIONS,
  parseResource,
  readCapabilities,
  readClusterVersion,
  responseTo,
  routeMessage,
} from '@kubeedge-ts/apis';
import type { Bus, Module, Subscription } from '@kubeedge-ts/beehive';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { Store } from '@kubeedge-ts/store';
import { createMetaClient } from './client.ts';
import { createClusterVersion } from './cluster-version.ts';
import { createDownstream } from './downstream.ts';
import { createEventOutbox, type EventOutbox } from './event-outbox.ts';
import { createEventSender } from './event-sender.ts';
import { createInventory } from './inventory.ts';
import type { EdgedSink, MetaClient } from './meta-client.ts';
import { createObjectAccess } from './object-access.ts';
import { createOutbox } from './outbox.ts';
import { createOutboxSender } from './outbox-sender.ts';
import { createRemote } from './remote.ts';
import { createTokens } from './tokens.ts';

export interface MetaManagerOptions {
  /** With `edgeMigrations`. Closed by the caller, after the module has stopped. */
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How long an answer of the cloud is waited for, ms (`modules.metaManager.remoteQueryTimeout` × 1000); default 60,000. */
  readonly remoteQueryTimeoutMs?: number;
  /** EdgeHub's `ping`: proof that the cloud has received what was sent before. */
  readonly proveReceipt?: () => Promise<void>;
  /** EdgeHub's `deliver`: sends messages and proves that the cloud has received them. */
  readonly deliver: (messages: readonly Message[]) => Promise<void>;
  /** Upgrade headers of the cloud, lower-case names, while it is connected. */
  readonly cloudHeaders?: () => Readonly<Record<string, string>>;
}

export interface MetaManager {
  readonly module: Module;
  readonly client: MetaClient;
  /** Events that were given up: too many waited, or the cloud refused them. */
  readonly eventCounters: EventOutbox['counters'];
  /** Edged, which is created after MetaManager; what happens before is found in the store. */
  setEdged(edged: EdgedSink): void;
}

/** Messages of the cloud being stored at one time; the link is not read further until there is room. */
const IN_FLIGHT = 128;

/**
 * Keeps what the cloud sends in the edge store before it is acknowledged, answers edged from it, and sees to it that what
 * edged reports reaches the cloud (DESIGN §5, §6). Module `metamanager` of group `meta`.
 */
export function createMetaManager(options: MetaManagerOptions): MetaManager {
  const { store, bus, clock, random, log } = options;
  const origin: MessageOrigin = { now: () => clock.now(), uuid: () => random.uuid() };
  let edged: EdgedSink | undefined;
  let subscription: Subscription | undefined;
  let loop: Promise<void> = Promise.resolve();

  const remote = createRemote({ bus, origin, log, timeoutMs: options.remoteQueryTimeoutMs ?? 60_000 });
  const tokens = createTokens({ store, remote, clock, log });
  const sender = createOutboxSender({
    store,
    remote,
    ...(options.proveReceipt === undefined ? {} : { proveReceipt: options.proveReceipt }),
  });
  const outbox = createOutbox({
    store,
    sender,
    clock,
    random,
    log,
    onGone: ({ kind, namespace, name, uid }) => {
      if (kind === 'pod') edged?.podDeleted({ namespace, name, uid });
      else edged?.nodeGone();
    },
  });
  const objects = createObjectAccess({ store, remote, log });
  const downstream = createDownstream({
    store,
    bus,
    origin,
    log,
    outbox,
    arrived: (resource, object) => objects.arrived(resource, object),
    servicesShortened: () => remote.offers('services'),
    edged: () => edged,
  });
  const events = createEventOutbox({
    store,
    sender: createEventSender({ remote, origin, deliver: options.deliver }),
    clock,
    random,
    log,
  });
  const inventory = createInventory(store);
  const clusterVersion = createClusterVersion(store, log);
  const client = createMetaClient({ store, objects, remote, outbox, events, clusterVersion, tokens, log });

  const setConnected = (connected: boolean): void => {
    if (connected === remote.connected) return;
    const headers = options.cloudHeaders?.() ?? {};
    remote.setConnected(connected, readCapabilities(headers));
    if (connected) clusterVersion.note(readClusterVersion(headers));
    outbox.setConnected(connected);
    events.setConnected(connected);
    edged?.connectionChanged(connected);
  };

  const tellInventory = async (message: Message): Promise<void> => {
    let answer: Message;
    try {
      answer = responseTo(origin, message, await inventory.answer(message.content as InventoryRequest));
    } catch (error) {
      const problem = errorText(error);
      log.warn({ err: problem }, 'the cloud was not told what is stored');
      answer = errorTo(origin, message, EDGE_MODULES.metaManager, problem);
    }
    await bus.send(EDGE_MODULES.edgeHub, answer);
  };

  /** Resolves when the message is done with; only what must be stored takes time. */
  const handle = async (message: Message): Promise<void> => {
    const { source, operation, resource } = message.route;
    if (resource === 'node/connection') {
      setConnected(message.content === CLOUD_CONNECTED);
      return;
    }
    if (operation === OPERATIONS.unholdUpgrade && source === 'metaserver') {
      releaseHeldUpgrade(message);
      return;
    }
    try {
      const { route } = routeMessage(message, 'cloud');
      if (route === 'down.object' || route === 'down.device') await downstream(message);
      else if (route === 'down.inventory') await tellInventory(message);
      else if (route === 'down.answer') {
        // Its asker has given up; unanswered, the cloud would repeat it.
        await bus.send(EDGE_MODULES.edgeHub, responseTo(origin, message, OK));
      } else log.warn({ source, operation, resource }, 'message is not for metamanager');
    } catch (error) {
      const problem = errorText(error);
      log.warn({ source, operation, resource, err: problem }, 'message was refused');
      bus.respond(errorTo(origin, message, EDGE_MODULES.metaManager, problem));
    }
  };

  /** From MetaServer, on behalf of somebody at the node. */
  const releaseHeldUpgrade = ({ route }: Message): void => {
    const { type, namespace, name } = parseResource(route.resource ?? '');
    if (type === 'pod' && name !== '') edged?.releaseHeldUpgrade({ namespace, name });
    else log.warn({ resource: route.resource }, 'no pod is named whose upgrade may go on');
  };

  const run = async (from: Subscription): Promise<void> => {
    const underway = new Set<Promise<void>>();
    for (;;) {
      const message = await from.mailbox.take();
      if (message === undefined) break;
      const work: Promise<void> = handle(message).finally(() => underway.delete(work));
      underway.add(work);
      if (underway.size >= IN_FLIGHT) await Promise.race(underway);
    }
    await Promise.all(underway);
  };

  return {
    client,
    eventCounters: events.counters,
    setEdged: (sink) => {
      edged = sink;
    },
    module: {
      name: EDGE_MODULES.metaManager,
      async start() {
        await clusterVersion.load();
        await outbox.load();
        await events.load();
        subscription = bus.register({
          module: EDGE_MODULES.metaManager,
          group: GROUPS.meta,
          capacity: IN_FLIGHT,
        });
        loop = run(subscription);
      },
      async stop() {
        subscription?.close();
        await loop;
        // Edged has stopped before and is not told.
        remote.setConnected(false);
        await outbox.stop();
        await events.stop();
      },
    },
  };
}
