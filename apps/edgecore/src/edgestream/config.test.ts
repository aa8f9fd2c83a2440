import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEdgeCoreConfig } from '@kubeedge-ts/apis/config';
import { edgeStreamConfigOf, tunnelServer } from './config.ts';

test('the tunnel goes to the cloud that EdgeHub connects to, unless the configuration says otherwise', () => {
  const cases: [configured: string, hub: string, server: string][] = [
    ['127.0.0.1:10004', '192.0.2.1:10000', '192.0.2.1:10004'],
    ['127.0.0.1:10004', 'wss://cloud.example:10000/', 'cloud.example:10004'],
    ['127.0.0.1:10004', '[2001:db8::1]:10000', '[2001:db8::1]:10004'],
    ['127.0.0.1:10004', '127.0.0.1:10000', '127.0.0.1:10004'],
    ['', '192.0.2.1:10000', '192.0.2.1:10004'],
    ['192.0.2.9:443', '192.0.2.1:10000', '192.0.2.9:443'],
    ['127.0.0.1:10004', '', '127.0.0.1:10004'],
  ];
  for (const [configured, hub, server] of cases) assert.equal(tunnelServer(configured, hub), server, hub);
});

test('the section is on by default, and its files and deadline are used', async () => {
  const parse = (yaml: string) => parseEdgeCoreConfig(yaml, 'edgecore.yaml', { hostname: 'Edge-A' });
  const { config } = await parse('modules: {edgeHub: {websocket: {server: "192.0.2.1:10000"}}}');
  assert.equal(config.modules.edgeStream.enable, true);
  assert.deepEqual(edgeStreamConfigOf(config), {
    nodeName: 'edge-a',
    server: '192.0.2.1:10004',
    handshakeTimeoutMs: 30_000,
    files: {
      ca: '/etc/kubeedge/ca/rootCA.crt',
      cert: '/etc/kubeedge/certs/server.crt',
      key: '/etc/kubeedge/certs/server.key',
    },
  });
  const section = 'tlsTunnelCAFile: a, tlsTunnelCertFile: b, tlsTunnelPrivateKeyFile: c, handshakeTimeout: 5';
  const { config: own, warnings } = await parse(`modules: {edgeStream: {${section}}}`);
  const { files, handshakeTimeoutMs } = edgeStreamConfigOf(own);
  assert.deepEqual(
    { files, handshakeTimeoutMs },
    { files: { ca: 'a', cert: 'b', key: 'c' }, handshakeTimeoutMs: 5_000 },
  );
  assert.deepEqual(warnings, []);
});
