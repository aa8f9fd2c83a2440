import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { errorText, standaloneErrors } from '@kubeedge-ts/errors';

const SCHEMA_VERSION = 1;

const SCHEMA = `
CREATE TABLE objects (
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  revision INTEGER NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
CREATE TABLE history (
  revision INTEGER PRIMARY KEY, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  type TEXT NOT NULL, value TEXT NOT NULL, previous TEXT, previous_revision INTEGER
);
CREATE INDEX history_by_resource ON history (resource, revision);
CREATE TABLE state (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO state (key, value) VALUES ('compacted', 0);
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/**
 * Opens the store's file, which is 0600 and locked for this process.
 *
 * `synchronous=FULL`: a write that was answered must survive a power cut, as it does with etcd; node identities
 * and confirmed versions elsewhere rely on revisions never going back.
 *
 * @throws STANDALONE_DATA_DIR_IN_USE, STANDALONE_STORE_DAMAGED, STANDALONE_STORE_NEWER
 */
export function openDatabase(path: string): DatabaseSync {
  const inMemory = path === ':memory:';
  let db: DatabaseSync | undefined;
  try {
    if (!inMemory) closeSync(openSync(path, 'a', 0o600));
    db = new DatabaseSync(path);
    if (!inMemory) chmodSync(path, 0o600);
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    // The exclusive lock is taken by the first write only.
    db.exec('BEGIN IMMEDIATE; COMMIT');
    migrate(db, path);
    const check = db.prepare('PRAGMA quick_check(1)').get() as Record<string, unknown> | undefined;
    const verdict = String(Object.values(check ?? {})[0]);
    if (verdict !== 'ok')
      throw standaloneErrors.create('STANDALONE_STORE_DAMAGED', { path, problem: verdict });
    return db;
  } catch (error) {
    db?.close();
    throw described(error, path);
  }
}

function migrate(db: DatabaseSync, path: string): void {
  const found = Number((db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version);
  if (found > SCHEMA_VERSION) {
    throw standaloneErrors.create('STANDALONE_STORE_NEWER', { path, found, known: SCHEMA_VERSION });
  }
  if (found === SCHEMA_VERSION) return;
  db.exec(`BEGIN; ${SCHEMA} COMMIT;`);
}

function described(error: unknown, path: string): unknown {
  const text = errorText(error);
  if (/database is locked/.test(text)) return standaloneErrors.create('STANDALONE_DATA_DIR_IN_USE', { path });
  if (/not a database|malformed/.test(text)) {
    return standaloneErrors.create('STANDALONE_STORE_DAMAGED', { path, problem: text }, error);
  }
  return error;
}
