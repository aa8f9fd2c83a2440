import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deleteMetaV2, resourceOfKind, upsertMetaV2 } from './meta-v2.ts';

describe('resourceOfKind guesses as upstream does', () => {
  for (const [kind, plural] of [
    ['Pod', 'pods'],
    ['Endpoints', 'endpoints'],
    ['NetworkPolicy', 'networkpolicies'],
    ['Gateway', 'gatewaies'],
    ['Ingress', 'ingresses'],
    ['CustomResourceDefinition', 'customresourcedefinitions'],
    ['Leases', 'leases'],
    ['constructor', 'constructors'],
  ] as const) {
    test(`${kind} → ${plural}`, () => assert.equal(resourceOfKind(kind), plural));
  }
});

describe('rows of meta_v2', () => {
  const row = (content: unknown, type = 'x') =>
    upsertMetaV2(content, type, JSON.stringify(content))[0]?.params;

  test('a namespaced object of a group', () => {
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a', namespace: 'n', resourceVersion: '7' },
    };
    assert.deepEqual(row(deployment)?.slice(0, 5), [
      '/apps/v1/deployments/n/a',
      'apps/v1, Resource=deployments',
      'n',
      'a',
      7,
    ]);
  });

  test('a cluster object has namespace null in the key and none in the column', () => {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a' } };
    assert.deepEqual(row(node)?.slice(0, 5), ['/core/v1/nodes/null/a', '/v1, Resource=nodes', '', 'a', 0]);
  });

  test('a list is split into its items', () => {
    const item = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name } });
    assert.equal(upsertMetaV2({ items: [item('a'), item('b'), null, 'x'] }, 'pod', '').length, 2);
  });

  for (const content of [
    null,
    [],
    '',
    0,
    {},
    { metadata: null },
    { apiVersion: 1, kind: 2, metadata: { name: 3 } },
  ]) {
    test(`nothing for ${JSON.stringify(content)}`, () => {
      assert.deepEqual(upsertMetaV2(content, 'pod', ''), []);
      deleteMetaV2(content, 'x');
    });
  }

  test('nothing for statuses and patches', () => {
    const status = { apiVersion: 'v1', kind: 'PodStatus', metadata: { name: 'a' } };
    assert.deepEqual(upsertMetaV2(status, 'podstatus', ''), []);
  });
});
