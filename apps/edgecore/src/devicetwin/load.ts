import { isRecord, parseJson } from '@kubeedge-ts/apis';
import type { Row, Store } from '@kubeedge-ts/store';
import { readDevices, selectDevices } from './rows.ts';
import type { Device } from './types.ts';

/** All devices of the store, or those of `id`. @throws KubeEdgeError STORE_* */
export async function loadDevices(store: Pick<Store, 'read'>, id?: string): Promise<Device[]> {
  const select = selectDevices(id);
  const [devices, attributes, twins] = await Promise.all([
    store.read(select.devices),
    store.read(select.attributes),
    store.read(select.twins),
  ]);
  return readDevices(devices, attributes, twins);
}

export interface StoredObject {
  /** `namespace/name`. */
  readonly id: string;
  readonly type: 'device' | 'devicemodel';
  readonly object: Record<string, unknown>;
}

/**
 * Device and DeviceModel objects MetaManager has stored: a crash between its commit and DeviceTwin's is made good by
 * looking at them again at start. @throws KubeEdgeError STORE_*
 */
export async function loadObjects(store: Pick<Store, 'read'>): Promise<StoredObject[]> {
  const rows = await store.read({
    sql: "SELECT key, type, value FROM meta WHERE type IN ('device', 'devicemodel')",
  });
  return rows.flatMap(storedObject);
}

function storedObject(row: Row): StoredObject[] {
  const { key, type, value } = row;
  if (typeof key !== 'string' || typeof value !== 'string') return [];
  if (type !== 'device' && type !== 'devicemodel') return [];
  const [namespace, , name] = key.split('/');
  if (!namespace || !name) return [];
  const object = parsed(value);
  if (object === undefined) return [];
  const metadata = object['metadata'];
  // A local update lies under the literal name `updated` (§10.5); the cloud's own row of the device counts.
  if (isRecord(metadata) && metadata['name'] !== name) return [];
  return [{ id: `${namespace}/${name}`, type, object }];
}

/** A damaged row is none: the cloud sends the object again when it changes or differs. */
function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value = parseJson(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
