import { hash } from 'node:crypto';
import { isRecord, type KubeObject, type Node, type ObjectMeta } from '@kubeedge-ts/apis';

/**
 * Identity of what an edge needs of an object: everything but status and the metadata the API server keeps for itself
 * (DESIGN §5). A pod's deletion is part of its metadata and therefore counts.
 */
export function objectHash(object: KubeObject): string {
  const { metadata, status: _status, ...rest } = object as KubeObject & { status?: unknown };
  const { apiVersion: _apiVersion, kind: _kind, ...body } = rest;
  return digest({ ...body, metadata: edgeMetadata(metadata) });
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
  return hash('sha256', canonicalJson(value), 'base64url');
}

/** JSON with sorted keys: two servers, or a conversion, may order fields differently. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    isRecord(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}
