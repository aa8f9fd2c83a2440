import {
  apiVersionOf,
  type KubeList,
  type KubeObject,
  namespaces,
  type Resource,
  type Status,
  type UnknownObject,
} from '@kubeedge-ts/apis';
import { kubeErrors } from '@kubeedge-ts/errors';
import { type Clock, type Random, seededRandom, systemClock } from '@kubeedge-ts/runtime';
import { applyJsonPatch } from '../json-patch.ts';
import { applyMergePatch, sameJson } from '../merge-patch.ts';
import { collectionPath, objectPath } from '../paths.ts';
import { matchesFields, matchesRequirements, parseFieldSelector, parseLabelSelector } from '../selectors.ts';
import { failure, statusError } from '../status.ts';
import type { KubeClient, ListOptions, ObjectKey, Patch, WatchEvent, WriteOptions } from '../types.ts';
import { BUILT_IN, discoveryAt } from './fake-discovery.ts';
import { alreadyExists, conflict, created, deleting, isFinished, notFound, updated } from './fake-objects.ts';
import { createFakeStore, wireCopy } from './fake-store.ts';
import { SUBRESOURCES } from './fake-subresources.ts';
import { type FakeWatch, openFakeWatch } from './fake-watch.ts';
import { applyStrategicMerge } from './strategic-merge.ts';

export interface FakeKubeOptions {
  readonly clock?: Pick<Clock, 'now'>;
  readonly random?: Random;
  /** Resources discovery knows besides the built-in ones, e.g. custom ones. */
  readonly resources?: readonly Resource<KubeObject>[];
  /** Resources whose status is a field like any other: custom ones without the subresource. */
  readonly plainStatus?: readonly Resource<KubeObject>[];
  /** Longest page of a list, as if the client had asked for it; default unlimited. */
  readonly maxPage?: number;
}

/** One call a test may look at afterwards. */
export interface FakeCall {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly body: unknown;
}

/**
 * A Kubernetes API in memory: resourceVersions, generations, finalizers, graceful pod deletion, selectors, paging,
 * watches, 404/409/410, status subresource, pods/binding, pods/eviction, serviceaccounts/token.
 * Limits: no validation, no defaulting, no admission, no authorisation, no garbage collection, no managedFields;
 * a create keeps the status it is given; server-side apply is a merge; `request` answers discovery only.
 */
export interface FakeKube extends KubeClient {
  readonly resourceVersion: string;
  readonly calls: readonly FakeCall[];
  /** Watches that are open now. */
  readonly openWatches: number;
  /** Creates or replaces an object, status included, as someone else would. */
  put<T extends KubeObject>(resource: Resource<T>, object: T): T;
  /** Removes an object at once, whatever its finalizers. */
  remove(resource: Resource<KubeObject>, key: ObjectKey): void;
  /** The stored objects, ordered by namespace and name. */
  objects<T extends KubeObject>(resource: Resource<T>): readonly T[];
  /** Forgets history: older resourceVersions and continue tokens get 410. */
  compact(): void;
  /** Ends all watches as a server does when their time is over. */
  endWatches(): void;
  /** Breaks all watches as a lost connection does. */
  breakWatches(): void;
  /** Sends a bookmark to all watches that allow them. */
  bookmark(): void;
}

