import {
  CLOUD_MODULES,
  EDGE_MODULES,
  errorTo,
  GROUPS,
  isRecord,
  type Message,
  type MessageOrigin,
  type Node,
  OK,
  OPERATIONS,
  type Pod,
  parseResource,
  responseTo,
} from '@kubeedge-ts/apis';
import type { Bus } from '@kubeedge-ts/beehive';
import { errorText } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { Statement, Store } from '@kubeedge-ts/store';
import type { EdgedSink } from './meta-client.ts';
import { removeObject, storeObject } from './meta-rows.ts';
import type { Outbox } from './outbox.ts';
import { nodeObject } from './outbox-entry.ts';

export interface DownstreamOptions {
  readonly store: Pick<Store, 'write'>;
  readonly bus: Bus;
  readonly origin: MessageOrigin;
  readonly log: Logger;
  /** The cloud is ours, its edgecontroller sends of Services what containers are told, no more. */
  readonly servicesShortened: () => boolean;
  /** Edged, once it is there. */
  readonly edged: () => EdgedSink | undefined;
  /** Hears of every object that is stored now. */
  readonly arrived: (resource: string, object: unknown) => void;
  /** Hears which pods and nodes the cloud has told the present state of, and which pods it has deleted. */
  readonly outbox: Pick<Outbox, 'refreshed' | 'forget'>;
}

/** Takes insert, update and delete of the cloud; resolves when the message has been answered. Never rejects. */
export type Downstream = (message: Message) => Promise<void>;

const DEVICE_TYPES: ReadonlySet<string> = new Set(['device', 'devicemodel']);

/**
 * Persist, react, acknowledge (spec/metamanager-and-metaserver.md §3.1, DESIGN §5): the ack says "stored". Messages may
 * be given to it without waiting for the one before: the store keeps their order and commits them together.
 */
export function createDownstream(options: DownstreamOptions): Downstream {
  const { store, bus, origin, log, outbox } = options;

  const answer = async (message: Message): Promise<void> => {
    try {
      await bus.send(EDGE_MODULES.edgeHub, message);
    } catch (error) {
      // Without an answer the cloud sends the object again.
      log.warn(
        { resource: message.route.resource, err: errorText(error) },
        'answer was not handed to edgehub',
      );
    }
  };

  const toTwin = async (message: Message): Promise<void> => {
    const route = { ...message.route, source: 'meta', group: GROUPS.twin };
    try {
      await bus.send(EDGE_MODULES.deviceTwin, { ...message, route });
    } catch (error) {
      log.debug({ resource: message.route.resource, err: errorText(error) }, 'no device twin module');
    }
  };

  const react = async (message: Message): Promise<void> => {
    const { operation, resource = '' } = message.route;
    const { type, namespace, name } = parseResource(resource);
    const deleted = operation === OPERATIONS.delete;
    if (DEVICE_TYPES.has(type)) return toTwin(message);
    if (type === 'pod') {
      const uid = uidOf(message.content);
      if (deleted) {
        outbox.forget({ kind: 'pod', namespace, name, uid });
        options.edged()?.podDeleted({ namespace, name, uid });
      } else {
        outbox.refreshed({ kind: 'pod', namespace, name, uid });
        options.edged()?.podChanged(message.content as Pod);
      }
    } else if (type === 'node' && !deleted) {
      outbox.refreshed(nodeObject(name));
      options.edged()?.nodeChanged(message.content as Node);
    } else if (type === 'configmap' || type === 'secret') {
      options.edged()?.referencedChanged(type, namespace, name);
    } else if (type === 'service') {
      options.edged()?.servicesChanged(namespace);
    }
  };

  const isWhole = ({ route }: Message): boolean =>
    parseResource(route.resource ?? '').type !== 'service' ||
    route.source !== CLOUD_MODULES.edgeController ||
    !options.servicesShortened();

  return async (message) => {
    const { operation, resource } = message.route;
    let statements: readonly Statement[];
    if (operation === OPERATIONS.delete)
      statements = removeObject(message, uidOf(message.content), isWhole(message));
    else if (isRecord(message.content)) statements = storeObject(message, isWhole(message));
    else {
      await answer(
        errorTo(origin, message, EDGE_MODULES.metaManager, `${operation} ${resource} carries no object`),
      );
      return;
    }
    try {
      await store.write(statements);
    } catch (error) {
      log.error({ operation, resource, err: errorText(error) }, 'object of the cloud was not stored');
      await answer(errorTo(origin, message, EDGE_MODULES.metaManager, errorText(error)));
      return;
    }
    if (operation !== OPERATIONS.delete) options.arrived(resource ?? '', message.content);
    try {
      await react(message);
    } catch (error) {
      log.error({ operation, resource, err: errorText(error) }, 'change of an object was not handed on');
    }
    await answer(responseTo(origin, message, OK, ackRoute(message)));
  };
}

/** Upstream rewrites the route of device inserts and deletes before it builds the ack (message-protocol §4.1). */
function ackRoute({ route }: Message): { source?: string; group?: string } {
  const { type } = parseResource(route.resource ?? '');
  const rewritten =
    DEVICE_TYPES.has(type) && route.source === 'devicecontroller' && route.operation !== OPERATIONS.update;
  return rewritten ? { source: 'meta', group: GROUPS.twin } : {};
}

function uidOf(content: unknown): string {
  const metadata = isRecord(content) ? content['metadata'] : undefined;
  const uid = isRecord(metadata) ? metadata['uid'] : undefined;
  return typeof uid === 'string' ? uid : '';
}
