import type { KubeList, KubeObject, Resource, UnknownObject } from '@kubeedge-ts/apis';

/** Names one object. `namespace` is required for namespaced resources and ignored otherwise. */
export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface WatchOptions extends ListOptions {
  readonly allowWatchBookmarks?: boolean;
  readonly timeoutSeconds?: number;
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: { metadata: { resourceVersion: string } } };

/** Body of a patch, by its content type. `strategic` is for built-in types only. */
export type Patch =
  | { readonly type: 'merge' | 'strategic'; readonly body: object | string }
  | { readonly type: 'json'; readonly body: readonly object[] | string }
  | {
      readonly type: 'apply';
      readonly body: object;
      readonly fieldManager: string;
      readonly force?: boolean;
    };

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Default 30 s; not applied to watches. */
  readonly timeoutMs?: number;
  /** Acts as this user (`Impersonate-User`, `Impersonate-Group`). */
  readonly impersonate?: { readonly user: string; readonly groups: readonly string[] };
}

export interface WriteOptions extends CallOptions {
  readonly subresource?: string;
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
}

export interface DeleteOptions extends CallOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface RawRequest extends CallOptions {
  readonly method: string;
  /** Path and query, e.g. `/api/v1/nodes?limit=1`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/**
 * A Kubernetes API. Every method fails with a KubeEdgeError: KUBE_STATUS carries the server's `Status`
 * (see `statusOf`), KUBE_UNREACHABLE and KUBE_TIMEOUT mean that no answer came.
 */
export interface KubeClient {
  get<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options?: CallOptions & { subresource?: string },
  ): Promise<T>;
  list<T extends KubeObject>(
    resource: Resource<T>,
    options?: ListOptions & CallOptions,
  ): Promise<KubeList<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  /** POST to a subresource, e.g. `pods/binding`, `serviceaccounts/token`. */
  createSubresource<B, R = B>(
    resource: Resource<KubeObject>,
    key: ObjectKey,
    subresource: string,
    body: B,
    options?: WriteOptions,
  ): Promise<R>;
  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T>;
  delete(resource: Resource<KubeObject>, key: ObjectKey, options?: DeleteOptions): Promise<UnknownObject>;
  /** Events until the server ends the watch; ends quietly then. Errors are thrown from the iterator. */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions & CallOptions,
  ): AsyncIterable<WatchEvent<T>>;
  /** Any request; does not throw on HTTP errors. */
  request(request: RawRequest): Promise<RawResponse>;
  /** Closes idle connections. */
  close(): void;
}

export interface InformerHandlers<T extends KubeObject> {
  /** `initial` is true for objects of the first list. */
  readonly added?: (object: T, initial: boolean) => void;
  readonly updated?: (object: T, previous: T) => void;
  readonly deleted?: (object: T) => void;
}

export interface InformerOptions<T extends KubeObject> {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** What is kept of an object, e.g. without managedFields. Runs before anything is stored. */
  readonly transform?: (object: T) => T;
  /** Named indexes: object → index values. */
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
}

/** A cache of one resource that follows the API server: list, watch with bookmarks, relist on 410. */
export interface Informer<T extends KubeObject> {
  /** Starts list and watch; never throws, retries with back-off until the signal aborts. */
  start(signal: AbortSignal): void;
  /** Resolves after the first complete list was delivered to the handlers. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** Adds handlers; objects already known are replayed as `added(initial)`. */
  subscribe(handlers: InformerHandlers<T>): () => void;
  get(key: ObjectKey): T | undefined;
  list(): readonly T[];
  byIndex(index: string, value: string): readonly T[];
  /** Newest resourceVersion seen. */
  readonly resourceVersion: string;
}
