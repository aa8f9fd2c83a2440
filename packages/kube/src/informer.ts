import type { KubeObject, Resource } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { deferred } from '@kubeedge-ts/runtime';
import { type CacheChange, createObjectCache } from './object-cache.ts';
import { type ReflectorPorts, reflect } from './reflector.ts';
import type { Informer, InformerHandlers, InformerOptions, KubeClient, WatchEvent } from './types.ts';

export type InformerPorts = ReflectorPorts;

/**
 * A cache of one resource that follows the API server. Handlers run synchronously, in the order of the changes, each
 * change once per handler; what one throws is logged and concerns no other. Objects in the cache are shared: readers
 * must not change them. An object re-created under its old name is `deleted` and then `added`.
 */
export function createInformer<T extends KubeObject>(
  client: Pick<KubeClient, 'list' | 'watch'>,
  resource: Resource<T>,
  options: InformerOptions<T>,
  ports: InformerPorts,
): Informer<T> {
  const log = ports.log.child({ informer: resource.plural });
  const subscribers = new Set<InformerHandlers<T>>();
  const synced = deferred();
  let hasSynced = false;
  let resourceVersion = '';

  /** A fault in a function we were given concerns one object, never the following of the others. */
  const guarded = <R>(object: T, message: string, run: () => R, otherwise: R): R => {
    try {
      return run();
    } catch (error) {
      const { namespace, name } = object.metadata;
      log.error({ namespace, name, err: errorText(error) }, message);
      return otherwise;
    }
  };
  const call = (object: T, run: () => void): void => guarded(object, 'event handler failed', run, undefined);
  const transform = (object: T): T =>
    guarded(
      object,
      'transform failed, object kept as it is',
      () => options.transform?.(object) ?? object,
      object,
    );
  const indexes = Object.entries(options.indexes ?? {}).map(([name, index]) => [
    name,
    (object: T) => guarded<readonly string[]>(object, 'index failed', () => index(object), []),
  ]);
  const cache = createObjectCache<T>(Object.fromEntries(indexes));
  const deliver = (handlers: InformerHandlers<T>, change: CacheChange<T>): void => {
    const { object } = change;
    if (change.type === 'added') call(object, () => handlers.added?.(object, !hasSynced));
    else if (change.type === 'updated') call(object, () => handlers.updated?.(object, change.previous));
    else call(object, () => handlers.deleted?.(object));
  };
  const deliverAll = (changes: readonly CacheChange<T>[]): void => {
    // Who subscribes in a handler has been shown the cache as it is after all of these changes.
    const targets = [...subscribers];
    for (const change of changes) {
      for (const handlers of targets) if (subscribers.has(handlers)) deliver(handlers, change);
    }
  };
  const onEvent = (event: WatchEvent<T>): void => {
    resourceVersion = event.object.metadata.resourceVersion || resourceVersion;
    if (event.type === 'BOOKMARK') return;
    const object = transform(event.object);
    deliverAll(event.type === 'DELETED' ? cache.remove(object.metadata, object) : cache.apply(object));
  };

  return {
    start(signal) {
      const { namespace, labelSelector, fieldSelector } = options;
      const sink = {
        replace(objects: readonly T[], version: string) {
          resourceVersion = version;
          deliverAll(cache.replace(objects));
          hasSynced = true;
          synced.resolve();
        },
        event: onEvent,
      };
      const selection = { namespace, labelSelector, fieldSelector };
      void reflect(client, { resource, selection, transform }, sink, { ...ports, log }, signal);
    },
    synced: synced.promise,
    get hasSynced() {
      return hasSynced;
    },
    subscribe(handlers) {
      const own = { ...handlers };
      for (const object of cache.list()) call(object, () => own.added?.(object, true));
      subscribers.add(own);
      return () => subscribers.delete(own);
    },
    get: cache.get,
    list: cache.list,
    byIndex: cache.byIndex,
    get resourceVersion() {
      return resourceVersion;
    },
  };
}
