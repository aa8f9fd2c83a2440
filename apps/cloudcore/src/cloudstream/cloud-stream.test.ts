import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { type ConfigMap, configMaps, type Node, nodes } from '@kubeedge-ts/apis';
import { createInformer, type KubeClient, type RawRequest } from '@kubeedge-ts/kube';
import { createFakeKube } from '@kubeedge-ts/kube/testing';
import {
  certificateToPem,
  createAuthority,
  createNodeCsr,
  generateKey,
  keyToPem,
  readCertificate,
} from '@kubeedge-ts/pki';
import { issueClient } from '@kubeedge-ts/pki/testing';
import { silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { dialTunnel, type EdgeTunnel } from '@kubeedge-ts/tunnel';
import { admitNode } from '@kubeedge-ts/viaduct';
import { publishedEndpoint, ROUTE_ANNOTATION } from '../controllers/kubelet-endpoint.ts';
import { createCloudStream } from './cloud-stream.ts';

const CLIENT_CA = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };

async function until<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
): Promise<T> {
  for (const deadline = performance.now() + 15_000; ; ) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) assert.fail(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** CloudStream with real listeners and real tunnels on loopback, and the cluster in memory. */
async function cloud(t: TestContext, options: { readonly nodePorts?: string } = {}) {
  const now = Date.now();
  const [hubCa, clusterCa] = await Promise.all([createAuthority(now), createAuthority(now)]);
  const hubServer = await hubCa.issueServer({ addresses: ['127.0.0.1'], dnsNames: [], now });
  const fake = createFakeKube();
  const asked: string[] = [];
  const kube: KubeClient = {
    ...fake,
    async request(line: RawRequest) {
      asked.push(`${line.method} ${line.path}`);
      const answer = (status: number, body: object) => ({
        status,
        headers: {},
        body: Buffer.from(JSON.stringify(body)),
      });
      if (line.path.endsWith('/subjectaccessreviews')) {
        const { spec } = JSON.parse(String(line.body)) as { spec: { user: string } };
        return answer(201, { status: { allowed: spec.user === 'apiserver' } });
      }
      if (line.path.includes('/proxy/healthz')) {
        const [, name = ''] = /nodes\/([^/]+)/.exec(line.path) ?? [];
        return throughTheFrontDoor(name);
      }
      return answer(404, { kind: 'Status', code: 404 });
    },
  };
  const apiServer = await issueClient(clusterCa, {
    commonName: 'apiserver',
    organizations: ['system:masters'],
  });

  const get = (port: number, path: string): Promise<{ status: number; text: string; certificate: Buffer }> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          host: '127.0.0.1',
          port,
          path,
          agent: false,
          ca: [hubCa.certPem, clusterCa.certPem],
          ...apiServer,
        },
        (response) => {
          const { raw } = (response.socket as import('node:tls').TLSSocket).getPeerCertificate();
          let text = '';
          response.on('data', (part) => {
            text += part;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text, certificate: raw }));
        },
      );
      request.on('error', reject);
      request.end();
    });
  /** As the API server's node proxy: to where the Node says. */
  const throughTheFrontDoor = async (name: string) => {
    const node = fake.objects(nodes).find(({ metadata }) => metadata.name === name)!;
    const { status, text } = await get(node.status!.daemonEndpoints!.kubeletEndpoint!.Port, '/healthz');
    return { status, headers: {}, body: Buffer.from(text) };
  };

  fake.put<ConfigMap>(configMaps, { metadata: CLIENT_CA, data: { 'client-ca-file': clusterCa.certPem } });
  fake.put<Node>(nodes, {
    metadata: { name: 'edge-a' },
    status: { addresses: [{ type: 'InternalIP', address: '10.0.0.5' }] },
  });
  const informer = createInformer<Node>(
    fake,
    nodes,
    {},
    { clock: systemClock, random: systemRandom, log: silentLogger },
  );
  const stream = createCloudStream({
    config: {
      tunnelPort: 0,
      streamPort: 0,
      tlsStreamCAFile: '',
      tlsStreamCertFile: '',
      tlsStreamPrivateKeyFile: '',
      address: '127.0.0.1',
      nodePorts: options.nodePorts ?? '21000-29999',
    },
    iptables: { enable: false, mode: 'internal' },
    kube,
    apiServer: new URL('https://127.0.0.1:1'),
    nodes: informer,
    followNodes: informer.start,
    hubCa,
    tunnelTls: { ca: hubCa.certPem, cert: hubServer.certPem, key: hubServer.keyPem },
    admission: admitNode(),
    nodeLimit: 10,
    advertiseAddress: ['127.0.0.1'],
    listenAddress: '127.0.0.1',
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
  });
  await stream.module.start(new AbortController().signal);
  t.after(() => stream.module.stop());

  const kubelet = createServer((request, response) =>
    response.end(request.url === '/healthz' ? 'ok' : `edge-a ${request.url}`),
  );
  kubelet.on('upgrade', (_request, socket: Duplex) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
    socket.pipe(socket);
  });
  const dial = async (): Promise<EdgeTunnel> => {
    const key = generateKey();
    const cert = await hubCa.signNode({
      csr: await createNodeCsr('edge-a', key),
      nodeName: 'edge-a',
      lifetimeDays: 1,
      now,
    });
    const tunnel = await dialTunnel({
      url: `127.0.0.1:${stream.tunnelPort}`,
      tls: { ca: hubCa.certPem, cert: certificateToPem(cert), key: keyToPem(key) },
      nodeName: 'edge-a',
      internalIp: '10.0.0.5',
      handshakeTimeoutMs: 5_000,
      clock: systemClock,
      log: silentLogger,
      onStream: (bytes) => kubelet.emit('connection', bytes),
      onConnect: () => assert.fail('no upstream cloud'),
    });
    t.after(() => tunnel.close('test is over'));
    return tunnel;
  };
  const node = () => fake.objects(nodes).find(({ metadata }) => metadata.name === 'edge-a')!;
  return { fake, stream, hubCa, clusterCa, apiServer, asked, get, dial, node };
}

