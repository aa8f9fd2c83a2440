import {
  contentHash,
  encodeInventory,
  type InventoryRequest,
  inventoryDigest,
  isRecord,
  type KubeObject,
  MAX_INVENTORY_OBJECTS,
  parseJson,
  parseResource,
  type StoredObject,
} from '@kubeedge-ts/apis';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import type { Row, Statement, Store } from '@kubeedge-ts/store';

/**
 * What table `meta` holds, as the cloud compares it with what it had confirmed (DESIGN §5, LESSONS M15, docs/adr/040).
 * What is written before the call is in the answer. Hashes are kept, in a temporary table of the store's connection, as
 * long as their rows do not change: only the first call hashes everything, a page at a time.
 */
export interface Inventory {
  /**
   * Content of the answer. @throws KubeEdgeError EDGE_INVENTORY_TOO_LARGE, STORE_*
   */
  answer(request: InventoryRequest): Promise<object>;
}

/** Rows that are read and hashed without a pause. */
const PAGE = 16;

const ENSURE: readonly Statement[] = [
  'CREATE TEMP TABLE IF NOT EXISTS kubeedge_ts_hashes (key TEXT PRIMARY KEY, uid TEXT, hash TEXT) WITHOUT ROWID',
  // Whoever changes a row, its hash goes; INSERT OR REPLACE fires the insert trigger only.
  trigger('insert', 'AFTER INSERT', 'key = NEW.key'),
  trigger('update', 'AFTER UPDATE', 'key IN (OLD.key, NEW.key)'),
  trigger('delete', 'AFTER DELETE', 'key = OLD.key'),
].map((sql) => ({ sql }));

function trigger(name: string, when: string, which: string): string {
  return (
    `CREATE TEMP TRIGGER IF NOT EXISTS kubeedge_ts_${name} ${when} ON meta` +
    ` BEGIN DELETE FROM kubeedge_ts_hashes WHERE ${which}; END`
  );
}

/** A row without a hash is being hashed; when it changes meanwhile the hash finds it gone. */
const CLAIM =
  'INSERT OR REPLACE INTO kubeedge_ts_hashes (key) SELECT meta.key FROM meta' +
  ' LEFT JOIN kubeedge_ts_hashes AS known ON known.key = meta.key' +
  ' WHERE meta.type IN (SELECT value FROM json_each(?)) AND meta.key IS NOT NULL AND known.hash IS NULL LIMIT ?';
const CLAIMED =
  'SELECT meta.key, meta.type, meta.value FROM kubeedge_ts_hashes AS known JOIN meta ON meta.key = known.key' +
  ' WHERE known.hash IS NULL';
const FILL = 'UPDATE kubeedge_ts_hashes SET uid = ?, hash = ? WHERE key = ? AND hash IS NULL';
const LIST =
  'SELECT known.key, known.uid, known.hash FROM kubeedge_ts_hashes AS known JOIN meta ON meta.key = known.key' +
  " WHERE meta.type IN (SELECT value FROM json_each(?)) AND known.uid <> '' LIMIT ?";

export function createInventory(store: Pick<Store, 'read' | 'write'>): Inventory {
  let before: Promise<unknown> = Promise.resolve();

  const hashPages = async (types: string): Promise<void> => {
    await store.write(ENSURE);
    for (;;) {
      const [claimed] = await store.write([{ sql: CLAIM, params: [types, PAGE] }]);
      if (claimed === 0) return;
      const rows = await store.read({ sql: CLAIMED });
      await store.write(rows.map(fill));
    }
  };

  const list = async (types: readonly string[]): Promise<StoredObject[]> => {
    const asked = JSON.stringify(types);
    await hashPages(asked);
    const rows = await store.read({ sql: LIST, params: [asked, MAX_INVENTORY_OBJECTS + 1] });
    if (rows.length > MAX_INVENTORY_OBJECTS) {
      throw edgecoreErrors.create('EDGE_INVENTORY_TOO_LARGE', { limit: MAX_INVENTORY_OBJECTS });
    }
    return rows.map(({ key, uid, hash }) => ({ key: String(key), uid: String(uid), hash: String(hash) }));
  };

  return {
    async answer({ types, digest }) {
      // One after the other: they share the claims.
      const listed = before.then(() => list(types));
      before = listed.catch(() => undefined);
      const objects = await listed;
      const same = digest !== undefined && digest === inventoryDigest(objects);
      return encodeInventory(same ? 'same' : objects);
    },
  };
}

function fill({ key, type, value }: Row): Statement {
  const object = objectIn(String(key), value);
  const uid = object?.metadata.uid ?? '';
  return {
    sql: FILL,
    params: [uid, uid === '' ? '' : contentHash(String(type), object as KubeObject), key ?? ''],
  };
}

/** A row that is no object, or not the one its key names, counts as absent: the cloud fills it anew. */
function objectIn(key: string, value: unknown): KubeObject | undefined {
  let object: unknown;
  try {
    object = parseJson(String(value));
  } catch {
    return undefined;
  }
  if (!isRecord(object) || !isRecord(object['metadata'])) return undefined;
  const { uid, name } = object['metadata'];
  if (typeof uid !== 'string' || name !== parseResource(key).name) return undefined;
  return object as unknown as KubeObject;
}
