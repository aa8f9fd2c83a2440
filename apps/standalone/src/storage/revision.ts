import type { UnknownObject } from '@kubeedge-ts/apis';

/** A copy of the object whose metadata carries `revision` as resourceVersion. */
export function withRevision(object: UnknownObject, revision: number): UnknownObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** A copy of the object without resourceVersion: the form in which it is stored and compared. */
export function withoutRevision(object: UnknownObject): UnknownObject {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
