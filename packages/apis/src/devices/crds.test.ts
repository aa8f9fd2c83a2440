import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OWNED_LABEL } from '../schema/crd.ts';
import { deviceCrds, webhookConversion } from './crds.ts';

test('devices and models serve three versions and store v1beta1; statuses have one', () => {
  const versions = deviceCrds().map(({ metadata, spec }) => [
    metadata.name,
    spec.versions.map(({ name, storage }) => `${name}${storage ? '*' : ''}`).join(' '),
  ]);
  assert.deepEqual(versions, [
    ['devices.devices.kubeedge.io', 'v1beta1* v1alpha2 v1alpha1'],
    ['devicemodels.devices.kubeedge.io', 'v1beta1* v1alpha2 v1alpha1'],
    ['devicestatuses.devices.kubeedge.io', 'v1beta1*'],
  ]);
});

test('no device definition has a status subresource, so that a manifest can carry status', () => {
  for (const { spec } of deviceCrds()) {
    for (const version of spec.versions) assert.equal(version.subresources, undefined);
  }
});

test('definitions are marked as ours and convert through the given webhook', () => {
  const [device, , status] = deviceCrds(webhookConversion('https://c:1/crdconversion', 'Q0E='));
  assert.equal(device!.metadata.labels?.[OWNED_LABEL], 'kubeedge-ts');
  assert.deepEqual(device!.spec.conversion, {
    strategy: 'Webhook',
    webhook: {
      clientConfig: { url: 'https://c:1/crdconversion', caBundle: 'Q0E=' },
      conversionReviewVersions: ['v1'],
    },
  });
  assert.equal(status!.spec.conversion, undefined);
});

test('every structural schema names a type in every node', () => {
  const check = (schema: unknown, path: string): void => {
    const node = schema as {
      type?: string;
      properties?: object;
      items?: unknown;
      additionalProperties?: unknown;
    };
    assert.ok(node.type, path);
    for (const [name, field] of Object.entries(node.properties ?? {})) check(field, `${path}.${name}`);
    if (node.items) check(node.items, `${path}[]`);
    if (node.additionalProperties) check(node.additionalProperties, `${path}{}`);
    assert.ok(
      !(node.properties && node.additionalProperties),
      `${path}: properties and additionalProperties`,
    );
  };
  for (const { metadata, spec } of deviceCrds()) {
    for (const version of spec.versions)
      check(version.schema.openAPIV3Schema, `${metadata.name}/${version.name}`);
  }
});
