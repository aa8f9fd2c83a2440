import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { typedSchema } from '../schema/field-schema.ts';
import { strategicMerge } from './strategic-merge.ts';

const pod = typedSchema('core/v1.Pod');
const node = typedSchema('core/v1.Node');
const deployment = typedSchema('apps/v1.Deployment');

const cases: readonly [title: string, schema: typeof pod, target: object, patch: object, result: object][] = [
  [
    'items of a keyed list merge, new ones are appended',
    pod,
    { spec: { containers: [{ name: 'a', image: '1' }] } },
    {
      spec: {
        containers: [
          { name: 'a', tty: true },
          { name: 'b', image: '2' },
        ],
      },
    },
    {
      spec: {
        containers: [
          { name: 'a', image: '1', tty: true },
          { name: 'b', image: '2' },
        ],
      },
    },
  ],
  [
    'node conditions in the form edges send them keep their order and the conditions nobody named',
    node,
    {
      status: {
        conditions: [
          { type: 'MemoryPressure', status: 'False' },
          { type: 'Ready', status: 'True', reason: 'KubeletReady' },
        ],
      },
    },
    {
      status: {
        '$setElementOrder/conditions': [{ type: 'MemoryPressure' }, { type: 'Ready' }],
        conditions: [{ type: 'Ready', lastHeartbeatTime: '2026-01-01T00:00:00Z' }],
      },
    },
    {
      status: {
        conditions: [
          { type: 'MemoryPressure', status: 'False' },
          {
            type: 'Ready',
            status: 'True',
            reason: 'KubeletReady',
            lastHeartbeatTime: '2026-01-01T00:00:00Z',
          },
        ],
      },
    },
  ],
  [
    '$setElementOrder reorders',
    pod,
    { spec: { containers: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] } },
    { spec: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }] } },
    { spec: { containers: [{ name: 'c' }, { name: 'a' }, { name: 'b' }] } },
  ],
  [
    '$patch: delete removes one item',
    pod,
    { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    { spec: { containers: [{ name: 'a', $patch: 'delete' }] } },
    { spec: { containers: [{ name: 'b' }] } },
  ],
  [
    '$patch: replace replaces a list',
    pod,
    { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    { spec: { containers: [{ name: 'c' }, { $patch: 'replace' }] } },
    { spec: { containers: [{ name: 'c' }] } },
  ],
  [
    '$patch: replace replaces a map',
    pod,
    { metadata: { labels: { a: '1' } } },
    { metadata: { labels: { b: '2', $patch: 'replace' } } },
    { metadata: { labels: { b: '2' } } },
  ],
  [
    '$patch: delete removes a map',
    pod,
    { spec: { securityContext: { runAsUser: 1 } } },
    { spec: { securityContext: { $patch: 'delete' } } },
    { spec: {} },
  ],
  [
    'null removes a field',
    pod,
    { metadata: { labels: { a: '1', b: '2' } } },
    { metadata: { labels: { a: null } } },
    { metadata: { labels: { b: '2' } } },
  ],
  [
    'lists without a merge key are replaced',
    pod,
    { spec: { tolerations: [{ key: 'a' }] } },
    { spec: { tolerations: [{ key: 'b' }] } },
    { spec: { tolerations: [{ key: 'b' }] } },
  ],
  [
    'sets of primitives unite, and $deleteFromPrimitiveList takes out',
    pod,
    { metadata: { finalizers: ['a/b', 'c/d'] } },
    { metadata: { finalizers: ['e/f'], '$deleteFromPrimitiveList/finalizers': ['a/b'] } },
    { metadata: { finalizers: ['c/d', 'e/f'] } },
  ],
  [
    '$retainKeys drops what a changed strategy leaves behind',
    deployment,
    { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
    { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    { spec: { strategy: { type: 'Recreate' } } },
  ],
];

for (const [title, schema, target, patch, result] of cases) {
  test(title, () => {
    const before = structuredClone(target);
    assert.deepEqual(strategicMerge(target, patch as Record<string, unknown>, schema), result);
    assert.deepEqual(target, before, 'the target is not changed');
  });
}

test('an item without its merge key is refused', () => {
  assert.throws(
    () => strategicMerge({}, { spec: { containers: [{ image: 'x' }] } }, pod),
    /does not contain declared merge key: name/,
  );
});

test('an unknown directive is refused', () => {
  assert.throws(() => strategicMerge({}, { spec: { $patch: 'explode' } }, pod), /unknown patch type/);
});

test('any JSON as a patch either merges or is refused with a Status (property)', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (patch) => {
      try {
        strategicMerge({ spec: { containers: [{ name: 'a' }] } }, patch as Record<string, unknown>, pod);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'STANDALONE_REQUEST_REFUSED');
      }
    }),
  );
});
