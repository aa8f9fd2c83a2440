import type { DatabaseSync } from 'node:sqlite';
import type { AddedColumn, Migration } from './types.ts';

/** The file was written by a newer program. */
export class NewerSchema extends Error {
  readonly found: number;
  readonly known: number;
  constructor(found: number, known: number) {
    super(`schema version ${found} is newer than ${known}`);
    this.found = found;
    this.known = known;
  }
}

/** Brings the schema up to date and returns the store's identity. All or nothing. */
export function migrate(db: DatabaseSync, migrations: readonly Migration[], newEpoch: string): string {
  db.exec('BEGIN IMMEDIATE');
  try {
    db.exec(
      'CREATE TABLE IF NOT EXISTS kubeedge_ts_schema (version INTEGER PRIMARY KEY);' +
        'CREATE TABLE IF NOT EXISTS kubeedge_ts_identity (key TEXT PRIMARY KEY, value TEXT NOT NULL)',
    );
    const found = Number(db.prepare('SELECT max(version) AS v FROM kubeedge_ts_schema').get()?.['v'] ?? 0);
    const known = Math.max(0, ...migrations.map((step) => step.version));
    if (found > known) throw new NewerSchema(found, known);
    for (const step of migrations.toSorted((a, b) => a.version - b.version)) {
      // Every step is idempotent and runs each time: upstream may have had the file in between and made its own tables.
      for (const statement of step.statements) db.exec(statement);
      for (const column of step.addedColumns ?? []) addColumn(db, column);
      db.prepare('INSERT OR IGNORE INTO kubeedge_ts_schema (version) VALUES (?)').run(step.version);
    }
    db.prepare("INSERT OR IGNORE INTO kubeedge_ts_identity (key, value) VALUES ('epoch', ?)").run(newEpoch);
    const epoch = db.prepare("SELECT value FROM kubeedge_ts_identity WHERE key = 'epoch'").get()?.['value'];
    db.exec('COMMIT');
    return String(epoch);
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

interface ColumnInfo {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly dflt_value: string | null;
  readonly pk: number;
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function columnsOf(db: DatabaseSync, table: string): ColumnInfo[] {
  return db.prepare(`PRAGMA table_info(${quote(table)})`).all() as unknown as ColumnInfo[];
}

function addColumn(db: DatabaseSync, { table, column, type, copyFrom }: AddedColumn): void {
  const columns = columnsOf(db, table);
  if (columns.some((existing) => existing.name === column)) return;
  db.exec(`ALTER TABLE ${quote(table)} ADD COLUMN ${quote(column)} ${type}`);
  const former = columns.find((existing) => existing.name === copyFrom);
  if (former === undefined) return;
  db.exec(`UPDATE ${quote(table)} SET ${quote(column)} = ${quote(copyFrom)}`);
  // Rows written from now on leave the former column empty.
  if (former.notnull === 1 && former.dflt_value === null) relax(db, table, copyFrom);
}

/** Rebuilds the table with one column allowed to be empty. */
function relax(db: DatabaseSync, table: string, column: string): void {
  const definitions = columnsOf(db, table).map((info) => {
    const parts = [quote(info.name), info.type];
    if (info.pk > 0) parts.push('PRIMARY KEY');
    if (info.notnull === 1 && info.name !== column) parts.push('NOT NULL');
    if (info.dflt_value !== null) parts.push(`DEFAULT ${info.dflt_value}`);
    return parts.join(' ');
  });
  const rebuilt = quote(`${table}_rebuilt`);
  db.exec(
    `CREATE TABLE ${rebuilt} (${definitions.join(', ')});` +
      `INSERT INTO ${rebuilt} SELECT * FROM ${quote(table)};` +
      `DROP TABLE ${quote(table)};` +
      `ALTER TABLE ${rebuilt} RENAME TO ${quote(table)}`,
  );
}
