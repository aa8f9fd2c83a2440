import type { KubeObject, ObjectMeta, Resource } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { createInformer, isNotFound, type KubeClient, type ObjectKey } from '@kubeedge-ts/kube';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';

/** What is kept of an object nobody needs. */
export interface Stub extends KubeObject {
  spec?: { nodeName?: string | undefined };
}

export type Lookup<K> =
  /** Not known yet: the cache has not synced, or the content is being fetched. */
  | { readonly state: 'unknown' }
  | { readonly state: 'absent' }
  | { readonly state: 'present'; readonly metadata: ObjectMeta; readonly content: K };

export interface SelectiveCache<K> {
  start(signal: AbortSignal): void;
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** Fetches the content when it is selected only since the object was last seen; `changed` follows. */
  get(key: ObjectKey): Lookup<K>;
  /** Stub of an object, whether selected or not. */
  stub(key: ObjectKey): Stub | undefined;
  byIndex(index: string, value: string): readonly Stub[];
  /** Lets go of contents that are no longer selected. */
  sweep(): void;
}

export interface SelectiveCacheOptions<T extends KubeObject, K> {
  readonly kube: Pick<KubeClient, 'list' | 'watch' | 'get'>;
  readonly resource: Resource<T>;
  readonly namespace?: string;
  readonly indexes?: Readonly<Record<string, (stub: Stub) => readonly string[]>>;
  /** Whether the content of this object is wanted now; asked again whenever it changes. */
  readonly selects: (stub: Stub) => boolean;
  /** The form in which the content is kept. */
  readonly keep: (object: T) => K;
  /** Something about this object, wanted or not, is different now. */
  readonly changed: (stub: Stub) => void;
}

export interface CachePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const RETRY = { initialMs: 200, maxMs: 30_000 };

/**
 * Follows all objects of a resource but holds the contents of the selected ones only (docs/adr/020). A content that
 * becomes selected later is read once; from then on the watch keeps it current.
 */
export function createSelectiveCache<T extends KubeObject, K>(
  options: SelectiveCacheOptions<T, K>,
  ports: CachePorts,
): SelectiveCache<K> {
  const { kube, resource, selects, keep, changed } = options;
  const log = ports.log.child({ cache: resource.plural });
  const contents = new Map<string, { uid: string | undefined; content: K }>();
  const fetching = new Set<string>();
  let stop: AbortSignal = new AbortController().signal;

  const capture = (object: T, stub: Stub): void => {
    const path = pathOf(object.metadata);
    if (selects(stub)) contents.set(path, { uid: object.metadata.uid, content: keep(object) });
    else contents.delete(path);
  };
  const informer = createInformer<T>(
    kube,
    resource,
    {
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
      indexes: (options.indexes ?? {}) as Record<string, (object: T) => readonly string[]>,
      transform: (object) => {
        const stub = stubOf(object);
        capture(object, stub);
        // What the informer stores is the stub; the content, if wanted, is ours.
        return stub as KubeObject as T;
      },
    },
    ports,
  );
  const stubAt = (key: ObjectKey): Stub | undefined => informer.get(key) as Stub | undefined;

  /** Reads the content of a selected object that is held as a stub, until it is there or no longer needed. */
  const fetch = async (key: ObjectKey, path: string): Promise<void> => {
    const backoff = createBackoff(RETRY, ports.random);
    for (;;) {
      const stub = stubAt(key);
      if (stub === undefined || !selects(stub) || contents.has(path)) return;
      try {
        const object = await kube.get(resource, key, { signal: stop });
        // A newer version may have come by watch meanwhile; it must not be replaced by an older one.
        if (stubAt(key)?.metadata.uid !== object.metadata.uid || contents.has(path)) return;
        capture(object, stubOf(object));
        changed(stub);
        return;
      } catch (error) {
        if (stop.aborted || isNotFound(error)) return;
        const what = { object: path, err: errorText(error) };
        log.warn(what, 'content of a newly needed object not read, will retry');
        await sleep(ports.clock, backoff.next(), stop);
      }
    }
  };
  const fetchOnce = (key: ObjectKey, path: string): void => {
    if (fetching.has(path) || stop.aborted) return;
    fetching.add(path);
    fetch(key, path)
      // Only the end of the wait for the next try is left to fail: we are stopping.
      .catch(() => {})
      .finally(() => fetching.delete(path));
  };

  return {
    start(signal) {
      stop = signal;
      informer.subscribe({
        added: (stub) => changed(stub as KubeObject),
        updated: (stub) => changed(stub as KubeObject),
        deleted: (stub) => {
          const path = pathOf(stub.metadata);
          if (contents.get(path)?.uid === stub.metadata.uid) contents.delete(path);
          changed(stub as KubeObject);
        },
      });
      informer.start(signal);
    },
    synced: informer.synced,
    get hasSynced() {
      return informer.hasSynced;
    },
    get(key) {
      if (!informer.hasSynced) return { state: 'unknown' };
      const stub = stubAt(key);
      if (stub === undefined) return { state: 'absent' };
      const path = pathOf(key);
      const entry = contents.get(path);
      if (entry !== undefined && entry.uid === stub.metadata.uid) {
        return { state: 'present', metadata: stub.metadata, content: entry.content };
      }
      fetchOnce(key, path);
      return { state: 'unknown' };
    },
    stub: stubAt,
    byIndex: (index, value) => informer.byIndex(index, value) as readonly KubeObject[],
    sweep() {
      for (const path of contents.keys()) {
        const stub = stubAt(keyAt(path));
        if (stub === undefined || !selects(stub)) contents.delete(path);
      }
    },
  };
}

const pathOf = ({ namespace, name }: ObjectKey): string => `${namespace ?? ''}/${name}`;

function keyAt(path: string): ObjectKey {
  const slash = path.indexOf('/');
  return { namespace: path.slice(0, slash), name: path.slice(slash + 1) };
}

function stubOf(object: KubeObject): Stub {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  const nodeName = (object as Stub).spec?.nodeName;
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    ...(nodeName === undefined ? {} : { spec: { nodeName } }),
  };
}
