import {
  type Device,
  type MembershipDevice,
  type MembershipUpdate,
  type Message,
  type MessageOrigin,
  newMessage,
} from '@kubeedge-ts/apis';
import type { Downstream } from '../cloudhub/downstream.ts';

/** Devices per message: a site of thousands must not make one huge frame. */
const CHUNK = 100;

/** What was posted this shortly before a connection ended may not have arrived, ms. */
const UNSURE_MS = 60_000;

export interface Membership {
  /** The devices bound to a node now; what differs from what the node was told is told, or kept until it connects. */
  set(node: string, devices: readonly Device[]): void;
  connected(node: string): void;
  disconnected(node: string): void;
}

interface Posted {
  readonly entry: MembershipDevice;
  readonly at: number;
}

interface Told {
  /** UID → entry, of devices bound now. */
  bound: ReadonlyMap<string, MembershipDevice>;
  /** What the node knows from us. */
  readonly known: Map<string, Posted>;
  /** What it was told to forget. */
  readonly removed: Map<string, Posted>;
}

/**
 * Tells nodes which devices they have (spec/mqtt-and-devicetwin.md §8.1). The message is confirmed by nobody, so it is
 * sent once per device, node and life of this process: when the device appears on a connected node, else when the
 * node connects; and again only if the connection ended so soon after that it may be lost. It is not repeated at every
 * connect because an upstream edge publishes an error for each device it already knows (§4.1).
 */
export function createMembership(origin: MessageOrigin, downstream: Pick<Downstream, 'post'>): Membership {
  const nodes = new Map<string, Told>();

  const tell = (node: string): void => {
    const told = nodes.get(node);
    if (told === undefined) return;
    const gone = [...told.known].filter(([uid]) => !told.bound.has(uid));
    for (const part of chunks(gone)) {
      const entries = part.map(([, { entry }]) => entry);
      if (!downstream.post(node, membershipMessage(origin, { removed: entries }))) return;
      for (const [uid, { entry }] of part) {
        told.known.delete(uid);
        told.removed.set(uid, { entry, at: origin.now() });
      }
    }
    const added = [...told.bound].filter(([uid]) => !told.known.has(uid));
    for (const part of chunks(added)) {
      const entries = part.map(([, entry]) => entry);
      if (!downstream.post(node, membershipMessage(origin, { added: entries }))) return;
      for (const [uid, entry] of part) {
        told.known.set(uid, { entry, at: origin.now() });
        told.removed.delete(uid);
      }
    }
  };
  const isUnsure = ({ at }: Posted): boolean => origin.now() - at < UNSURE_MS;

  return {
    set(node, devices) {
      if (devices.length === 0 && !nodes.has(node)) return;
      const bound = new Map(devices.map((device) => [device.metadata.uid ?? '', membershipEntry(device)]));
      const told = nodes.get(node) ?? { bound, known: new Map(), removed: new Map() };
      told.bound = bound;
      nodes.set(node, told);
      tell(node);
    },
    connected: tell,
    disconnected(node) {
      const told = nodes.get(node);
      if (told === undefined) return;
      for (const [uid, posted] of told.known) if (isUnsure(posted)) told.known.delete(uid);
      for (const [uid, posted] of told.removed) {
        told.removed.delete(uid);
        // Known again, but not bound: the next connection is told once more.
        if (isUnsure(posted) && !told.known.has(uid) && !told.bound.has(uid)) told.known.set(uid, posted);
      }
      if (told.bound.size === 0 && told.known.size === 0) nodes.delete(node);
    },
  };
}

/** `{ns}/{name}` is the device's identity at the edge. */
export function membershipEntry({ metadata }: Device): MembershipDevice {
  const description = metadata.labels?.['description'];
  return {
    id: `${metadata.namespace ?? ''}/${metadata.name}`,
    name: metadata.name,
    ...(description ? { description } : {}),
  };
}

function membershipMessage(
  origin: MessageOrigin,
  { added, removed }: { added?: MembershipDevice[]; removed?: MembershipDevice[] },
): Message<MembershipUpdate> {
  return newMessage(origin, {
    source: 'devicecontroller',
    group: 'twin',
    operation: 'update',
    resource: 'membership',
    content: {
      event_id: origin.uuid(),
      timestamp: origin.now(),
      added_devices: added ?? null,
      removed_devices: removed ?? null,
    },
  });
}

function* chunks<T>(items: readonly T[]): Generator<T[]> {
  for (let start = 0; start < items.length; start += CHUNK) yield items.slice(start, start + CHUNK);
}
