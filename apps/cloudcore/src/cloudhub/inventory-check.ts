import { type InventoryRequest, inventoryDigest, parseResource, type StoredObject } from '@kubeedge-ts/apis';
import type { EntryIndex } from './entry-index.ts';
import { OWNED_TYPES, ownerOf } from './object-kind.ts';
import { type Entry, voidNote } from './queue-entry.ts';

/**
 * Compares what an edge says it has stored with what was confirmed (DESIGN §5, LESSONS M15, docs/adr/040). Only types a
 * controller decides about: what other programs put on the edge is left alone.
 */

/**
 * Objects that were not as they had been confirmed: a backup was restored, or somebody changed the database. What is as it
 * must be counts as no difference: an edge also stores what it was answered, before or without our sending it.
 */
export interface StoreDifference {
  readonly missing: number;
  readonly changed: number;
  /** Objects nobody remembers the edge to have. */
  readonly unknown: number;
}

/**
 * Kind of an object that neither a controller nor a record has named: nothing but a delete is ever sent of it. Such
 * entries go with the connection, since the next inventory lists what is still there: an edge cannot fill our memory.
 */
const UNKNOWN_KIND = '';

/** The one object an edge stores by itself: its Node, from the answer to its registration. */
const NODE_TYPE = 'node';

export function isKnownByInventoryOnly({ object }: Entry): boolean {
  return object.kind === UNKNOWN_KIND;
}

export function inventoryRequest(entries: readonly Entry[]): InventoryRequest {
  const expected = expectedObjects(entries);
  return expected === undefined
    ? { types: OWNED_TYPES }
    : { types: OWNED_TYPES, digest: inventoryDigest(expected) };
}

/** Undefined when it is not known of every object what the edge has: an ack may have been lost, or only a version is known. */
function expectedObjects(entries: readonly Entry[]): readonly StoredObject[] | undefined {
  const expected: StoredObject[] = [];
  for (const { object, key, sent, confirmed } of entries) {
    if (!sent || ownerOf(object.type) === undefined) continue;
    if (confirmed?.hash === undefined) return undefined;
    expected.push({ key, uid: object.uid, hash: confirmed.hash });
  }
  return expected;
}

/** From now on the entries say what the edge has. Whatever is listed gets an entry; nobody has to want it. */
export function takeInventory(index: EntryIndex, listed: readonly StoredObject[]): StoreDifference {
  const difference = { missing: 0, changed: 0, unknown: 0 };
  const present = new Set<Entry>();
  for (const stored of listed) {
    const { key, uid, hash } = stored;
    const { type, namespace, name } = parseResource(key);
    if (uid === '' || ownerOf(type) === undefined) continue;
    const isOwnNode = type === NODE_TYPE;
    // Nor is it a leftover to be deleted before its controller has heard of the registration.
    if (isOwnNode && index.get(uid) === undefined) continue;
    const entry = index.obtain({ uid, type, namespace, name, apiVersion: '', kind: UNKNOWN_KIND });
    if (entry.key !== key) continue;
    // A name belongs to one object.
    if (index.siblings(entry).some((other) => other.wanted !== undefined)) entry.dropped = true;
    present.add(entry);
    const asItMustBe = hash === entry.wanted?.hash;
    if (!entry.sent) {
      if (!asItMustBe && !isOwnNode) difference.unknown += 1;
    } else if (entry.confirmed?.hash !== undefined && entry.confirmed.hash !== hash) {
      if (!asItMustBe) difference.changed += 1;
      voidNote(entry);
    }
    entry.sent = true;
    entry.delivered = true;
    entry.confirmed = { hash, version: entry.confirmed?.version ?? '' };
  }
  for (const entry of index.all()) {
    if (present.has(entry) || ownerOf(entry.object.type) === undefined) continue;
    if (entry.confirmed !== undefined) difference.missing += 1;
    entry.confirmed = undefined;
    entry.delivered = false;
    voidNote(entry);
  }
  return difference;
}
