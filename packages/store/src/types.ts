/** A value SQLite can bind. Booleans are stored as 0/1 by the caller. */
export type SqlValue = string | number | bigint | null | Uint8Array;

export interface Statement {
  readonly sql: string;
  readonly params?: readonly SqlValue[];
}

export type Row = Readonly<Record<string, SqlValue>>;

/**
 * The edge's control database: one SQLite file, one writer, in a worker thread (DESIGN §8).
 * Calls are queued in order; reads see all writes queued before them.
 */
export interface Store {
  /**
   * Runs the statements in one transaction and resolves when it is durable. Several calls may share one
   * commit (group commit); one failing call never fails another. Calls complete in the order they were made.
   * Resolves with the number of changed rows per statement.
   * @throws KubeEdgeError STORE_FULL, STORE_BUSY, STORE_FAILED, STORE_DAMAGED, STORE_CLOSED
   */
  write(statements: readonly Statement[]): Promise<readonly number[]>;
  /** @throws KubeEdgeError STORE_BUSY, STORE_FAILED, STORE_DAMAGED, STORE_CLOSED */
  read(statement: Statement): Promise<readonly Row[]>;
  /** Random identity created with the file; a wiped store has a new one. */
  readonly epoch: string;
  /** Waits for queued writes, closes the file, ends the worker. */
  close(): Promise<void>;
}

/** A column that an older file lacks. Values are taken over from the column's former name. */
export interface AddedColumn {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly copyFrom: string;
}

/** One step of the schema; versions are applied in order, forward only (`PRAGMA user_version` is not used: upstream shares the file). */
export interface Migration {
  readonly version: number;
  readonly statements: readonly string[];
  /** Added after the statements where they are missing. */
  readonly addedColumns?: readonly AddedColumn[];
}
