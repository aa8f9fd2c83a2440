import { isRecord } from '@kubeedge-ts/apis';
import type { Statement } from '@kubeedge-ts/store';

/**
 * Table `meta_v2`: the objects as MetaServer shows them (spec/metamanager-and-metaserver.md §2.3, §4).
 * The functions return statements; they are run together with the row in `meta`.
 */

interface Identity {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace: string;
  readonly name: string;
}

/** Upstream's guess, wrong for some kinds in the same way (`Gateway` → `gatewaies`), since the rows are shared. */
export function resourceOfKind(kind: string): string {
  const special: Readonly<Record<string, string>> = {
    Endpoints: 'endpoints',
    PodStatus: 'podstatus',
    NodeStatus: 'nodestatus',
    Leases: 'leases',
  };
  const lower = kind.toLowerCase();
  if (Object.hasOwn(special, kind)) return special[kind] as string;
  if (lower.endsWith('s')) return `${lower}es`;
  if (lower.endsWith('y')) return `${lower.slice(0, -1)}ies`;
  return `${lower}s`;
}

/** What a delete without apiVersion and kind names; upstream leaves such rows behind. */
const KNOWN_TYPES: ReadonlyMap<string, readonly [apiVersion: string, kind: string]> = new Map([
  ['pod', ['v1', 'Pod']],
  ['configmap', ['v1', 'ConfigMap']],
  ['secret', ['v1', 'Secret']],
  ['node', ['v1', 'Node']],
  ['service', ['v1', 'Service']],
  ['endpoints', ['v1', 'Endpoints']],
  ['device', ['devices.kubeedge.io/v1beta1', 'Device']],
  ['devicemodel', ['devices.kubeedge.io/v1beta1', 'DeviceModel']],
]);

function identify(object: unknown, type: string): Identity | undefined {
  if (!isRecord(object) || !isRecord(object['metadata'])) return undefined;
  const [knownVersion, knownKind] = KNOWN_TYPES.get(type) ?? [];
  const apiVersion = object['apiVersion'] ?? knownVersion;
  const kind = object['kind'] ?? knownKind;
  const { name, namespace = '' } = object['metadata'];
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return undefined;
  if (typeof name !== 'string' || typeof namespace !== 'string') return undefined;
  const slash = apiVersion.indexOf('/');
  return {
    group: slash < 0 ? '' : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    plural: resourceOfKind(kind),
    namespace,
    name,
  };
}

/** `/<group or "core">/<version>/<plural>/<namespace or "null">/<name>` */
export function metaV2Key({ group, version, plural, namespace, name }: Identity): string {
  return `/${group || 'core'}/${version}/${plural}/${namespace || 'null'}/${name}`;
}

const UPSERT =
  'INSERT INTO meta_v2 (key, group_version_resource, namespace, name, resource_version, value)' +
  ' VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO UPDATE SET group_version_resource = excluded.group_version_resource,' +
  ' namespace = excluded.namespace, name = excluded.name, resource_version = excluded.resource_version,' +
  ' value = excluded.value';

/** Rows for an object or for the items of a list; none for what is no Kubernetes object. `text` is the object's JSON. */
export function upsertMetaV2(content: unknown, type: string, text: string): Statement[] {
  if (type.includes('status') || !isRecord(content)) return [];
  const items = content['items'];
  if (Array.isArray(items)) return items.flatMap((item) => upsertMetaV2(item, '', JSON.stringify(item)));
  if (content['apiVersion'] === undefined || content['kind'] === undefined) return [];
  const identity = identify(content, type);
  if (identity === undefined) return [];
  const { group, version, plural, namespace, name } = identity;
  const resourceVersion = (content['metadata'] as { resourceVersion?: unknown }).resourceVersion;
  return [
    {
      sql: UPSERT,
      params: [
        metaV2Key(identity),
        `${group}/${version}, Resource=${plural}`,
        namespace,
        name,
        numeric(resourceVersion),
        `${text}\n`,
      ],
    },
  ];
}

/** Removes the row of the object a delete message names; of a pod only if it is the one with that UID. */
export function deleteMetaV2(content: unknown, type: string, uid?: string): Statement[] {
  const identity = identify(content, type);
  if (identity === undefined) return [];
  const sql = 'DELETE FROM meta_v2 WHERE key = ?';
  const key = metaV2Key(identity);
  return uid === undefined
    ? [{ sql, params: [key] }]
    : [{ sql: `${sql} AND ${JSON_UID} = ?`, params: [key, uid] }];
}

/** `metadata.uid` of the JSON in column `value`; NULL, not an error, when it is no JSON. */
export const JSON_UID = "CASE WHEN json_valid(value) THEN json_extract(value, '$.metadata.uid') END";

export function numeric(resourceVersion: unknown): number {
  const text = String(resourceVersion ?? '');
  const value = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  return Number.isSafeInteger(value) ? value : 0;
}
