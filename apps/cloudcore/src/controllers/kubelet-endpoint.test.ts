import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node, NodeAddress } from '@kubeedge-ts/apis';
import {
  asEdgeSees,
  behindPublished,
  ENDPOINT_ANNOTATION,
  formatEndpoint,
  ownAddresses,
  publishedAddresses,
  publishedEndpoint,
} from './kubelet-endpoint.ts';

const OWN: NodeAddress[] = [
  { type: 'InternalIP', address: '10.0.0.5' },
  { type: 'Hostname', address: 'edge-a' },
];
const CLOUD = { address: '192.0.2.1', port: 20_007 };

const nodeAt = (endpoint: string | undefined, addresses: readonly NodeAddress[] = OWN): Node => ({
  metadata: {
    name: 'edge-a',
    ...(endpoint === undefined ? {} : { annotations: { [ENDPOINT_ANNOTATION]: endpoint } }),
  },
  status: { addresses: [...addresses], daemonEndpoints: { kubeletEndpoint: { Port: 20_007 } } },
});
const published = nodeAt('192.0.2.1:20007', publishedAddresses(CLOUD, OWN));

describe('a published endpoint', () => {
  test('is read back as it was written', () => {
    for (const endpoint of [
      CLOUD,
      { address: 'fd00::1', port: 1 },
      { address: 'cloud.example.org', port: 65_535 },
    ]) {
      assert.deepEqual(publishedEndpoint(nodeAt(formatEndpoint(endpoint))), endpoint);
    }
    for (const text of [
      undefined,
      '',
      'x',
      ':1',
      '1.2.3.4',
      '1.2.3.4:0',
      '1.2.3.4:70000',
      'a:b:1',
      '[::1]',
    ]) {
      assert.equal(publishedEndpoint(nodeAt(text)), undefined, String(text));
    }
  });

  test('leads the addresses of either type; the node’s own stay behind it and are found again', () => {
    const all = publishedAddresses(CLOUD, OWN);
    assert.equal(all.find(({ type }) => type === 'InternalIP')?.address, '192.0.2.1');
    assert.equal(all.find(({ type }) => type === 'Hostname')?.address, '192.0.2.1');
    assert.deepEqual(ownAddresses(all, CLOUD), OWN);
    assert.deepEqual(ownAddresses(OWN, CLOUD), OWN, 'when somebody has written over it');
    assert.deepEqual(ownAddresses(publishedAddresses(CLOUD, all), CLOUD), all, 'a node at the same address');
  });

  test('is not shown to the edge', () => {
    assert.deepEqual(asEdgeSees(published).status?.addresses, OWN);
    const plain = nodeAt(undefined);
    assert.equal(asEdgeSees(plain), plain);
  });
});

describe('a status the edge reports', () => {
  test('is written as it is where nothing is published', () => {
    const patch = { addresses: OWN, daemonEndpoints: {} };
    assert.equal(behindPublished(patch, nodeAt(undefined)), patch);
    assert.equal(behindPublished(patch, undefined), patch);
  });

  test('says nothing of addresses when they are those it had', () => {
    const addresses = [...OWN, { $patch: 'replace' }];
    const patch = {
      phase: 'x',
      daemonEndpoints: { kubeletEndpoint: { Port: 10350 } },
      addresses,
      [`$setElementOrder/addresses`]: [],
    };
    assert.deepEqual(behindPublished(patch, published), { phase: 'x' });
  });

  test('changes the node’s own addresses behind the published one', () => {
    const next = [{ type: 'InternalIP', address: '10.0.0.9' }];
    for (const addresses of [
      [...next, { $patch: 'replace' }],
      [{ $patch: 'replace' }, ...next],
      [...next, { $patch: 'delete', type: 'Hostname' }],
    ]) {
      assert.deepEqual(behindPublished({ addresses }, published), {
        addresses: [...publishedAddresses(CLOUD, next), { $patch: 'replace' }],
      });
    }
  });

  test('merges as the API server would when it says only what changed', () => {
    const after = behindPublished({ addresses: [{ type: 'InternalIP', address: '10.0.0.9' }] }, published);
    assert.deepEqual(after['addresses'], [
      ...publishedAddresses(CLOUD, [{ type: 'InternalIP', address: '10.0.0.9' }, OWN[1]!]),
      { $patch: 'replace' },
    ]);
  });

  test('survives anything as addresses', () => {
    for (const addresses of [null, 'x', 7, {}, [null, 'x', {}, { type: 3 }, { type: 'InternalIP' }, []]]) {
      assert.doesNotThrow(() => behindPublished({ addresses }, published));
    }
  });
});
