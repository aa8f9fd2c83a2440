import type { UnknownObject } from '@kubeedge-ts/apis';
import { errorText, standaloneErrors } from '@kubeedge-ts/errors';
import { openDatabase } from './database.ts';
import { createHistory } from './history.ts';
import { withoutRevision, withRevision } from './revision.ts';
import {
  DEFAULT_HISTORY,
  type HistoryLimits,
  type ObjectStore,
  type StoredObject,
  type StoreEvent,
  type StoreKey,
} from './types.ts';

export interface ObjectStoreOptions {
  /** File path, or `:memory:`. */
  readonly path: string;
  readonly history?: HistoryLimits;
}

interface ObjectRow {
  resource: string;
  namespace: string;
  name: string;
  revision: number;
  value: string;
}

/** How often the history's limits are looked at. */
const COMPACT_EVERY_WRITES = 256;

/**
 * The objects of the cluster: every one in memory for reading, SQLite for durability.
 *
 * @throws STANDALONE_DATA_DIR_IN_USE, STANDALONE_STORE_DAMAGED, STANDALONE_STORE_NEWER; writes throw
 * STANDALONE_STORE_WRITE_FAILED and leave everything as it was.
 */
export function openObjectStore(options: ObjectStoreOptions): ObjectStore {
  const db = openDatabase(options.path);
  const history = createHistory(db, options.history ?? DEFAULT_HISTORY);
  const upsert = db.prepare(
    'INSERT INTO objects (resource, namespace, name, revision, value) VALUES (?,?,?,?,?) ' +
      'ON CONFLICT (resource, namespace, name) DO UPDATE SET revision = excluded.revision, value = excluded.value',
  );
  const remove = db.prepare('DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?');

  const resources = new Map<string, Map<string, StoredObject>>();
  const listeners = new Map<string, Set<(event: StoreEvent) => void>>();
  let revision = history.newest();
  let writes = 0;

  const table = (resource: string): Map<string, StoredObject> => {
    let objects = resources.get(resource);
    if (objects === undefined) {
      objects = new Map();
      resources.set(resource, objects);
    }
    return objects;
  };
  for (const row of db.prepare('SELECT * FROM objects').iterate() as Iterable<unknown>) {
    const stored = storedOf(row as ObjectRow);
    table(stored.key.resource).set(path(stored.key), stored);
    revision = Math.max(revision, stored.revision);
  }

  const commit = (
    type: StoreEvent['type'],
    key: StoreKey,
    object: UnknownObject,
    before?: StoredObject,
  ): StoredObject => {
    const next = revision + 1;
    const value = JSON.stringify(withoutRevision(object));
    try {
      db.exec('BEGIN IMMEDIATE');
      if (type === 'DELETED') remove.run(key.resource, key.namespace, key.name);
      else upsert.run(key.resource, key.namespace, key.name, next, value);
      history.append({
        type,
        key,
        revision: next,
        value,
        previous: before ? JSON.stringify(withoutRevision(before.object)) : null,
        previousRevision: before?.revision ?? null,
      });
      db.exec('COMMIT');
    } catch (cause) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw standaloneErrors.create('STANDALONE_STORE_WRITE_FAILED', { problem: errorText(cause) }, cause);
    }
    revision = next;
    const stored = { key, revision, object: withRevision(JSON.parse(value) as UnknownObject, revision) };
    if (type === 'DELETED') table(key.resource).delete(path(key));
    else table(key.resource).set(path(key), stored);
    writes += 1;
    if (writes % COMPACT_EVERY_WRITES === 0) history.compact();
    const event: StoreEvent = {
      type,
      key,
      revision,
      object: stored.object,
      ...(before && { previous: before.object }),
    };
    for (const listener of [...(listeners.get(key.resource) ?? [])]) listener(event);
    return stored;
  };

  const store: ObjectStore = {
    get revision() {
      return revision;
    },
    get compacted() {
      return history.compacted;
    },
    get: (key) => resources.get(key.resource)?.get(path(key)),
    list(resource, namespace) {
      const all = [...(resources.get(resource)?.values() ?? [])];
      return sorted(namespace === undefined ? all : all.filter((entry) => entry.key.namespace === namespace));
    },
    listAt(at, resource, namespace) {
      if (at >= revision) return store.list(resource, namespace);
      const objects = new Map(resources.get(resource));
      for (const event of history.since(resource, at).reverse()) {
        if (event.previous === undefined) objects.delete(path(event.key));
        else {
          const before = Number(event.previous.metadata.resourceVersion);
          objects.set(path(event.key), { key: event.key, revision: before, object: event.previous });
        }
      }
      const all = [...objects.values()];
      return sorted(namespace === undefined ? all : all.filter((entry) => entry.key.namespace === namespace));
    },
    since: (resource, after) => (after >= revision ? [] : history.since(resource, after)),
    create(key, object) {
      if (store.get(key) !== undefined) return undefined;
      return commit('ADDED', key, object);
    },
    update(key, expected, object) {
      const before = store.get(key);
      if (before?.revision !== expected) return undefined;
      return commit('MODIFIED', key, object, before);
    },
    delete(key, expected, last) {
      const before = store.get(key);
      if (before?.revision !== expected) return undefined;
      return commit('DELETED', key, last ?? before.object, before);
    },
    subscribe(resource, listener) {
      const set = listeners.get(resource) ?? new Set();
      listeners.set(resource, set.add(listener));
      return () => {
        set.delete(listener);
      };
    },
    close() {
      db.close();
    },
  };
  return store;
}

function path(key: StoreKey): string {
  return `${key.namespace}/${key.name}`;
}

function storedOf(row: ObjectRow): StoredObject {
  const { resource, namespace, name, revision } = row;
  const object = withRevision(JSON.parse(row.value) as UnknownObject, revision);
  return { key: { resource, namespace, name }, revision, object };
}

function sorted(entries: StoredObject[]): StoredObject[] {
  return entries.sort((a, b) => {
    const [left, right] = [path(a.key), path(b.key)];
    return left < right ? -1 : left > right ? 1 : 0;
  });
}
