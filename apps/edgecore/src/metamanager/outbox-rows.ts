import type { Row, Statement } from '@kubeedge-ts/store';

/**
 * Table `outbox`: what the cloud must still be told, the newest wanted state per object (DESIGN §6). Events lie there as
 * well, see `event-rows.ts`.
 */
export type OutboxKind = 'podstatus' | 'nodestatus' | 'poddelete';

export interface OutboxRow {
  readonly kind: OutboxKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The full wanted status as JSON; empty for a deletion. */
  readonly value: string;
  /** Grows with every write; a confirmation of an older one does not remove a newer one. */
  readonly seq: number;
}

const keyOf = ({ kind, namespace, name, uid }: Omit<OutboxRow, 'value' | 'seq'>): string =>
  `${kind}/${namespace}/${name}/${uid}`;

export function putOutbox(row: OutboxRow): Statement {
  const { kind, namespace, name, uid, value, seq } = row;
  return {
    sql: 'INSERT OR REPLACE INTO outbox (key, kind, namespace, name, uid, value, seq) VALUES (?, ?, ?, ?, ?, ?, ?)',
    params: [keyOf(row), kind, namespace, name, uid, value, seq],
  };
}

/** Removes the row unless a newer one has taken its place. */
export function dropOutbox(row: Omit<OutboxRow, 'value'>): Statement {
  return { sql: 'DELETE FROM outbox WHERE key = ? AND seq <= ?', params: [keyOf(row), row.seq] };
}

export const LOAD_OUTBOX: Statement = {
  sql: "SELECT kind, namespace, name, uid, value, seq FROM outbox WHERE kind <> 'event' ORDER BY seq",
};

export function readOutbox(row: Row): OutboxRow | undefined {
  const kind = String(row['kind']);
  if (kind !== 'podstatus' && kind !== 'nodestatus' && kind !== 'poddelete') return undefined;
  return {
    kind,
    namespace: String(row['namespace']),
    name: String(row['name']),
    uid: String(row['uid']),
    value: String(row['value']),
    seq: Number(row['seq']),
  };
}