describe('CloudStream', () => {
  test('an edge that dials is published, and reached on its own port and on the shared one', async (t) => {
    const w = await cloud(t);
    await w.dial();
    const endpoint = await until(() => publishedEndpoint(w.node()), 'published');
    assert.equal(endpoint.address, '127.0.0.1');
    await until(
      () => w.fake.calls.some(({ resource }) => resource === 'configmaps'),
      'the client CA is known',
    );
    await until(() => w.node().metadata.annotations?.[ROUTE_ANNOTATION], 'the way is checked');
    const own = await w.get(endpoint.port, '/stats/summary?x=1');
    assert.deepEqual([own.status, own.text], [200, 'edge-a /stats/summary?x=1']);
  });

  test('the way from the API server is checked, and the Node says what came of it and why', async (t) => {
    const w = await cloud(t);
    await w.dial();
    const text = await until(() => w.node().metadata.annotations?.[ROUTE_ANNOTATION], 'the way is checked');
    assert.match(
      text,
      /^ok: the API server reaches this node at 127\.0\.0\.1:\d+; address: modules\.cloudStream\.address says so; certificate: /,
    );
  });

  test('an exec goes through, byte for byte', async (t) => {
    const w = await cloud(t);
    await w.dial();
    const { port } = await until(() => publishedEndpoint(w.node()), 'published');
    await until(() => w.node().metadata.annotations?.[ROUTE_ANNOTATION], 'the way is checked');
    const socket = connect({ host: '127.0.0.1', port, ca: w.hubCa.certPem, ...w.apiServer });
    await once(socket, 'secureConnect');
    socket.write(
      'POST /exec/shop/web/main?command=cat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n',
    );
    let text = '';
    socket.on('data', (part) => {
      text += part;
    });
    await until(() => text.endsWith('\r\n\r\n'), 'the upgrade');
    assert.match(text, /^HTTP\/1\.1 101 /);
    socket.write('ping');
    await until(() => text.endsWith('ping'), 'the echo');
    socket.destroy();
  });

  test('the tunnel of the edge is renewed without another publication; its port stays', async (t) => {
    const w = await cloud(t);
    const first = await w.dial();
    const endpoint = await until(() => publishedEndpoint(w.node()), 'published');
    const second = await w.dial();
    assert.match(await first.closed, /newer tunnel/);
    await until(() => w.node().metadata.annotations?.[ROUTE_ANNOTATION], 'the way is checked');
    assert.equal((await w.get(endpoint.port, '/metrics')).status, 200);
    assert.deepEqual(publishedEndpoint(w.node()), endpoint);
    second.close('over');
    await until(async () => (await w.get(endpoint.port, '/metrics')).status === 502, 'offline');
  });

  test('the serving certificate covers what is published, from the first connection on', async (t) => {
    const w = await cloud(t);
    await w.dial();
    const { port } = await until(() => publishedEndpoint(w.node()), 'published');
    await until(() => w.node().metadata.annotations?.[ROUTE_ANNOTATION], 'the way is checked');
    const { certificate } = await w.get(port, '/metrics');
    assert.ok(readCertificate(certificate).ipAddresses.includes('127.0.0.1'));
  });

  test('without a range of ports the shared one is published', async (t) => {
    const w = await cloud(t, { nodePorts: '' });
    await w.dial();
    const endpoint = await until(() => publishedEndpoint(w.node()), 'published');
    assert.equal(endpoint.port, w.stream.streamPort);
  });

  test('it ends while streams are open', async (t) => {
    const w = await cloud(t);
    await w.dial();
    const { port } = await until(() => publishedEndpoint(w.node()), 'published');
    await until(() => w.node().metadata.annotations?.[ROUTE_ANNOTATION], 'the way is checked');
    const socket = connect({ host: '127.0.0.1', port, ca: w.hubCa.certPem, ...w.apiServer });
    await once(socket, 'secureConnect');
    socket.write('POST /exec/a/b/c HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
    await once(socket, 'data');
    socket.on('error', () => undefined);
    const closed = once(socket, 'close');
    await w.stream.module.stop();
    await closed;
  });
});
