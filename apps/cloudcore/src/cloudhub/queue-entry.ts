import type { KubeObject } from '@kubeedge-ts/apis';
import type { DownstreamObject } from './downstream.ts';
import type { Flight } from './flights.ts';
import { NOTHING_CONFIRMED, type SyncRecord } from './node-queue-types.ts';
import { keyOf, type ObjectIdentity } from './object-kind.ts';
import type { Waiting } from './send-order.ts';

/** `writing`: a reset or a seal is under way. `refused`: there will be none. */
export type RecordState = 'none' | 'creating' | 'present' | 'writing' | 'deleting' | 'refused';

/** What the edge is known to have stored. */
export interface Confirmation {
  /** Undefined: only the version is known, from a record. */
  readonly hash: string | undefined;
  readonly version: string;
}

/** One object of one node, wanted or not. */
export interface Entry extends Waiting {
  object: ObjectIdentity;
  readonly key: string;
  wanted: DownstreamObject | undefined;
  /** It is certain that the node must not have it; otherwise its controller has not spoken yet. */
  dropped: boolean;
  record: RecordState;
  /** The version the record holds, or will hold soon; empty: one that proves nothing towards this edge. */
  noted: string;
  /** The record holds the hash: it must be reset before anything else is sent. */
  sealed: boolean;
  /** Undefined as soon as anything else may lie there: from the moment a message is sent until its ack. */
  confirmed: Confirmation | undefined;
  /** The edge had it, in whatever version: changes are updates. */
  delivered: boolean;
  /** The edge may have it. */
  sent: boolean;
  /** It is known from a record an upstream cloudcore wrote. */
  byUpstream: boolean;
  flight: Flight<Entry> | undefined;
}

export function newEntry(object: ObjectIdentity): Entry {
  return {
    object,
    key: keyOf(object),
    wanted: undefined,
    dropped: false,
    record: 'none',
    noted: NOTHING_CONFIRMED,
    sealed: false,
    confirmed: undefined,
    delivered: false,
    sent: false,
    byUpstream: false,
    flight: undefined,
    seq: 0,
    readyAs: 0,
    rank: 0,
  };
}

/** What a record proves towards this cluster and this edge store. */
export function confirmationIn(
  record: SyncRecord,
  cluster: string,
  store: string | undefined,
): Confirmation | undefined {
  if (record.version === NOTHING_CONFIRMED) return undefined;
  if (record.cluster !== undefined && record.cluster !== cluster) return undefined;
  if (store !== undefined && record.store !== store) return undefined;
  return { hash: record.hash, version: record.version };
}

/** Takes over what the API server remembers of the object. */
export function adoptRecord(
  entry: Entry,
  record: SyncRecord,
  cluster: string,
  store: string | undefined,
): void {
  entry.record = 'present';
  entry.sent = true;
  entry.byUpstream = record.cluster === undefined;
  entry.noted = record.version;
  entry.sealed = record.hash !== undefined;
  entry.confirmed = confirmationIn(record, cluster, store);
  entry.delivered = entry.confirmed !== undefined;
  if (!entry.delivered) voidNote(entry);
}

/** A record that somebody else had created; what an ack or the edge's inventory has told stands above it. */
export function adoptFound(
  entry: Entry,
  record: SyncRecord,
  where: { readonly cluster: string; readonly store: string | undefined; readonly inventoried: boolean },
): void {
  const { confirmed, delivered } = entry;
  adoptRecord(entry, record, where.cluster, where.store);
  if (confirmed === undefined && !where.inventoried) return;
  Object.assign(entry, { confirmed, delivered });
  if (confirmed === undefined) voidNote(entry);
}

export function loseRecord(entry: Entry): void {
  entry.record = 'none';
  entry.noted = NOTHING_CONFIRMED;
  entry.sealed = false;
}

/** What the record claims does not count here, so it must be written anew even for the same version. */
export function voidNote(entry: Entry): void {
  if (entry.noted !== NOTHING_CONFIRMED) entry.noted = '';
}

/**
 * True when the edge has what is wanted. Versions are compared for equality only, and only where no hash is known: a
 * device is merged with its model, so that its own version does not tell whether the edge's copy is current.
 */
export function isConfirmed(entry: Entry): boolean {
  const { confirmed, wanted } = entry;
  if (confirmed === undefined || wanted === undefined) return false;
  if (confirmed.hash !== undefined) return confirmed.hash === wanted.hash;
  return wanted.type !== 'device' && confirmed.version === wanted.resourceVersion;
}

/** The content, unless the object is gone or its name belongs to another one by now. */
export function currentContent(object: DownstreamObject): KubeObject | undefined {
  const content = object.content();
  return content?.metadata.uid === object.uid ? content : undefined;
}

/** Hash of what is about to be sent; undefined where it is newer than what was hashed and may be anything. */
export function sentHash(wanted: DownstreamObject, content: KubeObject): string | undefined {
  if (wanted.hashOf !== undefined) return wanted.hashOf(content);
  const { resourceVersion = wanted.resourceVersion } = content.metadata;
  return resourceVersion === wanted.resourceVersion ? wanted.hash : undefined;
}
