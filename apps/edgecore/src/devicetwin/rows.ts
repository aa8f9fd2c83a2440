import { isRecord, type TwinVersion } from '@kubeedge-ts/apis';
import type { Row, SqlValue, Statement } from '@kubeedge-ts/store';
import { decodeVersion, field } from './decode.ts';
import { lastLevel } from './registry.ts';
import { type Attribute, DELETED, type Device, type Side, type Twin } from './types.ts';

/**
 * Upstream's tables device, device_attr, device_twin (spec/mqtt-and-devicetwin.md §10.4). Absent values are stored
 * as empty text, which upstream reads as absent. Column `metadata` of a twin carries `declared`, which upstream ignores.
 */

export function insertDevice(device: Device): Statement {
  return {
    sql: 'INSERT OR REPLACE INTO device (id, name, description, state, last_online) VALUES (?, ?, ?, ?, ?)',
    params: [device.id, device.name, device.description, device.state, device.lastOnline],
  };
}

export function updateDeviceState(device: Device): Statement {
  return {
    sql: 'UPDATE device SET state = ?, last_online = ? WHERE id = ?',
    params: [device.state, device.lastOnline, device.id],
  };
}

export function deleteDevice(id: string): Statement[] {
  return [
    { sql: 'DELETE FROM device WHERE id = ?', params: [id] },
    { sql: 'DELETE FROM device_attr WHERE deviceid = ?', params: [id] },
    { sql: 'DELETE FROM device_twin WHERE deviceid = ?', params: [id] },
  ];
}

export function insertTwin(deviceId: string, twin: Twin): Statement {
  return {
    sql: "INSERT INTO device_twin (deviceid, name, description, expected, actual, expected_meta, actual_meta, expected_version, actual_version, optional, attr_type, metadata) VALUES (?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    params: [deviceId, twin.name, ...twinColumns(twin)],
  };
}

export function updateTwin(deviceId: string, twin: Twin): Statement {
  return {
    sql: 'UPDATE device_twin SET expected = ?, actual = ?, expected_meta = ?, actual_meta = ?, expected_version = ?, actual_version = ?, optional = ?, attr_type = ?, metadata = ? WHERE deviceid = ? AND name = ?',
    params: [...twinColumns(twin), deviceId, twin.name],
  };
}

function twinColumns(twin: Twin): SqlValue[] {
  const meta = (side: Side | undefined): string =>
    side === undefined ? '' : `{"timestamp":${side.timestamp}}`;
  const version = (v: TwinVersion | undefined): string =>
    v === undefined ? '' : `{"cloud":${v.cloud},"edge":${v.edge}}`;
  return [
    twin.expected?.value ?? '',
    twin.actual?.value ?? '',
    meta(twin.expected),
    meta(twin.actual),
    version(twin.expectedVersion),
    version(twin.actualVersion),
    twin.optional ? 1 : 0,
    twin.type,
    twin.declared === undefined ? '{}' : JSON.stringify({ declared: twin.declared }),
  ];
}

export function replaceAttribute(deviceId: string, name: string, attribute: Attribute | null): Statement[] {
  const remove: Statement = {
    sql: 'DELETE FROM device_attr WHERE deviceid = ? AND name = ?',
    params: [deviceId, name],
  };
  if (attribute === null) return [remove];
  return [
    remove,
    {
      sql: "INSERT INTO device_attr (deviceid, name, description, value, optional, attr_type, metadata) VALUES (?, ?, '', ?, ?, ?, '{}')",
      params: [deviceId, name, attribute.value, attribute.optional ? 1 : 0, attribute.type],
    },
  ];
}

/** Reads for all devices, or for one. */
export function selectDevices(id?: string): { devices: Statement; attributes: Statement; twins: Statement } {
  const params = id === undefined ? [] : [id];
  const where = (column: string): string => (id === undefined ? '' : ` WHERE ${column} = ?`);
  return {
    devices: {
      sql: `SELECT id, name, description, state, last_online FROM device${where('id')}`,
      params,
    },
    attributes: {
      sql: `SELECT deviceid, name, value, optional, attr_type FROM device_attr${where('deviceid')} ORDER BY id`,
      params,
    },
    twins: {
      sql: `SELECT deviceid, name, expected, actual, expected_meta, actual_meta, expected_version, actual_version, optional, attr_type, metadata FROM device_twin${where('deviceid')} ORDER BY id`,
      params,
    },
  };
}

/** Rows to devices; rows of attributes and twins without their device are left alone. */
export function readDevices(
  devices: readonly Row[],
  attributes: readonly Row[],
  twins: readonly Row[],
): Device[] {
  const byId = new Map<string, Device>();
  for (const row of devices) {
    const id = text(row['id']);
    if (id === '') continue;
    byId.set(id, {
      id,
      name: text(row['name']) || lastLevel(id),
      description: text(row['description']),
      state: text(row['state']),
      lastOnline: text(row['last_online']),
      attributes: new Map(),
      twins: new Map(),
      oneLevelSeen: false,
    });
  }
  for (const row of attributes) {
    byId.get(text(row['deviceid']))?.attributes.set(text(row['name']), {
      value: text(row['value']),
      optional: flag(row['optional']),
      type: text(row['attr_type']) || 'string',
    });
  }
  for (const row of twins) {
    byId.get(text(row['deviceid']))?.twins.set(text(row['name']), readTwin(row));
  }
  return [...byId.values()];
}

function readTwin(row: Row): Twin {
  const declared = json(row['metadata'])['declared'];
  const type = text(row['attr_type']) || 'string';
  return {
    name: text(row['name']),
    type,
    optional: flag(row['optional']),
    expected: type === DELETED ? undefined : side(row['expected'], row['expected_meta']),
    actual: type === DELETED ? undefined : side(row['actual'], row['actual_meta']),
    expectedVersion: version(row['expected_version']),
    actualVersion: version(row['actual_version']),
    declared: typeof declared === 'string' ? declared : undefined,
  };
}

function side(value: SqlValue | undefined, meta: SqlValue | undefined): Side | undefined {
  const content = text(value);
  if (content === '') return undefined;
  const timestamp = field(json(meta), 'timestamp');
  return { value: content, timestamp: typeof timestamp === 'number' ? timestamp : 0 };
}

function version(value: SqlValue | undefined): TwinVersion | undefined {
  const content = text(value);
  return content === '' ? undefined : (decodeVersion(json(content)) ?? { cloud: 0, edge: 0 });
}

/** Foreign rows may hold anything: what is no JSON object is read as an empty one. */
function json(value: SqlValue | undefined): Record<string, unknown> {
  const content = text(value);
  if (!content.startsWith('{')) return {};
  try {
    const parsed: unknown = JSON.parse(content);
    return isRecord(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

function text(value: SqlValue | undefined): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined || value instanceof Uint8Array ? '' : String(value);
}

/** SQLite may hold 1, 1.0 or "true": upstream's two generations store booleans differently. */
function flag(value: SqlValue | undefined): boolean {
  return value === 'true' || (value !== 'false' && Number(value ?? 0) !== 0);
}
