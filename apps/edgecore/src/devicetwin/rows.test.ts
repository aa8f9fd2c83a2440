import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { edgeMigrations, type Row, type Statement } from '@kubeedge-ts/store';
import fc from 'fast-check';
import { createBatch } from './batch.ts';
import { readDevices, selectDevices } from './rows.ts';
import { DELETED, type Device, type Twin } from './types.ts';

function database() {
  const db = new DatabaseSync(':memory:');
  for (const { statements } of edgeMigrations) for (const sql of statements) db.exec(sql);
  return {
    db,
    write(statements: readonly Statement[]): void {
      for (const { sql, params = [] } of statements) db.prepare(sql).run(...params);
    },
    devices(): Device[] {
      const all = ({ sql, params = [] }: Statement) => db.prepare(sql).all(...params) as unknown as Row[];
      const select = selectDevices();
      return readDevices(all(select.devices), all(select.attributes), all(select.twins));
    },
  };
}

function device(id: string): Device {
  return {
    id,
    name: 'd',
    description: 'über',
    state: '',
    lastOnline: '',
    attributes: new Map(),
    twins: new Map(),
    oneLevelSeen: false,
  };
}

const version = fc.option(fc.record({ cloud: fc.nat(), edge: fc.nat() }, { noNullPrototype: true }), {
  nil: undefined,
});
const side = fc.option(
  fc
    .tuple(fc.string({ minLength: 1, maxLength: 20 }), fc.nat())
    .map(([value, timestamp]) => ({ value, timestamp })),
  { nil: undefined },
);
const twin = (name: string): fc.Arbitrary<Twin> =>
  fc
    .record({
      name: fc.constant(name),
      type: fc.constantFrom('string', 'int', DELETED),
      optional: fc.boolean(),
      expected: side,
      actual: side,
      expectedVersion: version,
      actualVersion: version,
      declared: fc.option(fc.string({ maxLength: 5 }), { nil: undefined }),
    })
    .map((one) => (one.type === DELETED ? { ...one, expected: undefined, actual: undefined } : one));
const name = fc.constantFrom('a', 'b', 'constructor');
const step = fc.oneof(
  name.chain(twin).map((one) => ({ kind: 'twin', one }) as const),
  fc.constantFrom('online', 'offline').map((state) => ({ kind: 'state', state }) as const),
  fc
    .tuple(name, fc.option(fc.string({ maxLength: 5 })))
    .map(([key, value]) => ({ kind: 'attribute', key, value }) as const),
  fc.constantFrom({ kind: 'remove' } as const, { kind: 'commit' } as const),
);

test('what a batch leaves in the tables is what memory holds, whatever happened in which order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const { db, write, devices } = database();
      let batch = createBatch();
      let memory = device('ns/d');
      batch.deviceAdded(memory);
      for (const one of steps) {
        if (one.kind === 'twin') {
          const isNew = !memory.twins.has(one.one.name);
          memory.twins.set(one.one.name, one.one);
          batch.twinRow(memory, one.one.name, isNew);
        } else if (one.kind === 'state') {
          memory.state = one.state;
          memory.lastOnline = one.state === 'online' ? '2026-01-01T00:00:00Z' : '';
          batch.stateRow(memory);
        } else if (one.kind === 'attribute') {
          const attribute = one.value === null ? null : { value: one.value, optional: true, type: 'string' };
          if (attribute === null) memory.attributes.delete(one.key);
          else memory.attributes.set(one.key, attribute);
          batch.attribute(memory, one.key, attribute);
        } else if (one.kind === 'remove') {
          batch.deviceRemoved(memory);
          memory = device('ns/d');
          batch.deviceAdded(memory);
        } else {
          write(batch.statements());
          batch = createBatch();
        }
      }
      write(batch.statements());
      const [stored, ...others] = devices();
      assert.equal(others.length, 0);
      const sorted = (of: Device | undefined) => ({
        ...of,
        twins: [...(of?.twins.values() ?? [])]
          .map((t) => ({ ...t }))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
        attributes: [...(of?.attributes ?? [])].sort(),
      });
      assert.deepEqual(sorted(stored), sorted(memory));
      db.close();
    }),
  );
});

test('a row changes once per batch however many updates it had', () => {
  const batch = createBatch();
  const memory = device('ns/d');
  for (let i = 0; i < 100; i++) {
    const value = { value: String(i), timestamp: i };
    memory.twins.set('t', { name: 't', type: 'int', optional: true, actual: value });
    batch.twinRow(memory, 't', i === 0);
  }
  const statements = batch.statements();
  assert.equal(statements.length, 1);
  assert.ok(statements[0]?.params?.includes('99'));
});

test('rows of upstream 1.9 and v1.23 are read, and odd ones do no harm', () => {
  const { db, devices } = database();
  db.exec(`
    INSERT INTO device VALUES ('boiler-7', 'boiler-7', '', 'online', '2026-03-04 05:06:07');
    INSERT INTO device VALUES ('plant/boiler', '', NULL, NULL, NULL);
    INSERT INTO device VALUES (NULL, 'x', '', '', '');
    INSERT INTO device_attr (deviceid, name, value, optional, attr_type, metadata) VALUES ('boiler-7', 'serial', 'A17', 1.0, 'string', '{}');
    INSERT INTO device_twin (deviceid, name, expected, actual, expected_meta, actual_meta, expected_version, actual_version, optional, attr_type, metadata)
      VALUES ('boiler-7', 'p', '2.5', '', '{"timestamp":7}', NULL, '{"cloud":3,"edge":1}', '', 'true', 'float', '{}'),
             ('boiler-7', 'odd', 'x', NULL, 'not json', NULL, '[]', NULL, 0, NULL, 'null'),
             ('boiler-7', 'gone', 'x', 'y', '{}', '{}', '{"cloud":0,"edge":4}', NULL, 1, 'deleted', '{}'),
             ('nobody', 'p', '1', '', '', '', '', '', 1, 'int', '{}');
  `);
  const [boiler, plant] = devices();
  assert.equal(plant?.name, 'boiler');
  assert.equal(boiler?.attributes.get('serial')?.value, 'A17');
  assert.deepEqual(boiler?.twins.get('p'), {
    name: 'p',
    type: 'float',
    optional: true,
    expected: { value: '2.5', timestamp: 7 },
    actual: undefined,
    expectedVersion: { cloud: 3, edge: 1 },
    actualVersion: undefined,
    declared: undefined,
  });
  assert.deepEqual(boiler?.twins.get('odd')?.expectedVersion, { cloud: 0, edge: 0 });
  assert.equal(boiler?.twins.get('gone')?.expected, undefined);
  db.close();
});
