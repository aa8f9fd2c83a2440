import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { openDatabase, openFailure } from './database.ts';
import { edgeMigrations } from './edge-migrations.ts';
import type { Call } from './protocol.ts';

const root = mkdtempSync(join(tmpdir(), 'store-db-'));
after(() => rmSync(root, { recursive: true, force: true }));
let files = 0;
const newPath = (): string => join(root, `${files++}`, 'edgecore.db');
const setup = (path: string, newEpoch = 'epoch-1') => ({ path, migrations: edgeMigrations, newEpoch });
const at = (): number => Date.UTC(2026, 10, 22, 14, 0, 0);
const put = (id: number, key: string, value: string): Call => ({
  id,
  write: [{ sql: 'INSERT INTO meta (key, type, value) VALUES (?, ?, ?)', params: [key, 'pod', value] }],
});
const keys = (path: string): unknown[] => {
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = db.prepare('SELECT key FROM meta ORDER BY rowid').all();
  db.close();
  return rows.map((row) => row['key']);
};

describe('group commit', () => {
  test('a hundred queued writes share one commit', () => {
    const db = openDatabase(setup(newPath()), at);
    const replies = db.run(Array.from({ length: 100 }, (_, id) => put(id, `k${id}`, 'v')));
    assert.equal(db.commits, 1);
    assert.deepEqual(replies[99], { id: 99, changes: [1] });
    db.close();
  });

  test('a failing call fails alone and leaves nothing of itself', () => {
    const path = newPath();
    const db = openDatabase(setup(path), at);
    const [first, second, third] = db.run([
      put(1, 'a', '1'),
      {
        id: 2,
        write: [
          { sql: "INSERT INTO meta (key, type, value) VALUES ('b', 'pod', '')" },
          { sql: "INSERT INTO meta (key, type, value) VALUES ('a', 'pod', 'again')" },
        ],
      },
      put(3, 'c', '3'),
    ]);
    assert.deepEqual(first, { id: 1, changes: [1] });
    assert.ok(second !== undefined && 'failure' in second && second.failure.kind === 'failed');
    assert.deepEqual(third, { id: 3, changes: [1] });
    db.close();
    assert.deepEqual(keys(path), ['a', 'c']);
  });

  test('a read between two writes sees the first and not the second', () => {
    const db = openDatabase(setup(newPath()), at);
    const read: Call = { id: 2, read: { sql: 'SELECT key FROM meta' } };
    const replies = db.run([put(1, 'a', ''), read, put(3, 'b', '')]);
    assert.deepEqual(JSON.parse(JSON.stringify(replies[1])), { id: 2, rows: [{ key: 'a' }] });
    db.close();
  });

  test('a call that breaks its own parameters is answered, not thrown', () => {
    const db = openDatabase(setup(newPath()), at);
    const [reply] = db.run([{ id: 1, write: [{ sql: 'INSERT INTO meta (key) VALUES (?)', params: [] }] }]);
    assert.ok(reply !== undefined && 'changes' in reply, 'SQLite binds NULL');
    const [bad] = db.run([{ id: 2, write: [{ sql: 'INSERT INTO nowhere VALUES (1)' }] }]);
    assert.ok(bad !== undefined && 'failure' in bad && /nowhere/.test(bad.failure.problem));
    db.close();
  });
});

