import { hash } from 'node:crypto';
import { isRecord } from '../json.ts';
import { resourcePath } from './resource.ts';

/**
 * The inventory: what an edge's store holds, asked for by the cloud at each connect of an edge that has the capability
 * `inventory` (DESIGN §5, docs/adr/040).
 */
export const INVENTORY_TYPE = 'inventory';
export const INVENTORY_RESOURCE = resourcePath(INVENTORY_TYPE, undefined, 'store');

/** Objects in one answer; it must fit a frame towards the cloud (8 MiB). */
export const MAX_INVENTORY_OBJECTS = 32_768;

export interface StoredObject {
  /** Wire resource. */
  readonly key: string;
  readonly uid: string;
  /** `contentHash` of what is stored. */
  readonly hash: string;
}

export interface InventoryRequest {
  /** Type tokens that are asked for. */
  readonly types: readonly string[];
  /** `inventoryDigest` of what the cloud expects; absent when it does not know. */
  readonly digest?: string;
}

/** `same`: the digest is that of the store. */
export type Inventory = 'same' | readonly StoredObject[];

/** One value for all objects, in whatever order they come. */
export function inventoryDigest(objects: Iterable<StoredObject>): string {
  const lines = Array.from(objects, ({ key, uid, hash: content }) => `${key} ${uid} ${content}\n`);
  return hash('sha256', lines.sort().join(''), 'base64url');
}

/** On the wire objects are triples: the names would be half of the message. */
export function encodeInventory(inventory: Inventory): object {
  if (inventory === 'same') return { same: true };
  return { objects: inventory.map(({ key, uid, hash: content }) => [key, uid, content]) };
}

/** Undefined when it is no inventory. */
export function decodeInventory(content: unknown): Inventory | undefined {
  if (!isRecord(content)) return undefined;
  const { same, objects } = content;
  if (same === true) return 'same';
  if (!Array.isArray(objects) || objects.length > MAX_INVENTORY_OBJECTS) return undefined;
  const decoded: StoredObject[] = [];
  for (const object of objects) {
    if (!Array.isArray(object)) return undefined;
    const [key, uid, hashed] = object;
    if (typeof key !== 'string' || typeof uid !== 'string' || typeof hashed !== 'string') return undefined;
    decoded.push({ key, uid, hash: hashed });
  }
  return decoded;
}
