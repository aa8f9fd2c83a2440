import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contentHash } from '../content-hash.ts';
import type { KubeObject } from '../kubernetes/meta.ts';
import {
  decodeInventory,
  encodeInventory,
  inventoryDigest,
  MAX_INVENTORY_OBJECTS,
  type StoredObject,
} from './inventory.ts';

const stored = fc.record(
  { key: fc.string(), uid: fc.string(), hash: fc.string() },
  { noNullPrototype: true },
);
const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('an inventory survives the wire', () => {
  fc.assert(
    fc.property(fc.array(stored), (objects) => {
      assert.deepEqual(decodeInventory(overTheWire(encodeInventory(objects))), objects);
    }),
  );
  assert.equal(decodeInventory(overTheWire(encodeInventory('same'))), 'same');
});

test('the order of objects does not matter for the digest, everything else does', () => {
  const objects: readonly StoredObject[] = [
    { key: 'a/pod/x', uid: '1', hash: 'h' },
    { key: 'a/pod/y', uid: '2', hash: 'h' },
  ];
  const [first, second] = objects as [StoredObject, StoredObject];
  const digest = inventoryDigest(objects);
  assert.equal(inventoryDigest([second, first]), digest);
  for (const changed of [{ key: 'a/pod/z' }, { uid: '3' }, { hash: 'other' }]) {
    assert.notEqual(inventoryDigest([first, { ...second, ...changed }]), digest);
  }
  assert.notEqual(inventoryDigest([first]), digest);
  assert.notEqual(inventoryDigest([...objects, first]), digest);
});

test('what is no inventory is told apart, whatever it is', () => {
  const none = [
    null,
    [],
    '',
    'same',
    7,
    {},
    { same: 1 },
    { objects: null },
    { objects: [null] },
    { objects: [[]] },
  ];
  for (const content of [...none, { objects: [['k', 'u']] }, { objects: [['k', 'u', null]] }]) {
    assert.equal(decodeInventory(content), undefined, JSON.stringify(content));
  }
  const endless = { objects: Array.from({ length: MAX_INVENTORY_OBJECTS + 1 }, () => ['k', 'u', 'h']) };
  assert.equal(decodeInventory(endless), undefined);
  fc.assert(fc.property(fc.anything(), (content) => void decodeInventory(content)));
});

test('both ends hash alike: what came over the wire and through a database has the hash of what was sent', () => {
  const object = fc.record({
    apiVersion: fc.constant('v1'),
    kind: fc.constantFrom('Pod', 'Secret', 'Device'),
    metadata: fc.record({
      name: fc.string(),
      uid: fc.uuid(),
      resourceVersion: fc.string(),
      annotations: fc.dictionary(fc.string(), fc.string()),
    }),
    spec: fc.option(fc.jsonValue(), { nil: undefined }),
    data: fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined }),
    status: fc.option(fc.jsonValue(), { nil: undefined }),
  });
  fc.assert(
    fc.property(object, fc.constantFrom('pod', 'secret', 'device'), (sent, type) => {
      const kept = overTheWire(overTheWire(sent)) as KubeObject;
      assert.equal(contentHash(type, kept), contentHash(type, sent as unknown as KubeObject));
    }),
  );
});
