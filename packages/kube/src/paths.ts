import type { KubeObject, Resource } from '@kubeedge-ts/apis';
import { kubeErrors } from '@kubeedge-ts/errors';
import type { DeleteOptions, ListOptions, ObjectKey, Patch, WatchOptions, WriteOptions } from './types.ts';

type AnyResource = Resource<KubeObject>;

/** `/api/v1` or `/apis/group/version`. */
export function groupPath(resource: Pick<AnyResource, 'group' | 'version'>): string {
  return resource.group === ''
    ? `/api/${resource.version}`
    : `/apis/${encodeURIComponent(resource.group)}/${encodeURIComponent(resource.version)}`;
}

/** Path of a collection; of all namespaces when a namespaced resource comes without one. */
export function collectionPath(resource: AnyResource, namespace?: string): string {
  const scope =
    resource.namespaced && namespace !== undefined && namespace !== ''
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : '';
  return `${groupPath(resource)}${scope}/${resource.plural}`;
}

/** Path of one object. @throws KUBE_REQUEST_INVALID without a name, or without a namespace where one is needed */
export function objectPath(resource: AnyResource, key: ObjectKey, subresource?: string): string {
  if (key.name === '' || key.name === undefined) {
    throw kubeErrors.create('KUBE_REQUEST_INVALID', { resource: resource.plural, problem: 'no name' });
  }
  const base = namespacePath(resource, key.namespace);
  const tail = subresource === undefined ? '' : `/${subresource}`;
  return `${base}/${encodeURIComponent(key.name)}${tail}`;
}

/** Path to create an object at. @throws KUBE_REQUEST_INVALID when a namespaced resource comes without a namespace */
export function namespacePath(resource: AnyResource, namespace: string | undefined): string {
  if (resource.namespaced && (namespace === undefined || namespace === '')) {
    throw kubeErrors.create('KUBE_REQUEST_INVALID', { resource: resource.plural, problem: 'no namespace' });
  }
  return collectionPath(resource, namespace);
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export function withQuery(path: string, query: Query): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== '' && value !== false)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}

export function listPath(resource: AnyResource, options: ListOptions): string {
  return withQuery(collectionPath(resource, options.namespace), {
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit,
    continue: options.continue,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
  });
}

export function watchPath(resource: AnyResource, options: WatchOptions): string {
  return withQuery(collectionPath(resource, options.namespace), {
    watch: true,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
    allowWatchBookmarks: options.allowWatchBookmarks,
    timeoutSeconds: options.timeoutSeconds,
  });
}

export function writeQuery(options: WriteOptions): Query {
  return { fieldManager: options.fieldManager, dryRun: options.dryRun === true ? 'All' : undefined };
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const satisfies Record<Patch['type'], string>;

export interface EncodedPatch {
  readonly contentType: string;
  readonly body: string;
  readonly query: Query;
}

export function encodePatch(patch: Patch, options: WriteOptions): EncodedPatch {
  const query = writeQuery(options);
  return {
    contentType: PATCH_TYPES[patch.type],
    // JSON is YAML, so the apply type takes JSON as well.
    body: typeof patch.body === 'string' ? patch.body : JSON.stringify(patch.body),
    query:
      patch.type === 'apply' ? { ...query, fieldManager: patch.fieldManager, force: patch.force } : query,
  };
}

/** Body of a DELETE; undefined when nothing but the defaults is asked for. */
export function deleteBody(options: DeleteOptions): object | undefined {
  const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
  if (gracePeriodSeconds === undefined && propagationPolicy === undefined && preconditions === undefined) {
    return undefined;
  }
  return { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds, propagationPolicy, preconditions };
}