export function createFakeKube(options: FakeKubeOptions = {}): FakeKube {
  const { clock = systemClock, random = seededRandom(1), maxPage } = options;
  const store = createFakeStore();
  const watches = new Set<FakeWatch>();
  const calls: FakeCall[] = [];
  const pages = new Map<string, { rest: readonly UnknownObject[]; version: string }>();

  const collectionOf = (resource: Resource<KubeObject>): string => `${resource.group}/${resource.plural}`;
  const plain = new Set((options.plainStatus ?? []).map(collectionOf));
  const refuse = (status: Status, method: string, path: string): never => {
    throw statusError(status, { method, path });
  };
  const pathOf = (resource: Resource<KubeObject>, key: ObjectKey): string => {
    objectPath(resource, key); // refuses an incomplete key
    return resource.namespaced ? `${key.namespace}/${key.name}` : key.name;
  };
  const read = (resource: Resource<KubeObject>, key: ObjectKey): UnknownObject =>
    store.read(collectionOf(resource), pathOf(resource, key)) ??
    refuse(notFound(resource, key.name), 'GET', objectPath(resource, key));
  /** Runs every call as a task of its own, as the network would, and notes it. */
  const called = async (call: FakeCall, signal: AbortSignal | undefined): Promise<void> => {
    calls.push(wireCopy(call));
    signal?.throwIfAborted();
    await Promise.resolve();
  };
  const call = (
    verb: FakeCall['verb'],
    resource: Resource<KubeObject>,
    rest: Partial<FakeCall>,
  ): FakeCall => ({
    verb,
    resource: resource.plural,
    namespace: undefined,
    name: undefined,
    subresource: undefined,
    body: undefined,
    ...rest,
  });
  const predicate = (resource: Resource<KubeObject>, selection: ListOptions) => {
    const labels = parseLabelSelector(selection.labelSelector ?? '');
    const fields = parseFieldSelector(selection.fieldSelector ?? '');
    return (object: UnknownObject): boolean =>
      (!resource.namespaced || !selection.namespace || object.metadata.namespace === selection.namespace) &&
      matchesRequirements(labels, object.metadata.labels) &&
      matchesFields(fields, object);
  };
  const keyOf = (object: KubeObject): ObjectKey => ({
    name: object.metadata.name,
    ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
  });

  const insert = (
    resource: Resource<KubeObject>,
    object: KubeObject,
    dryRun: boolean | undefined,
  ): UnknownObject => {
    const suffix = Math.floor(random.next() * 36 ** 5)
      .toString(36)
      .padStart(5, '0');
    const complete = created(resource, wireCopy(object) as UnknownObject, {
      uid: random.uuid(),
      now: clock.now(),
      suffix,
    });
    const path = pathOf(resource, keyOf(complete));
    const { name, namespace } = complete.metadata;
    if (store.read(collectionOf(resource), path) !== undefined) {
      refuse(alreadyExists(resource, name), 'POST', collectionPath(resource, namespace));
    }
    const owner = resource.namespaced ? store.read(collectionOf(namespaces), String(namespace)) : undefined;
    if (owner?.metadata.deletionTimestamp !== undefined) {
      const message = `${resource.plural} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`;
      const causes = [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }];
      refuse(failure(403, message, { details: { name, kind: resource.plural, causes } }), 'POST', path);
    }
    return dryRun ? complete : store.write(collectionOf(resource), path, complete);
  };

  const replace = (
    resource: Resource<KubeObject>,
    existing: UnknownObject,
    wanted: UnknownObject,
    write: WriteOptions,
  ): UnknownObject => {
    const path = pathOf(resource, keyOf(existing));
    const outcome = updated(
      resource,
      existing,
      wireCopy(wanted),
      write.subresource,
      plain.has(collectionOf(resource)),
    );
    if ('refusal' in outcome) return refuse(outcome.refusal, 'PUT', path);
    const object = wireCopy(outcome.object);
    if (write.dryRun || sameJson(object, existing)) return object;
    if (!isFinished(object)) return store.write(collectionOf(resource), path, object);
    store.remove(collectionOf(resource), path);
    return object;
  };

  const erase = (
    resource: Resource<KubeObject>,
    key: ObjectKey,
    deletion: Parameters<KubeClient['delete']>[2] & object,
  ): UnknownObject => {
    const existing = read(resource, key);
    const { uid, resourceVersion } = deletion.preconditions ?? {};
    if (uid !== undefined && uid !== existing.metadata.uid) {
      const problem = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${existing.metadata.uid}`;
      refuse(conflict(resource, key.name, problem), 'DELETE', key.name);
    }
    if (resourceVersion !== undefined && resourceVersion !== existing.metadata.resourceVersion) {
      refuse(conflict(resource, key.name, 'the object has been modified'), 'DELETE', key.name);
    }
    const path = pathOf(resource, key);
    const marked = wireCopy(deleting(existing, deletion, clock.now()));
    if (isFinished(marked)) return store.remove(collectionOf(resource), path) as UnknownObject;
    return sameJson(marked, existing) ? existing : store.write(collectionOf(resource), path, marked);
  };

  const patched = (existing: UnknownObject, patch: Patch): UnknownObject => {
    const body: unknown = typeof patch.body === 'string' ? JSON.parse(patch.body) : wireCopy(patch.body);
    // Without the version the patch is unconditional, unless the patch itself names one.
    const { resourceVersion: _version, ...metadata } = existing.metadata;
    const document = { ...existing, metadata };
    if (patch.type === 'json') return applyJsonPatch(document, body as unknown[]) as UnknownObject;
    const apply = patch.type === 'strategic' ? applyStrategicMerge : applyMergePatch;
    return apply(document, body) as UnknownObject;
  };

  const copy = <T>(object: unknown): T => wireCopy(object) as T;

  return {
    async get<T extends KubeObject>(
      resource: Resource<T>,
      key: ObjectKey,
      callOptions: { subresource?: string; signal?: AbortSignal } = {},
    ) {
      await called(
        call('get', resource, { ...key, subresource: callOptions.subresource }),
        callOptions.signal,
      );
      return copy<T>(read(resource, key));
    },

    async list<T extends KubeObject>(
      resource: Resource<T>,
      list: ListOptions & { signal?: AbortSignal } = {},
    ) {
      await called(call('list', resource, { namespace: list.namespace }), list.signal);
      const page = list.continue === undefined ? undefined : pages.get(list.continue);
      if (list.continue !== undefined && page === undefined) {
        const message =
          'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.';
        refuse(failure(410, message, { reason: 'Expired' }), 'GET', collectionPath(resource, list.namespace));
      }
      const all = page?.rest ?? store.all(collectionOf(resource)).filter(predicate(resource, list));
      const limit = Math.min(list.limit ?? Number.POSITIVE_INFINITY, maxPage ?? Number.POSITIVE_INFINITY);
      const version = page?.version ?? String(store.version);
      const metadata: KubeList<T>['metadata'] = { resourceVersion: version };
      if (all.length > limit) {
        metadata.continue = random.uuid();
        metadata.remainingItemCount = all.length - limit;
        pages.set(metadata.continue, { rest: all.slice(limit), version });
      }
      return copy<KubeList<T>>({
        kind: `${resource.kind}List`,
        apiVersion: apiVersionOf(resource),
        metadata,
        items: limit === Number.POSITIVE_INFINITY ? all : all.slice(0, limit),
      });
    },

    async create<T extends KubeObject>(resource: Resource<T>, object: T, write: WriteOptions = {}) {
      const { name, namespace } = object.metadata;
      await called(call('create', resource, { name, namespace, body: object }), write.signal);
      return copy<T>(insert(resource, object, write.dryRun));
    },

    async createSubresource<B, R>(
      resource: Resource<KubeObject>,
      key: ObjectKey,
      subresource: string,
      body: B,
      write: WriteOptions = {},
    ) {
      await called(call('create', resource, { ...key, subresource, body }), write.signal);
      const handler = SUBRESOURCES[subresource];
      if (handler === undefined) {
        return refuse(
          failure(404, 'the server could not find the requested resource'),
          'POST',
          objectPath(resource, key, subresource),
        );
      }
      return copy<R>(
        handler(read(resource, key), wireCopy(body), {
          nowMs: clock.now,
          uuid: random.uuid,
          write: (changed) => void store.write(collectionOf(resource), pathOf(resource, key), changed),
          erase: () => void erase(resource, key, {}),
          refuse: (status) => refuse(status, 'POST', objectPath(resource, key, subresource)),
        }),
      );
    },

    async update<T extends KubeObject>(resource: Resource<T>, object: T, write: WriteOptions = {}) {
      const key = keyOf(object);
      await called(
        call('update', resource, { ...key, subresource: write.subresource, body: object }),
        write.signal,
      );
      return copy<T>(replace(resource, read(resource, key), object as KubeObject as UnknownObject, write));
    },

    async patch<T extends KubeObject>(
      resource: Resource<T>,
      key: ObjectKey,
      patch: Patch,
      write: WriteOptions = {},
    ) {
      await called(
        call('patch', resource, { ...key, subresource: write.subresource, body: patch.body }),
        write.signal,
      );
      const existing = store.read(collectionOf(resource), pathOf(resource, key));
      if (existing === undefined && patch.type === 'apply') {
        return copy<T>(insert(resource, patch.body as KubeObject, write.dryRun));
      }
      const before = existing ?? read(resource, key);
      return copy<T>(replace(resource, before, patched(before, patch), write));
    },

    async delete(resource, key, deletion = {}) {
      await called(call('delete', resource, { ...key, body: deletion }), deletion.signal);
      return copy(erase(resource, key, deletion));
    },

    watch<T extends KubeObject>(resource: Resource<T>, watch: Parameters<KubeClient['watch']>[1]) {
      calls.push(call('watch', resource, { namespace: watch.namespace, body: watch.resourceVersion }));
      const opened = openFakeWatch(
        store,
        {
          collection: collectionOf(resource),
          matches: predicate(resource, watch),
          resourceVersion: watch.resourceVersion ?? '',
          bookmarks: watch.allowWatchBookmarks ?? false,
          signal: watch.signal,
        },
        () => watches.delete(opened),
      );
      watches.add(opened);
      return opened.events as AsyncIterable<WatchEvent<T>>;
    },

    async request({ method, path }) {
      const found =
        method === 'GET' ? discoveryAt(path, [...BUILT_IN, ...(options.resources ?? [])]) : undefined;
      const body = found ?? failure(404, 'the server could not find the requested resource');
      return {
        status: found === undefined ? 404 : 200,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify(body)),
      };
    },

    close() {},

    get resourceVersion() {
      return String(store.version);
    },
    calls,
    get openWatches() {
      return watches.size;
    },
    put<T extends KubeObject>(resource: Resource<T>, object: T) {
      const key = keyOf(object);
      const existing = store.read(collectionOf(resource), pathOf(resource, key));
      if (existing === undefined) return copy<T>(insert(resource, object, false));
      const metadata = { ...existing.metadata, ...object.metadata };
      return copy<T>(
        store.write(collectionOf(resource), pathOf(resource, key), { ...existing, ...object, metadata }),
      );
    },
    remove(resource, key) {
      store.remove(collectionOf(resource), pathOf(resource, key));
    },
    objects: <T extends KubeObject>(resource: Resource<T>) =>
      copy<readonly T[]>(store.all(collectionOf(resource))),
    compact() {
      store.compact();
      pages.clear();
    },
    endWatches() {
      for (const watch of [...watches]) watch.end();
    },
    breakWatches() {
      for (const watch of [...watches]) {
        watch.fail(
          kubeErrors.create('KUBE_UNREACHABLE', { server: 'fake', method: 'WATCH', path: watch.collection }),
        );
      }
    },
    bookmark() {
      for (const watch of [...watches]) watch.bookmark();
    },
  };
}
