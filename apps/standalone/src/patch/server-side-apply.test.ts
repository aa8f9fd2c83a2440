import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typedSchema } from '../schema/field-schema.ts';
import { afterUpdate, type ManagedFieldsEntry } from './managed-fields.ts';
import { applyConfig } from './server-side-apply.ts';

const schema = typedSchema('apps/v1.Deployment');
const writer = (manager: string, operation: 'Apply' | 'Update' = 'Apply') => ({
  manager,
  operation,
  apiVersion: 'apps/v1',
  time: '2026-01-01T00:00:00Z',
});

type Json = Record<string, unknown>;

/** Applies and returns the object with its ownership, as the server would store it. */
function apply(live: Json | undefined, manager: string, config: Json, force = false): Json {
  const result = applyConfig(live, config, schema, writer(manager), force);
  assert.ok('object' in result, JSON.stringify(result));
  const metadata = { ...(result.object['metadata'] as Json), managedFields: result.managedFields };
  return { ...result.object, metadata };
}

function update(live: Json, manager: string, next: Json): Json {
  const metadata = {
    ...(next['metadata'] as Json),
    managedFields: (live['metadata'] as Json)['managedFields'],
  };
  const managedFields = afterUpdate(live, { ...next, metadata }, schema, writer(manager, 'Update'));
  return { ...next, metadata: { ...metadata, managedFields } };
}

const managers = (object: Json): string[] =>
  ((object['metadata'] as Json)['managedFields'] as ManagedFieldsEntry[]).map((entry) => entry.manager);

const container = (more: Json) => ({
  spec: { template: { spec: { containers: [{ name: 'c', ...more }] } } },
});

test('a manager that stops applying a field removes it when nobody else owns it', () => {
  const first = apply(undefined, 'one', { metadata: { labels: { a: '1', b: '1' } } });
  const second = apply(first, 'one', { metadata: { labels: { a: '1' } } });
  assert.deepEqual((second['metadata'] as Json)['labels'], { a: '1' });
});

test('a field two managers apply with the same value stays when one of them stops', () => {
  const first = apply(undefined, 'one', { metadata: { labels: { a: '1' } } });
  const second = apply(first, 'two', { metadata: { labels: { a: '1' } } });
  const third = apply(second, 'one', { metadata: {} });
  assert.deepEqual((third['metadata'] as Json)['labels'], { a: '1' });
  assert.deepEqual(managers(third), ['two']);
});

test('another value for an owned field is a conflict that names manager and field', () => {
  const live = apply(undefined, 'one', container({ image: 'x' }));
  const result = applyConfig(live, container({ image: 'y' }), schema, writer('two'), false);
  assert.deepEqual(result, {
    conflicts: [
      {
        message: 'conflict with "one"',
        field: '.spec.template.spec.containers[name="c"].image',
      },
    ],
  });
});

test('force takes the field over', () => {
  const live = apply(undefined, 'one', container({ image: 'x', tty: true }));
  const next = apply(live, 'two', container({ image: 'y' }), true);
  assert.deepEqual(next['spec'], container({ image: 'y', tty: true })['spec']);
});

test('an item of a keyed list goes when its only owner leaves it out; items of others stay', () => {
  const env = (...names: string[]) => container({ env: names.map((name) => ({ name, value: '1' })) });
  const one = apply(undefined, 'one', env('A', 'B'));
  const both = apply(one, 'two', env('C'));
  const after = apply(both, 'one', env('A'));
  assert.deepEqual(after['spec'], env('A', 'C')['spec']);
});

test('an update takes ownership of what it changes and of nothing else', () => {
  const live = apply(undefined, 'one', { metadata: { labels: { a: '1', b: '1' } } });
  const edited = update(live, 'kubectl-edit', { metadata: { labels: { a: '2', b: '1' } } });
  const result = applyConfig(
    edited,
    { metadata: { labels: { a: '1', b: '1' } } },
    schema,
    writer('one'),
    false,
  );
  assert.deepEqual(result, {
    conflicts: [{ message: 'conflict with "kubectl-edit" using apps/v1', field: '.metadata.labels.a' }],
  });
});

test('applying the same again changes nothing', () => {
  const config = container({ image: 'x', ports: [{ containerPort: 80, protocol: 'TCP' }] });
  const first = apply(undefined, 'one', config);
  assert.deepEqual(apply(first, 'one', config), first);
});

test('ports are told apart by number and protocol', () => {
  const ports = (...protocols: string[]) =>
    container({ ports: protocols.map((protocol) => ({ containerPort: 53, protocol })) });
  const one = apply(undefined, 'one', ports('TCP'));
  const both = apply(one, 'two', ports('UDP'));
  assert.deepEqual(both['spec'], ports('UDP', 'TCP')['spec']);
});