describe('the file', () => {
  test('is readable by its owner only, side files included', () => {
    const path = newPath();
    const db = openDatabase(setup(path), at);
    db.run([put(1, 'a', '')]);
    for (const suffix of ['', '-wal', '-shm'])
      assert.equal(statSync(path + suffix).mode & 0o777, 0o600, suffix);
    db.close();
  });

  test('keeps its epoch when it is opened again', () => {
    const path = newPath();
    openDatabase(setup(path, 'first'), at).close();
    const again = openDatabase(setup(path, 'second'), at);
    assert.equal(again.opened.epoch, 'first');
    again.close();
  });

  for (const [what, damage] of [
    ['garbage instead of a header', (path: string) => writeFileSync(path, Buffer.alloc(8192, 0x5a))],
    [
      'an overwritten page',
      (path: string) => {
        const whole = new DatabaseSync(path);
        for (let i = 0; i < 400; i++)
          whole.exec(`INSERT INTO meta VALUES ('k${i}', 'pod', '${'x'.repeat(500)}')`);
        whole.exec('PRAGMA wal_checkpoint(TRUNCATE)');
        whole.close();
        const bytes = Buffer.alloc(4096 * 4, 0x11);
        writeFileSync(path, bytes, { flag: 'r+' });
      },
    ],
  ] as const) {
    test(`with ${what} is set aside, not deleted, and a fresh one takes its place`, () => {
      const path = newPath();
      openDatabase(setup(path, 'old'), at).close();
      damage(path);
      const db = openDatabase(setup(path, 'new'), at);
      assert.equal(db.opened.epoch, 'new');
      assert.equal(db.opened.setAside?.file, `${path}.damaged-2026-11-22T14-00-00.000Z`);
      assert.ok(readdirSync(join(path, '..')).includes('edgecore.db.damaged-2026-11-22T14-00-00.000Z'));
      assert.deepEqual(db.run([put(1, 'a', '')]), [{ id: 1, changes: [1] }]);
      db.close();
    });
  }

  test('of a newer program is refused and left as it is', () => {
    const path = newPath();
    const db = openDatabase(setup(path), at);
    db.run([{ id: 1, write: [{ sql: 'INSERT INTO kubeedge_ts_schema VALUES (99)' }] }]);
    db.close();
    assert.throws(
      () => openDatabase(setup(path), at),
      (error) => {
        assert.deepEqual(openFailure(error), {
          kind: 'newer',
          problem: 'schema version 99 is newer than 2',
          found: 99,
          known: 2,
        });
        return true;
      },
    );
    assert.deepEqual(
      readdirSync(join(path, '..')).filter((name) => name.includes('damaged')),
      [],
    );
  });
});

describe("upstream's files", () => {
  const create = (path: string, sql: string): void => {
    openDatabase(setup(path), at).close();
    rmSync(path);
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
  };

  test('of v1.23 open with all rows and unchanged tables', () => {
    const path = newPath();
    const meta = 'CREATE TABLE `meta` (`key` text,`type` text,`value` text,PRIMARY KEY (`key`))';
    create(path, `${meta}; INSERT INTO meta VALUES ('default/pod/web', 'pod', '{"kind":"Pod"}')`);
    openDatabase(setup(path), at).close();
    const db = new DatabaseSync(path);
    assert.deepEqual(keys(path), ['default/pod/web']);
    const row = db.prepare("SELECT sql FROM sqlite_schema WHERE name = 'meta'").get();
    assert.equal(row?.['sql'], meta);
    db.close();
  });

  for (const [what, columnType] of [
    ['', "varchar(256) NOT NULL DEFAULT ''"],
    [' even where an old column may not be empty', 'varchar(256) NOT NULL'],
  ]) {
    test(`of 1.9 get the new columns of meta_v2 with the old values, and accept new rows${what}`, () => {
      const path = newPath();
      create(
        path,
        `CREATE TABLE "meta_v2" ("key" varchar(256) NOT NULL PRIMARY KEY, "groupversionresource" ${columnType},
           "namespace" varchar(256) NOT NULL DEFAULT '', "name" varchar(256) NOT NULL DEFAULT '',
           "resourceversion" integer NOT NULL DEFAULT 0, "value" text);
         INSERT INTO meta_v2 VALUES ('/core/v1/pods/default/web', '/v1, Resource=pods', 'default', 'web', 42, '{}')`,
      );
      const db = openDatabase(setup(path), at);
      const columns = 'key, group_version_resource, namespace, name, resource_version, value';
      const [insert, read] = db.run([
        {
          id: 1,
          write: [
            { sql: `INSERT INTO meta_v2 (${columns}) VALUES ('/k', '/v1, Resource=x', 'n', 'm', 1, '')` },
          ],
        },
        { id: 2, read: { sql: `SELECT ${columns} FROM meta_v2 WHERE name = 'web'` } },
      ]);
      assert.deepEqual(insert, { id: 1, changes: [1] });
      assert.ok(read !== undefined && 'rows' in read);
      assert.equal(read.rows[0]?.['group_version_resource'], '/v1, Resource=pods');
      assert.equal(read.rows[0]?.['resource_version'], 42);
      db.close();
      openDatabase(setup(path), at).close();
    });
  }
});
