import {
  apiVersionOf,
  clusterObjectSyncs,
  NO_NAMESPACE,
  type ObjectSync,
  objectSyncs,
  type Resource,
} from '@kubeedge-ts/apis';
import { NOTHING_CONFIRMED, type SyncRecord } from './node-queue-types.ts';
import { type ObjectIdentity, typeOfKind } from './object-kind.ts';

/** UID of the cluster whose versions the record holds. */
export const CLUSTER_ANNOTATION = 'kubeedge.io/cluster';
/** Identity of the edge store that confirmed. */
export const STORE_ANNOTATION = 'kubeedge.io/store';
/**
 * `{version}:{hash}` of what was confirmed. Counts only while the version is the status' one, so that a status written
 * by anybody else, upstream included, makes it void.
 */
export const HASH_ANNOTATION = 'kubeedge.io/hash';

export function recordName(node: string, uid: string): string {
  return `${node}.${uid}`;
}

/** Cluster-scoped objects have a ClusterObjectSync. */
export function recordResource(object: Pick<ObjectIdentity, 'namespace'>): Resource<ObjectSync> {
  return object.namespace === NO_NAMESPACE ? clusterObjectSyncs : objectSyncs;
}

/** A new record. Where status is a subresource the API server ignores the one given here. */
export function newRecord(
  node: string,
  object: ObjectIdentity,
  cluster: string,
  store: string | undefined,
): ObjectSync {
  const resource = recordResource(object);
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: {
      name: recordName(node, object.uid),
      ...(resource.namespaced ? { namespace: object.namespace } : {}),
      annotations: {
        [CLUSTER_ANNOTATION]: cluster,
        ...(store === undefined ? {} : { [STORE_ANNOTATION]: store }),
      },
    },
    spec: { objectAPIVersion: object.apiVersion, objectKind: object.kind, objectName: object.name },
    status: { objectResourceVersion: NOTHING_CONFIRMED },
  };
}

/** Node and content of a record, ours or upstream's; undefined when it is none (spec/message-protocol.md §4.5). */
export function readRecord(object: ObjectSync): { node: string; record: SyncRecord } | undefined {
  const { name, namespace = NO_NAMESPACE, annotations = {} } = object.metadata;
  const dot = name.lastIndexOf('.');
  const { objectKind = '', objectName = '', objectAPIVersion = '' } = object.spec ?? {};
  if (dot < 1 || dot === name.length - 1 || objectKind === '' || objectName === '') return undefined;
  const version = object.status?.objectResourceVersion || NOTHING_CONFIRMED;
  const noted = annotations[HASH_ANNOTATION] ?? '';
  return {
    node: name.slice(0, dot),
    record: {
      uid: name.slice(dot + 1),
      type: typeOfKind(objectKind),
      namespace,
      name: objectName,
      apiVersion: objectAPIVersion,
      kind: objectKind,
      version,
      hash:
        version !== NOTHING_CONFIRMED && noted.startsWith(`${version}:`)
          ? noted.slice(version.length + 1)
          : undefined,
      cluster: annotations[CLUSTER_ANNOTATION],
      store: annotations[STORE_ANNOTATION],
    },
  };
}
