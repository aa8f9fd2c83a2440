import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Call, Failure, Opened, Reply, WorkerSetup } from './protocol.ts';
import { migrate, NewerSchema } from './schema.ts';
import { failureOf } from './sqlite-failure.ts';
import type { Row, Statement } from './types.ts';

/** The file, used synchronously by the one thread that owns it. */
export interface Database {
  readonly opened: Opened;
  /** Runs the calls in order; all writes share one commit. Replies are given only when it is durable. */
  run(calls: readonly Call[]): Reply[];
  /** Commits so far. */
  readonly commits: number;
  close(): void;
}

/** How long a lock held by another process (a person with a database tool) is waited for. */
const LOCK_TIMEOUT_MS = 5_000;
const CACHED_STATEMENTS = 200;

/**
 * Opens the file, sets a damaged one aside, migrates it.
 * @throws what `openFailure` explains
 */
export function openDatabase({ path, migrations, newEpoch }: WorkerSetup, now: () => number): Database {
  let setAside: Opened['setAside'];
  const open = (): { db: DatabaseSync; epoch: string } => {
    createPrivate(path);
    const db = new DatabaseSync(path, { timeout: LOCK_TIMEOUT_MS, enableForeignKeyConstraints: false });
    try {
      db.exec(
        'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 8388608;' +
          'PRAGMA cache_size = -1024; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY',
      );
      const [verdict] = db.prepare('PRAGMA quick_check(1)').all() as { quick_check?: unknown }[];
      if (verdict?.quick_check !== 'ok') throw new Damage(String(verdict?.quick_check));
      return { db, epoch: migrate(db, migrations, newEpoch) };
    } catch (error) {
      db.close();
      throw error;
    }
  };

  let state: ReturnType<typeof open>;
  try {
    state = open();
  } catch (error) {
    const failure = openFailure(error);
    if (failure.kind !== 'damaged') throw error;
    setAside = { file: moveAside(path, now()), problem: failure.problem };
    state = open();
  }
  const runner = createRunner(state.db);
  return {
    opened: { epoch: state.epoch, ...(setAside === undefined ? {} : { setAside }) },
    run: runner.run,
    get commits() {
      return runner.commits();
    },
    close: () => state.db.close(),
  };
}

class Damage extends Error {}

export function openFailure(error: unknown): Failure {
  if (error instanceof Damage) return { kind: 'damaged', problem: error.message };
  if (error instanceof NewerSchema) {
    return { kind: 'newer', problem: error.message, found: error.found, known: error.known };
  }
  return failureOf(error);
}

/** SQLite gives its side files the mode of the main one, so setting that once is enough. */
function createPrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
}

function moveAside(path: string, now: number): string {
  const target = `${path}.damaged-${new Date(now).toISOString().replaceAll(':', '-')}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, target + suffix);
  }
  return target;
}

function createRunner(db: DatabaseSync): { run: Database['run']; commits: () => number } {
  const cache = new Map<string, StatementSync>();
  let commits = 0;

  const prepare = (sql: string): StatementSync => {
    const cached = cache.get(sql);
    if (cached !== undefined) return cached;
    const statement = db.prepare(sql);
    if (cache.size >= CACHED_STATEMENTS) cache.delete(cache.keys().next().value as string);
    cache.set(sql, statement);
    return statement;
  };
  const change = ({ sql, params = [] }: Statement): number => Number(prepare(sql).run(...params).changes);

  const execute = (call: Call): Reply => {
    if ('read' in call) {
      const rows = prepare(call.read.sql).all(...(call.read.params ?? [])) as Row[];
      return { id: call.id, rows };
    }
    return { id: call.id, changes: call.write.map(change) };
  };

  /** One call of a shared transaction: undone alone when it fails alone. */
  const executeInside = (call: Call): Reply => {
    const needsSavepoint = 'write' in call && call.write.length > 1;
    try {
      if (needsSavepoint) db.exec('SAVEPOINT call');
      const reply = execute(call);
      if (needsSavepoint) db.exec('RELEASE call');
      return reply;
    } catch (error) {
      const failure = failureOf(error);
      // A full disk may have undone the transaction as a whole; the group is then run one by one.
      if (!db.isTransaction || failure.kind === 'full') throw error;
      if (needsSavepoint) db.exec('ROLLBACK TO call; RELEASE call');
      return { id: call.id, failure };
    }
  };

  const inTransaction = <T>(work: () => T): T => {
    db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      db.exec('COMMIT');
      commits += 1;
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  };

  const alone = (call: Call): Reply => {
    try {
      return 'read' in call ? execute(call) : inTransaction(() => execute(call));
    } catch (error) {
      return { id: call.id, failure: failureOf(error) };
    }
  };

  return {
    commits: () => commits,
    run(calls) {
      const writes = calls.reduce((count, call) => count + ('write' in call ? 1 : 0), 0);
      if (writes < 2) return calls.map(alone);
      try {
        return inTransaction(() => calls.map(executeInside));
      } catch {
        // Nothing of the group was kept; each call now gets its own verdict, so that a large one
        // that does not fit any more does not take the small ones with it.
        return calls.map(alone);
      }
    },
  };
}
