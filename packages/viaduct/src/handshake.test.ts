import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { admitNode } from './admission.ts';
import { handshakeHeaders, isNodeName, readHandshake } from './handshake.ts';
import type { PeerIdentity } from './types.ts';

const lower = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

it('what an edge sends is what the server reads', () => {
  assert.deepEqual(readHandshake(lower(handshakeHeaders('edge-1.site', 'p1'))), {
    ok: true,
    nodeName: 'edge-1.site',
    projectId: 'p1',
  });
});

it('node names are DNS-1123 subdomains of at most 253 characters', () => {
  for (const good of ['a', '0', 'edge-1', 'ke-edge03', 'a.b.c', 'x'.repeat(253)]) assert.ok(isNodeName(good));
  for (const bad of ['', '-a', 'a-', '.a', 'A', 'a_b', 'a/b', 'ä', 'a\n', 'x'.repeat(254)]) {
    assert.ok(!isNodeName(bad), JSON.stringify(bad));
  }
});

it('any header values are either read or refused with a 4xx', () => {
  const value = fc.option(fc.oneof(fc.string(), fc.constantFrom('msg', 'edge-1', 'https://a')), {
    nil: undefined,
  });
  const record = fc.record({
    node_id: value,
    project_id: value,
    connectionuse: value,
    origin: value,
    host: value,
  });
  fc.assert(
    fc.property(record, (headers) => {
      const defined = Object.entries(headers).filter(([, v]) => v !== undefined) as [string, string][];
      const result = readHandshake(Object.fromEntries(defined));
      if (!result.ok) assert.ok(result.status === 400 || result.status === 403);
      else assert.ok(isNodeName(result.nodeName));
    }),
  );
});

const peer = (commonName: string, organization: string, nodeName: string): PeerIdentity => ({
  nodeName,
  commonName,
  organization,
  projectId: 'p',
  remoteAddress: '127.0.0.1',
  headers: {},
});

it('a node is admitted with its own certificate only', () => {
  const admit = admitNode();
  assert.deepEqual(admit(peer('system:node:a', 'system:nodes', 'a')), { accept: true });
  for (const [cn, o, name] of [
    ['system:node:a', 'system:nodes', 'b'],
    ['system:node:a', 'system:masters', 'a'],
    ['system:node:a', '', 'a'],
    ['', 'system:nodes', ''],
    ['a', 'system:nodes', 'a'],
    ['kubeedge.io', 'kubeEdge', 'a'],
  ] as const) {
    const decision = admit(peer(cn, o, name));
    assert.ok(!decision.accept && decision.status === 403, `${cn} ${o} ${name}`);
  }
});

it("1.9's shared certificate is admitted only when the configuration allows it", () => {
  const legacy = peer('kubeedge.io', 'kubeEdge', 'a');
  assert.deepEqual(admitNode({ allowLegacyCertificates: true })(legacy), { accept: true });
  const decision = admitNode()(legacy);
  assert.ok(!decision.accept);
  assert.match(decision.reason, /allowLegacyCertificates/);
});
