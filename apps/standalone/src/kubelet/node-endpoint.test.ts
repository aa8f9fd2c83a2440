import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isProxyableAddress, kubeletEndpoint } from './node-endpoint.ts';

const node = (addresses: [string, string][], port?: unknown) => ({
  metadata: { name: 'n' },
  status: {
    addresses: addresses.map(([type, address]) => ({ type, address })),
    ...(port !== undefined && { daemonEndpoints: { kubeletEndpoint: { Port: port } } }),
  },
});

test('the first internal address is taken, then an external one, then the name', () => {
  const internal: [string, string] = ['InternalIP', '10.0.0.1'];
  const external: [string, string] = ['ExternalIP', '192.0.2.1'];
  const name: [string, string] = ['Hostname', 'edge'];
  const host = (...addresses: [string, string][]) => kubeletEndpoint(node(addresses)).host;
  assert.equal(host(name, external, internal, ['InternalIP', '10.0.0.2']), '10.0.0.1');
  assert.equal(host(name, external), '192.0.2.1');
  assert.equal(host(['InternalDNS', 'x'], name), 'edge');
  assert.throws(() => host(['InternalDNS', 'x']), /known addresses: \[\{InternalDNS x\}\]/);
  assert.throws(() => kubeletEndpoint({ metadata: { name: 'n' } }), /known addresses: \[\]/);
});

test('the port is the reported one where that is a port', () => {
  const port = (reported?: unknown) => kubeletEndpoint(node([['InternalIP', '10.0.0.1']], reported)).port;
  assert.equal(port(20_001), 20_001);
  for (const reported of [undefined, 0, -1, 65_536, '10', null]) assert.equal(port(reported), 10_250);
});

test('other ports are reachable at global addresses only, however they are written', () => {
  for (const host of ['10.0.0.1', '192.0.2.1', '2001:db8::1', 'fd00::1']) {
    assert.equal(isProxyableAddress(host), true, host);
  }
  for (const host of [
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '169.254.169.254',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    'fe80::1',
    'localhost',
    '0x7f000001',
    '',
  ]) {
    assert.equal(isProxyableAddress(host), false, host);
  }
});
