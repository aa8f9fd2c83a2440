import type { UnknownObject } from '@kubeedge-ts/apis';

/** Names one stored object. `resource` is `plural` for the core group, else `plural.group`; cluster scope has namespace ''. */
export interface StoreKey {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** An object at a revision. `object` carries that revision as resourceVersion and must never be changed in place. */
export interface StoredObject {
  readonly key: StoreKey;
  readonly revision: number;
  readonly object: UnknownObject;
}

export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly key: StoreKey;
  readonly revision: number;
  /** The object after the change; for DELETED the last state, with the revision of the deletion. */
  readonly object: UnknownObject;
  /** The object before the change; absent for ADDED. */
  readonly previous?: UnknownObject;
}

/**
 * Objects with one revision counter over all resources. Every write is durable before it returns, and is
 * announced to subscribers after that. Failed expectations are values: `undefined` means that the object is there
 * already (create) or is not at the expected revision any more (update, delete).
 */
export interface ObjectStore {
  /** Revision of the newest write. */
  readonly revision: number;
  /** History up to and including this revision is gone. */
  readonly compacted: number;
  get(key: StoreKey): StoredObject | undefined;
  /** In key order; all namespaces when `namespace` is undefined. */
  list(resource: string, namespace?: string): StoredObject[];
  /** The list as it was at `revision`, which must not be compacted. */
  listAt(revision: number, resource: string, namespace?: string): StoredObject[];
  /** Changes of a resource after `revision`, which must not be compacted. */
  since(resource: string, revision: number): StoreEvent[];
  create(key: StoreKey, object: UnknownObject): StoredObject | undefined;
  update(key: StoreKey, expected: number, object: UnknownObject): StoredObject | undefined;
  delete(key: StoreKey, expected: number, last?: UnknownObject): StoredObject | undefined;
  /** Called synchronously after each durable change of the resource. */
  subscribe(resource: string, listener: (event: StoreEvent) => void): () => void;
  close(): void;
}

export interface HistoryLimits {
  /** Most events kept for watches that resume. */
  readonly events: number;
  /** Most bytes of JSON kept for them. */
  readonly bytes: number;
}

export const DEFAULT_HISTORY: HistoryLimits = { events: 20_000, bytes: 64 * 1024 * 1024 };
