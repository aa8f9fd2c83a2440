import type { UnknownObject } from '@kubeedge-ts/apis';

export interface StoreEvent {
  readonly version: number;
  readonly collection: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: UnknownObject;
  readonly previous: UnknownObject | undefined;
}

/** Objects of all resources under one growing resourceVersion, with the history of their changes. */
export interface FakeStore {
  readonly version: number;
  /** Changes up to this version are forgotten. */
  readonly compacted: number;
  read(collection: string, path: string): UnknownObject | undefined;
  all(collection: string): readonly UnknownObject[];
  /** Stores with the next resourceVersion and returns what was stored. */
  write(collection: string, path: string, object: UnknownObject): UnknownObject;
  remove(collection: string, path: string): UnknownObject | undefined;
  /** Changes after `version`, oldest first. */
  since(version: number): readonly StoreEvent[];
  compact(): void;
  /** Calls back after every change. */
  subscribe(listener: () => void): () => void;
}

/** A deep copy that carries what would survive the wire. */
export function wireCopy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

export function createFakeStore(): FakeStore {
  const collections = new Map<string, Map<string, UnknownObject>>();
  const listeners = new Set<() => void>();
  let history: StoreEvent[] = [];
  let version = 1;
  let compacted = 0;

  const collectionOf = (name: string): Map<string, UnknownObject> => {
    const known = collections.get(name);
    if (known !== undefined) return known;
    const created = new Map<string, UnknownObject>();
    collections.set(name, created);
    return created;
  };
  const record = (event: Omit<StoreEvent, 'version'>): void => {
    history.push({ ...event, version });
    for (const listener of [...listeners]) listener();
  };
  const stamped = (object: UnknownObject): UnknownObject => {
    version += 1;
    return wireCopy({ ...object, metadata: { ...object.metadata, resourceVersion: String(version) } });
  };

  return {
    get version() {
      return version;
    },
    get compacted() {
      return compacted;
    },
    read: (collection, path) => collectionOf(collection).get(path),
    all: (collection) =>
      [...collectionOf(collection)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object),
    write(collection, path, object) {
      const objects = collectionOf(collection);
      const previous = objects.get(path);
      const stored = stamped(object);
      objects.set(path, stored);
      record({ collection, type: previous === undefined ? 'ADDED' : 'MODIFIED', object: stored, previous });
      return stored;
    },
    remove(collection, path) {
      const previous = collectionOf(collection).get(path);
      if (previous === undefined) return undefined;
      const object = stamped(previous);
      collectionOf(collection).delete(path);
      record({ collection, type: 'DELETED', object, previous });
      return object;
    },
    since: (from) => history.filter((event) => event.version > from),
    compact() {
      compacted = version;
      history = [];
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
