import { isRecord, type Message, parseResource, resourcePath } from '@kubeedge-ts/apis';
import type { Statement } from '@kubeedge-ts/store';
import { deleteMetaV2, JSON_UID, numeric, upsertMetaV2 } from './meta-v2.ts';

/** Table `meta` (spec/metamanager-and-metaserver.md §2.2): key = wire resource, type = its type token, value = JSON. */

export function upsertMeta(key: string, type: string, value: string): Statement {
  return {
    sql: 'INSERT OR REPLACE INTO meta (key, type, value) VALUES (?, ?, ?)',
    params: [key, type, value],
  };
}

const STORED_VERSION =
  "COALESCE(CAST(CASE WHEN json_valid(meta.value) THEN json_extract(meta.value, '$.metadata.resourceVersion') END" +
  ' AS INTEGER), 0)';

/**
 * The row of an object that came as an answer. An update the cloud pushed meanwhile may have been stored before it, so
 * an older version does not replace a newer one.
 */
export function storeAnswer(key: string, content: unknown): Statement {
  const version =
    isRecord(content) && isRecord(content['metadata']) ? content['metadata']['resourceVersion'] : '';
  return {
    sql:
      'INSERT INTO meta (key, type, value) VALUES (?, ?, ?) ON CONFLICT(key) DO UPDATE' +
      ` SET type = excluded.type, value = excluded.value WHERE ${STORED_VERSION} <= ?`,
    params: [key, parseResource(key).type, JSON.stringify(content), numeric(version)],
  };
}

/** As `storeAnswer`, only if the row is there and of that UID. */
export function refreshRow(key: string, uid: string, object: unknown, version: unknown): Statement {
  return {
    sql: `UPDATE meta SET value = ? WHERE key = ? AND ${JSON_UID} = ? AND ${STORED_VERSION} <= ?`,
    params: [JSON.stringify(object), key, uid, numeric(version)],
  };
}

/** Notes a status the cloud has taken over without telling the object. */
export function refreshStatus(key: string, status: string): Statement {
  return {
    sql: "UPDATE meta SET value = json_set(value, '$.status', json(?)) WHERE key = ? AND json_valid(value)",
    params: [status, key],
  };
}

/**
 * Pods, each with the last status reported of it. During an outage that waits in the outbox, and a restart of edgecore
 * must not know less of its pods than before: which were ready, which have ended.
 */
export const LIST_PODS: Statement = {
  sql:
    "SELECT meta.key, CASE WHEN outbox.value IS NULL THEN meta.value ELSE json_set(meta.value, '$.status', " +
    "json(outbox.value)) END AS value FROM meta LEFT JOIN outbox ON outbox.kind = 'podstatus'" +
    " AND meta.key = outbox.namespace || '/pod/' || outbox.name AND json_valid(outbox.value) AND" +
    " CASE WHEN json_valid(meta.value) THEN json_extract(meta.value, '$.metadata.uid') END = outbox.uid" +
    " WHERE meta.type = 'pod' ORDER BY meta.key",
};

/** The rows of an object the cloud sent. `whole`: it has all of its fields, so that MetaServer may show it. */
export function storeObject({ route, content }: Message, whole: boolean): Statement[] {
  const key = route.resource ?? '';
  const { type } = parseResource(key);
  const text = JSON.stringify(content);
  const row = upsertMeta(key, type, text);
  return whole ? [row, ...upsertMetaV2(content, type, text)] : [row];
}

/** What goes when the cloud deletes an object. A pod goes only if it is the one with that UID (empty: any). */
export function removeObject({ route, content }: Message, uid: string, whole: boolean): Statement[] {
  const key = route.resource ?? '';
  const { type, namespace, name } = parseResource(key);
  if (type === 'pod') return removePod(namespace, name, uid);
  const row = { sql: 'DELETE FROM meta WHERE key = ?', params: [key] };
  return whole ? [row, ...deleteMetaV2(content, type)] : [row];
}

export function removeNode(name: string): Statement[] {
  const keys = ['node', 'nodepatch'].map((type) => resourcePath(type, undefined, name));
  return [
    { sql: 'DELETE FROM meta WHERE key IN (?, ?)', params: keys },
    ...deleteMetaV2({ metadata: { name } }, 'node'),
  ];
}

export function removePod(namespace: string, name: string, uid: string): Statement[] {
  const key = resourcePath('pod', namespace, name);
  const patchKey = resourcePath('podpatch', namespace, name);
  const object = { metadata: { name, namespace } };
  if (uid === '') {
    return [
      { sql: 'DELETE FROM meta WHERE key IN (?, ?)', params: [key, patchKey] },
      ...deleteMetaV2(object, 'pod'),
      { sql: "DELETE FROM outbox WHERE namespace = ? AND name = ? AND uid <> ''", params: [namespace, name] },
    ];
  }
  return [
    { sql: `DELETE FROM meta WHERE key = ? AND ${JSON_UID} = ?`, params: [key, uid] },
    // Directly after it: the patch row goes only with the pod.
    { sql: 'DELETE FROM meta WHERE key = ? AND changes() > 0', params: [patchKey] },
    ...deleteMetaV2(object, 'pod', uid),
    {
      sql: 'DELETE FROM outbox WHERE namespace = ? AND name = ? AND uid = ?',
      params: [namespace, name, uid],
    },
  ];
}
