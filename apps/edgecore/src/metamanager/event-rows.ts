import { isRecord, parseJson } from '@kubeedge-ts/apis';
import type { Row, Statement } from '@kubeedge-ts/store';

/** An event in table `outbox`, beside what is wanted of objects: kind `event`, one row per event, in order of `seq`. */
export interface EventRow {
  readonly seq: number;
  readonly namespace: string;
  readonly name: string;
  readonly operation: 'insert' | 'update';
  /** The Event as JSON. */
  readonly text: string;
}

export function putEvent({ seq, namespace, name, operation, text }: EventRow): Statement {
  return {
    sql:
      'INSERT OR REPLACE INTO outbox (key, kind, namespace, name, uid, value, seq)' +
      " VALUES (?, 'event', ?, ?, '', ?, ?)",
    params: [`event/${seq}`, namespace, name, `{"operation":"${operation}","event":${text}}`, seq],
  };
}

export function dropEvent(seq: number): Statement {
  return { sql: "DELETE FROM outbox WHERE kind = 'event' AND seq = ?", params: [seq] };
}

/** Everything up to here has been told or given up. */
export function dropEventsUpTo(seq: number): Statement {
  return { sql: "DELETE FROM outbox WHERE kind = 'event' AND seq <= ?", params: [seq] };
}

export const LOAD_EVENTS: Statement = {
  sql: "SELECT namespace, name, value, seq FROM outbox WHERE kind = 'event' ORDER BY seq",
};

/** Undefined: a row that no version of ours has written like this. */
export function readEvent(row: Row): EventRow | undefined {
  let value: unknown;
  try {
    value = parseJson(String(row['value']));
  } catch {
    return undefined;
  }
  if (!isRecord(value) || !isRecord(value['event'])) return undefined;
  const { operation, event } = value;
  if (operation !== 'insert' && operation !== 'update') return undefined;
  return {
    seq: Number(row['seq']),
    namespace: String(row['namespace']),
    name: String(row['name']),
    operation,
    text: JSON.stringify(event),
  };
}
