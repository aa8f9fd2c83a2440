import type { KubeObject } from '@kubeedge-ts/apis';
import type { ObjectKey } from './types.ts';

export type CacheChange<T extends KubeObject> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T };

type Indexers<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

/**
 * The objects of one resource with named indexes. Every write returns the changes it made, in order; an object that
 * was re-created under its old name is a deletion and an addition. Nothing is a change when the resourceVersion is
 * the known one.
 */
export interface ObjectCache<T extends KubeObject> {
  get(key: ObjectKey): T | undefined;
  list(): readonly T[];
  byIndex(index: string, value: string): readonly T[];
  apply(object: T): readonly CacheChange<T>[];
  remove(key: ObjectKey, last?: T): readonly CacheChange<T>[];
  /** Makes the cache hold exactly these objects. */
  replace(objects: readonly T[]): readonly CacheChange<T>[];
}

const pathOf = ({ namespace, name }: ObjectKey): string => (namespace ? `${namespace}/${name}` : name);

export function createObjectCache<T extends KubeObject>(indexers: Indexers<T> = {}): ObjectCache<T> {
  const objects = new Map<string, T>();
  const indexes = new Map(Object.keys(indexers).map((name) => [name, new Map<string, Set<string>>()]));

  const eachEntry = (object: T, visit: (index: Map<string, Set<string>>, value: string) => void): void => {
    for (const [name, values] of Object.entries(indexers)) {
      const index = indexes.get(name) as Map<string, Set<string>>;
      for (const value of new Set(values(object))) visit(index, value);
    }
  };
  const addToIndexes = (path: string, object: T): void => {
    eachEntry(object, (index, value) => {
      const paths = index.get(value) ?? new Set();
      paths.add(path);
      index.set(value, paths);
    });
  };
  const dropFromIndexes = (path: string, object: T): void => {
    eachEntry(object, (index, value) => {
      const paths = index.get(value);
      paths?.delete(path);
      if (paths?.size === 0) index.delete(value);
    });
  };

  const apply = (object: T): readonly CacheChange<T>[] => {
    const path = pathOf(object.metadata);
    const previous = objects.get(path);
    const { uid, resourceVersion } = object.metadata;
    if (previous !== undefined) {
      const { metadata } = previous;
      if (metadata.uid === uid && metadata.resourceVersion === resourceVersion) return [];
      dropFromIndexes(path, previous);
    }
    objects.set(path, object);
    addToIndexes(path, object);
    if (previous === undefined) return [{ type: 'added', object }];
    return uid === previous.metadata.uid
      ? [{ type: 'updated', object, previous }]
      : [
          { type: 'deleted', object: previous },
          { type: 'added', object },
        ];
  };

  const removePath = (path: string, last?: T): readonly CacheChange<T>[] => {
    const previous = objects.get(path);
    if (previous === undefined) return [];
    // The end of an earlier object of this name says nothing about this one.
    if (last?.metadata.uid !== undefined && last.metadata.uid !== previous.metadata.uid) return [];
    objects.delete(path);
    dropFromIndexes(path, previous);
    return [{ type: 'deleted', object: last ?? previous }];
  };

  return {
    get: (key) => objects.get(pathOf(key)),
    list: () => [...objects.values()],
    byIndex(index, value) {
      const paths = indexes.get(index);
      if (paths === undefined) throw new TypeError(`no index ${index}`);
      return [...(paths.get(value) ?? [])].map((path) => objects.get(path) as T);
    },
    apply,
    remove: (key, last) => removePath(pathOf(key), last),
    replace(next) {
      const wanted = new Set(next.map((object) => pathOf(object.metadata)));
      const gone = [...objects.keys()].filter((path) => !wanted.has(path));
      return [...gone.flatMap((path) => removePath(path)), ...next.flatMap(apply)];
    },
  };
}
