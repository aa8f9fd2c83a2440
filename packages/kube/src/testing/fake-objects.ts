import type { KubeObject, Resource, Status, UnknownObject } from '@kubeedge-ts/apis';
import { isRecord } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { sameJson } from '../merge-patch.ts';
import { failure } from '../status.ts';
import type { DeleteOptions } from '../types.ts';

/** What an API server does to objects on their way in, as plain functions of objects. */

const qualified = (resource: Resource<KubeObject>): string =>
  resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;

const details = (resource: Resource<KubeObject>, name: string): Partial<Status> => ({
  details: { name, kind: resource.plural, ...(resource.group === '' ? {} : { group: resource.group }) },
});

export const notFound = (resource: Resource<KubeObject>, name: string): Status =>
  failure(404, `${qualified(resource)} "${name}" not found`, details(resource, name));

export const alreadyExists = (resource: Resource<KubeObject>, name: string): Status =>
  failure(409, `${qualified(resource)} "${name}" already exists`, {
    ...details(resource, name),
    reason: 'AlreadyExists',
  });

export const conflict = (resource: Resource<KubeObject>, name: string, problem: string): Status =>
  failure(
    409,
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${problem}`,
    details(resource, name),
  );

const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

export function created(
  resource: Resource<KubeObject>,
  object: UnknownObject,
  identity: { uid: string; now: number; suffix: string },
): UnknownObject {
  const { generateName } = object.metadata;
  const name = object.metadata.name || `${generateName ?? ''}${identity.suffix}`;
  return {
    apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
    kind: resource.kind,
    ...object,
    metadata: {
      ...object.metadata,
      name,
      uid: identity.uid,
      creationTimestamp: object.metadata.creationTimestamp ?? rfc3339(identity.now),
      generation: 1,
    },
  };
}

/** The object to store for an update, or the Status of the refusal. */
export function updated(
  resource: Resource<KubeObject>,
  existing: UnknownObject,
  wanted: UnknownObject,
  subresource: string | undefined,
  plainStatus = false,
): { object: UnknownObject } | { refusal: Status } {
  const { name } = existing.metadata;
  const { resourceVersion, uid } = wanted.metadata;
  if (resourceVersion && resourceVersion !== existing.metadata.resourceVersion) {
    return { refusal: conflict(resource, name, MODIFIED) };
  }
  if (uid && uid !== existing.metadata.uid) {
    const problem = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${existing.metadata.uid}`;
    return { refusal: conflict(resource, name, problem) };
  }
  const merged = plainStatus && subresource === undefined ? wanted : select(existing, wanted, subresource);
  const kept = existing.metadata;
  // Kubernetes' own types take labels and annotations with a status, as kubelets send them; custom resources do not.
  const carried =
    subresource === 'status' && resource.group === ''
      ? { labels: wanted.metadata.labels, annotations: wanted.metadata.annotations }
      : {};
  const object: UnknownObject = {
    ...merged,
    apiVersion: existing.apiVersion as string,
    kind: existing.kind as string,
    metadata: {
      ...merged.metadata,
      ...carried,
      name,
      namespace: kept.namespace as string,
      uid: kept.uid as string,
      resourceVersion: kept.resourceVersion as string,
      creationTimestamp: kept.creationTimestamp as string,
      deletionTimestamp: kept.deletionTimestamp as string,
      deletionGracePeriodSeconds: kept.deletionGracePeriodSeconds as number,
      generation: kept.generation as number,
    },
  };
  const content = ({ metadata: _metadata, status: _status, ...rest }: UnknownObject) => rest;
  if (!sameJson(content(object), content(existing))) object.metadata.generation = (kept.generation ?? 0) + 1;
  return { object };
}

function select(
  existing: UnknownObject,
  wanted: UnknownObject,
  subresource: string | undefined,
): UnknownObject {
  const { status: _old, ...withoutStatus } = existing;
  switch (subresource) {
    case undefined: {
      const { status: _new, ...rest } = wanted;
      return existing['status'] === undefined ? rest : { ...rest, status: existing['status'] };
    }
    case 'status':
      return wanted['status'] === undefined ? withoutStatus : { ...withoutStatus, status: wanted['status'] };
    case 'finalize':
      return { ...existing, spec: wanted['spec'] };
    default:
      return wanted;
  }
}

/** True when nothing keeps a deleted object any longer. */
export function isFinished(object: UnknownObject): boolean {
  const { deletionTimestamp, finalizers, deletionGracePeriodSeconds } = object.metadata;
  return (
    deletionTimestamp !== undefined &&
    (finalizers ?? []).length === 0 &&
    (deletionGracePeriodSeconds ?? 0) === 0 &&
    namespaceFinalizers(object).length === 0
  );
}

function namespaceFinalizers(object: UnknownObject): readonly unknown[] {
  const spec = object['spec'];
  return object.kind === 'Namespace' && isRecord(spec) && Array.isArray(spec['finalizers'])
    ? spec['finalizers']
    : [];
}

function graceOf(object: UnknownObject, options: DeleteOptions): number {
  const { spec, status } = object as { spec?: Record<string, unknown>; status?: { phase?: string } };
  if (object.kind !== 'Pod' || object.apiVersion !== 'v1') return 0;
  if (!spec?.['nodeName'] || status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0;
  return options.gracePeriodSeconds ?? (spec['terminationGracePeriodSeconds'] as number | undefined) ?? 30;
}

/** The object after a DELETE; `isFinished` says whether it goes at once. */
export function deleting(object: UnknownObject, options: DeleteOptions, now: number): UnknownObject {
  const earlier = object.metadata.deletionGracePeriodSeconds;
  const grace = Math.min(graceOf(object, options), earlier ?? Number.POSITIVE_INFINITY);
  const finalizer = { Foreground: 'foregroundDeletion', Orphan: 'orphan', Background: undefined }[
    options.propagationPolicy ?? 'Background'
  ];
  const finalizers = [...(object.metadata.finalizers ?? [])];
  if (finalizer !== undefined && !finalizers.includes(finalizer)) finalizers.push(finalizer);
  const shorter = earlier === undefined || grace < earlier;
  const result: UnknownObject = {
    ...object,
    metadata: {
      ...object.metadata,
      ...(finalizers.length === 0 ? {} : { finalizers }),
      ...(shorter
        ? { deletionTimestamp: rfc3339(now + grace * 1000), deletionGracePeriodSeconds: grace }
        : {}),
    },
  };
  if (object.kind === 'Namespace') {
    result['status'] = { ...(object['status'] as object | undefined), phase: 'Terminating' };
  }
  return result;
}
