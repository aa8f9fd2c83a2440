import { hash } from 'node:crypto';
import { isRecord } from './json.ts';
import type { KubeObject, ObjectMeta } from './kubernetes/meta.ts';
import type { Node, Pod } from './kubernetes/resources.ts';

/**
 * Identity of what an edge needs of an object of a type token. Cloud and edge compute it alike: the cloud from what it is
 * about to send, the edge from what it has stored. Ends that hash differently must not compare: whoever changes a hash
 * renames the capability `inventory`.
 */
export function contentHash(type: string, object: KubeObject): string {
  if (type === 'node') return nodeHash(object as Node);
  return type === 'pod' ? podHash(object as Pod) : objectHash(object);
}

/**
 * Everything but status and the metadata the API server keeps for itself (DESIGN §5). A pod's deletion is part of its
 * metadata and therefore counts.
 */
export function objectHash(object: KubeObject): string {
  const { metadata, status: _status, ...rest } = object as KubeObject & { status?: unknown };
  const { apiVersion: _apiVersion, kind: _kind, ...body } = rest;
  return digest({ ...body, metadata: edgeMetadata(metadata) });
}

/** Of a pod's status an edge needs the conditions that others set and that hold its readiness back. */
export function podHash(pod: Pod): string {
  const gates = (pod.spec?.readinessGates ?? []).map(({ conditionType }) => conditionType);
  if (gates.length === 0) return objectHash(pod);
  const conditions = (pod.status?.conditions ?? [])
    .filter(({ type }) => gates.includes(type))
    .map(({ type, status }) => `${type}=${status}`)
    .sort();
  return digest([objectHash(pod), conditions]);
}

/** Of a Node an edge needs labels, annotations, spec and the attached volumes; heartbeats are its own. */
export function nodeHash(node: Node): string {
  const { uid, labels, annotations } = node.metadata;
  return digest({
    metadata: { uid, labels, annotations },
    spec: node.spec,
    volumesAttached: node.status?.volumesAttached,
  });
}

function edgeMetadata(metadata: ObjectMeta): Partial<ObjectMeta> {
  const { resourceVersion: _version, generation: _generation, managedFields: _fields, ...kept } = metadata;
  return kept;
}

function digest(value: unknown): string {
  return hash('sha256', sortedJson(value), 'base64url');
}

/** JSON with sorted keys: two servers, or a conversion, may order fields differently. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    isRecord(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}
