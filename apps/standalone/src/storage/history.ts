import type { DatabaseSync } from 'node:sqlite';
import type { UnknownObject } from '@kubeedge-ts/apis';
import { withRevision } from './revision.ts';
import type { HistoryLimits, StoreEvent, StoreKey } from './types.ts';

export interface HistoryRow {
  readonly type: StoreEvent['type'];
  readonly key: StoreKey;
  readonly revision: number;
  readonly value: string;
  readonly previous: string | null;
  readonly previousRevision: number | null;
}

/** The bounded event log that lets watches resume and lists be read as they were. */
export interface History {
  readonly compacted: number;
  /** Inside the caller's transaction. */
  append(row: HistoryRow): void;
  since(resource: string, revision: number): StoreEvent[];
  /** Newest revision in the log, 0 when it is empty. */
  newest(): number;
  /** Drops the oldest events when the limits are exceeded; its own transaction. */
  compact(): void;
}

/** After a compaction this share of the limits is left, so that not every write compacts. */
const KEPT_SHARE = 0.75;

export function createHistory(db: DatabaseSync, limits: HistoryLimits): History {
  const insert = db.prepare(
    'INSERT INTO history (revision, resource, namespace, name, type, value, previous, previous_revision) VALUES (?,?,?,?,?,?,?,?)',
  );
  const select = db.prepare('SELECT * FROM history WHERE resource = ? AND revision > ? ORDER BY revision');
  const oldest = db.prepare(
    'SELECT revision, length(value) + coalesce(length(previous), 0) AS bytes FROM history ORDER BY revision',
  );
  const remove = db.prepare('DELETE FROM history WHERE revision <= ?');
  const note = db.prepare("UPDATE state SET value = ? WHERE key = 'compacted'");
  const totals = db
    .prepare(
      'SELECT count(*) AS events, coalesce(sum(length(value) + coalesce(length(previous), 0)), 0) AS bytes FROM history',
    )
    .get() as { events: number; bytes: number };
  let { events, bytes } = totals;
  let compacted = Number(
    (db.prepare("SELECT value FROM state WHERE key = 'compacted'").get() as { value: number }).value,
  );

  return {
    get compacted() {
      return compacted;
    },
    append(row) {
      const { key } = row;
      insert.run(
        row.revision,
        key.resource,
        key.namespace,
        key.name,
        row.type,
        row.value,
        row.previous,
        row.previousRevision,
      );
      events += 1;
      bytes += row.value.length + (row.previous?.length ?? 0);
    },
    since(resource, revision) {
      return (select.all(resource, revision) as unknown as DatabaseRow[]).map(eventOf);
    },
    newest() {
      const row = db.prepare('SELECT max(revision) AS revision FROM history').get() as { revision: number };
      return row.revision ?? 0;
    },
    compact() {
      if (events <= limits.events && bytes <= limits.bytes) return;
      let upTo = compacted;
      for (const row of oldest.iterate() as Iterable<{ revision: number; bytes: number }>) {
        // The newest event stays: it carries the revision counter over a restart.
        if (events <= 1) break;
        if (events <= limits.events * KEPT_SHARE && bytes <= limits.bytes * KEPT_SHARE) break;
        upTo = row.revision;
        events -= 1;
        bytes -= row.bytes;
      }
      db.exec('BEGIN IMMEDIATE');
      remove.run(upTo);
      note.run(upTo);
      db.exec('COMMIT');
      compacted = upTo;
    },
  };
}

interface DatabaseRow {
  revision: number;
  resource: string;
  namespace: string;
  name: string;
  type: StoreEvent['type'];
  value: string;
  previous: string | null;
  previous_revision: number | null;
}

function eventOf(row: DatabaseRow): StoreEvent {
  const { revision, type } = row;
  const key = { resource: row.resource, namespace: row.namespace, name: row.name };
  const object = withRevision(JSON.parse(row.value) as UnknownObject, revision);
  if (row.previous === null) return { type, key, revision, object };
  const previous = withRevision(JSON.parse(row.previous) as UnknownObject, row.previous_revision ?? 0);
  return { type, key, revision, object, previous };
}
