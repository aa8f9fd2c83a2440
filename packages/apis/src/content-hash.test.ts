import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentHash, nodeHash, objectHash } from './content-hash.ts';
import type { KubeObject } from './kubernetes/meta.ts';
import type { Node, Pod } from './kubernetes/resources.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'p',
    namespace: 'n',
    uid: 'u',
    resourceVersion: '1',
    generation: 1,
    labels: { a: 'b' },
    managedFields: [{}],
  },
  spec: { nodeName: 'edge', containers: [{ name: 'c' }] },
  status: { phase: 'Pending' },
};
const changed = (change: object, metadata: object = {}): KubeObject =>
  ({ ...pod, ...change, metadata: { ...pod.metadata, ...metadata } }) as KubeObject;

const SAME: readonly (readonly [string, KubeObject])[] = [
  ['a new version', changed({}, { resourceVersion: '2' })],
  ['another generation', changed({}, { generation: 2 })],
  ['other managed fields', changed({}, { managedFields: [] })],
  ['a status', changed({ status: { phase: 'Running' } })],
  ['type and version left out, as lists do', changed({ apiVersion: undefined, kind: undefined })],
  ['another order of fields', changed({ spec: { containers: [{ name: 'c' }], nodeName: 'edge' } })],
];
const DIFFERENT: readonly (readonly [string, KubeObject])[] = [
  ['a spec', changed({ spec: { nodeName: 'edge' } })],
  ['data', changed({ data: { a: '1' } })],
  ['a label', changed({}, { labels: { a: 'c' } })],
  ['an annotation', changed({}, { annotations: { a: 'c' } })],
  ['a deletion', changed({}, { deletionTimestamp: '2026-01-01T00:00:00Z' })],
  ['a shorter grace period', changed({}, { deletionGracePeriodSeconds: 0 })],
];

for (const [what, object] of SAME) {
  test(`${what} is no change for an edge`, () => assert.equal(objectHash(object), objectHash(pod)));
}
for (const [what, object] of DIFFERENT) {
  test(`${what} is a change for an edge`, () => assert.notEqual(objectHash(object), objectHash(pod)));
}

test('of a pod status only the conditions of its readiness gates are a change', () => {
  const gated = {
    ...pod,
    spec: { ...pod.spec, readinessGates: [{ conditionType: 'example.com/open' }] },
  } as unknown as Pod;
  const shown = (conditions: { type: string; status: string }[]) =>
    contentHash('pod', { ...gated, status: { phase: 'Running', conditions } } as Pod);
  const closed = shown([{ type: 'Ready', status: 'False' }]);
  assert.equal(shown([{ type: 'Ready', status: 'True' }]), closed);
  const opened = shown([{ type: 'example.com/open', status: 'True' }]);
  assert.notEqual(opened, closed);
  assert.notEqual(shown([{ type: 'example.com/open', status: 'False' }]), opened);
  const free = (conditions: object[]) =>
    contentHash('pod', { ...pod, status: { conditions } } as unknown as Pod);
  assert.equal(free([{ type: 'example.com/open', status: 'True' }]), free([]));
});

test('a heartbeat is no change of a Node, a taint or an attached volume is', () => {
  const node: Node = { metadata: { name: 'e', uid: 'u' }, spec: {}, status: { conditions: [] } };
  const beat: Node = { ...node, status: { conditions: [{ type: 'Ready', status: 'True' }] } };
  assert.equal(nodeHash(beat), nodeHash(node));
  const attached = { ...node, status: { volumesAttached: [{ name: 'v', devicePath: '' }] } };
  assert.notEqual(nodeHash(attached), nodeHash(node));
  assert.notEqual(
    nodeHash({ ...node, spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }),
    nodeHash(node),
  );
});
