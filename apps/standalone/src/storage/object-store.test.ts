import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { openObjectStore, type StoreEvent, type StoreKey } from './index.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standalone-store-'));
});
after(() => rm(folder, { recursive: true }));

const key = (name: string, namespace = 'ns'): StoreKey => ({ resource: 'configmaps', namespace, name });
const object = (name: string, value: number) => ({ metadata: { name }, data: { value: String(value) } });

test('what was written is there after the store is opened again, at the same revisions', () => {
  const path = join(folder, 'reopen.db');
  const first = openObjectStore({ path });
  const a = first.create(key('a'), object('a', 1))!;
  first.create(key('b'), object('b', 1));
  first.delete(key('b'), 2);
  const updated = first.update(key('a'), a.revision, object('a', 2))!;
  first.close();

  const second = openObjectStore({ path });
  assert.equal(second.revision, 4);
  assert.deepEqual(second.list('configmaps'), [updated]);
  assert.deepEqual(
    second.since('configmaps', 1).map(({ type, revision }) => [type, revision]),
    [
      ['ADDED', 2],
      ['DELETED', 3],
      ['MODIFIED', 4],
    ],
  );
  second.close();
});

test('revisions never go back, even when the last write before a restart was a delete', () => {
  const path = join(folder, 'monotonic.db');
  const first = openObjectStore({ path });
  first.create(key('a'), object('a', 1));
  first.delete(key('a'), 1);
  first.close();
  const second = openObjectStore({ path });
  assert.equal(second.revision, 2);
  second.close();
});

test('a write that expects another revision changes nothing', () => {
  const store = openObjectStore({ path: ':memory:' });
  store.create(key('a'), object('a', 1));
  assert.equal(store.create(key('a'), object('a', 2)), undefined);
  assert.equal(store.update(key('a'), 7, object('a', 2)), undefined);
  assert.equal(store.delete(key('a'), 7), undefined);
  assert.equal(store.update(key('absent'), 1, object('absent', 2)), undefined);
  assert.equal(store.revision, 1);
  assert.deepEqual(store.get(key('a'))?.object['data'], { value: '1' });
  store.close();
});

test('subscribers hear each change once, in order, after it can be read', () => {
  const store = openObjectStore({ path: ':memory:' });
  const heard: StoreEvent[] = [];
  const unsubscribe = store.subscribe('configmaps', (event) => {
    assert.equal(store.revision, event.revision);
    heard.push(event);
  });
  store.create(key('a'), object('a', 1));
  store.create({ ...key('s'), resource: 'secrets' }, object('s', 1));
  store.update(key('a'), 1, object('a', 2));
  unsubscribe();
  store.delete(key('a'), 3);
  assert.deepEqual(
    heard.map(({ type, revision, previous }) => [type, revision, previous?.metadata.resourceVersion]),
    [
      ['ADDED', 1, undefined],
      ['MODIFIED', 3, '1'],
    ],
  );
  store.close();
});

test('history is bounded; what was dropped is known', () => {
  const store = openObjectStore({ path: ':memory:', history: { events: 100, bytes: 1_000_000 } });
  let revision = store.create(key('a'), object('a', 0))!.revision;
  for (let value = 1; value < 600; value++) {
    revision = store.update(key('a'), revision, object('a', value))!.revision;
  }
  assert.ok(store.compacted > 400, `compacted up to ${store.compacted}`);
  assert.ok(store.since('configmaps', store.compacted).length < 400);
  assert.equal(store.list('configmaps').length, 1);
  store.close();
});

test('a second process cannot open the same file', () => {
  const path = join(folder, 'locked.db');
  const store = openObjectStore({ path });
  assert.throws(
    () => openObjectStore({ path }),
    (error) => isKubeEdgeError(error, 'STANDALONE_DATA_DIR_IN_USE'),
  );
  store.close();
});

test('a damaged file is refused with its path and left as it is', async () => {
  const path = join(folder, 'damaged.db');
  await writeFile(path, 'this is no database, and long enough to be read as a header of one'.repeat(20));
  const before = await readFile(path);
  assert.throws(
    () => openObjectStore({ path }),
    (error) => isKubeEdgeError(error, 'STANDALONE_STORE_DAMAGED') && error.details['path'] === path,
  );
  assert.deepEqual(await readFile(path), before);
});

test('the file is readable by its owner only', async () => {
  const path = join(folder, 'mode.db');
  openObjectStore({ path }).close();
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

type Step = { readonly name: string; readonly op: 'put' | 'delete'; readonly value: number };
const steps = fc.array(
  fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    op: fc.constantFrom<'put' | 'delete'>('put', 'put', 'delete'),
    value: fc.nat(9),
  }),
  { maxLength: 40 },
);

test('a list as of any revision shows exactly what was there then (property)', () => {
  fc.assert(
    fc.property(steps, (script: readonly Step[]) => {
      const store = openObjectStore({ path: ':memory:' });
      const model = new Map<string, string>();
      const snapshots = new Map([[0, '[]']]);
      const shown = () =>
        JSON.stringify([...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, value]));
      for (const { name, op, value } of script) {
        const current = store.get(key(name));
        if (op === 'delete' && current !== undefined) {
          store.delete(key(name), current.revision);
          model.delete(name);
        } else if (op === 'put') {
          if (current === undefined) store.create(key(name), object(name, value));
          else store.update(key(name), current.revision, object(name, value));
          model.set(name, String(value));
        }
        snapshots.set(store.revision, shown());
      }
      for (const [revision, expected] of snapshots) {
        const found = store
          .listAt(revision, 'configmaps', 'ns')
          .map((entry) => [entry.key.name, (entry.object['data'] as { value: string }).value]);
        assert.equal(JSON.stringify(found), expected, `at ${revision}`);
      }
      store.close();
    }),
  );
});
