import type { UnknownObject } from '@kubeedge-ts/apis';
import type { ResourceDefinition } from '../registry/types.ts';
import type { ObjectStore, StoredObject, StoreKey } from '../storage/index.ts';
import { notFound } from './api-error.ts';
import type { ResourceRequest } from './request-info.ts';

export function storeKey(definition: ResourceDefinition, namespace: string, name: string): StoreKey {
  return { resource: definition.storage, namespace: definition.namespaced ? namespace : '', name };
}

/** @throws NotFound */
export function requireStored(
  store: ObjectStore,
  definition: ResourceDefinition,
  info: ResourceRequest,
): StoredObject {
  const stored = store.get(storeKey(definition, info.namespace, info.name));
  if (stored === undefined) throw notFound(definition, info.name);
  return stored;
}

/** One stored object in the version of `definition`. */
export async function inVersion(
  definition: ResourceDefinition,
  object: UnknownObject,
): Promise<UnknownObject> {
  const [converted] = await definition.codec.fromStorage([object]);
  return converted ?? object;
}
