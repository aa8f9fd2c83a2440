import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { pods } from '@kubeedge-ts/apis';
import { issueClient } from '@kubeedge-ts/pki/testing';
import { type KubeletRoute, ROUTES } from './kubelet-routes.ts';
import { fakeStreamTunnel } from './testing/fake-tunnels.ts';
import {
  aPod,
  type ClientTls,
  GOOD_TOKEN,
  type KubeletWorld,
  kubeletWorld,
} from './testing/kubelet-world.ts';

const UPGRADE = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };

/** A path of the route, with values for its parameters. */
const pathOf = ({ path }: KubeletRoute): string =>
  path.replace(':namespace', 'shop').replace(':pod', 'web').replace(/:\w+/g, 'main');

/** Asks for every route, with every method, on both kinds of port. */
async function walk(
  world: KubeletWorld,
  ports: readonly number[],
  tls: ClientTls,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly what: string; readonly status: number }[]> {
  const results: { what: string; status: number }[] = [];
  for (const port of ports) {
    for (const route of ROUTES) {
      for (const method of route.methods.filter((name) => name !== 'HEAD')) {
        const path = pathOf(route);
        const own = { ...headers, ...(route.upgrade ? UPGRADE : {}) };
        const { status } = await world.call({ port, path, method, tls, headers: own });
        results.push({
          what: `${method} ${path} on ${port === world.sharedPort ? 'the shared port' : 'its port'}`,
          status,
        });
      }
    }
  }
  return results;
}

async function withNode(t: TestContext) {
  const world = await kubeletWorld(t);
  const asked: string[] = [];
  const tunnel = fakeStreamTunnel('edge-a', {
    onRequest: (request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end('from the node\n');
    },
    onUpgrade: (request, stream) => {
      asked.push(`${request.method} ${request.url}`);
      stream.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n');
    },
  });
  world.kube.put(pods, aPod('web', 'edge-a'));
  const port = await world.connectNode(tunnel);
  return { world, ports: [world.sharedPort, port], port, asked };
}

test('every route says who may call it', () => {
  assert.ok(ROUTES.length > 20);
  for (const route of ROUTES) {
    assert.equal(route.identity, 'authorized', route.path);
    assert.ok(route.subresources.length > 0, route.path);
    assert.ok(route.why.length > 0, route.path);
    assert.ok(route.methods.length > 0, route.path);
  }
});

describe('the kubelet API', () => {
  test('without credentials every route answers 401, on the shared port and on the node’s own', async (t) => {
    const { world, ports, asked } = await withNode(t);
    for (const { what, status } of await walk(world, ports, {})) assert.equal(status, 401, what);
    assert.equal(
      (await world.call({ port: world.sharedPort, path: '/nothing' })).status,
      401,
      'and what is no route',
    );
    assert.deepEqual(asked, []);
  });

  test('with the certificate of a node every route answers 403', async (t) => {
    const { world, ports, asked } = await withNode(t);
    for (const { what, status } of await walk(world, ports, world.node)) assert.equal(status, 403, what);
    const both = { authorization: `Bearer ${GOOD_TOKEN}` };
    for (const { what, status } of await walk(world, ports, world.node, both))
      assert.equal(status, 403, what);
    assert.deepEqual(asked, []);
    assert.deepEqual(world.questions, []);
  });

  test('a user of the cluster whom it refuses gets 403 on every route', async (t) => {
    const { world, ports, asked } = await withNode(t);
    for (const { what, status } of await walk(world, ports, world.stranger)) assert.equal(status, 403, what);
    assert.deepEqual(asked, []);
    const [first] = world.questions;
    assert.deepEqual(first?.user, { username: 'jane', groups: ['dev', 'ops', 'system:authenticated'] });
    assert.ok(world.questions.every(({ node }) => node === 'edge-a' || node === ''));
  });

  test('the API server gets through on every route', async (t) => {
    const { world, port } = await withNode(t);
    for (const { what, status } of await walk(world, [port], world.apiServer)) {
      assert.ok(status === 200 || status === 101, `${what}: ${status}`);
    }
  });

  test('a certificate that expired, is of another CA, or shown by nobody’s key is none', async (t) => {
    const { world, port, asked } = await withNode(t);
    const day = 86_400_000;
    const expired = await issueClient(world.clusterCa, {
      commonName: 'kube-apiserver-kubelet-client',
      notBefore: Date.now() - 2 * day,
      notAfter: Date.now() - day,
    });
    const foreignWorld = await kubeletWorld(t);
    for (const tls of [expired, foreignWorld.apiServer]) {
      assert.equal((await world.call({ port, path: '/stats/summary', tls })).status, 401);
    }
    assert.deepEqual(asked, []);
  });

  test('a token of the cluster is good for what its user may do, and asked about once', async (t) => {
    const { world, port, asked } = await withNode(t);
    const headers = { authorization: `Bearer ${GOOD_TOKEN}` };
    for (let time = 0; time < 3; time++) {
      const answer = await world.call({ port, path: '/metrics/resource', headers });
      assert.equal(answer.status, 200);
      assert.equal(answer.text, 'from the node\n');
    }
    assert.equal((await world.call({ port, path: '/containerLogs/shop/web/main', headers })).status, 403);
    assert.deepEqual(world.tokensAsked, [GOOD_TOKEN]);
    assert.deepEqual(
      world.questions.map(({ verb, subresource, node }) => `${verb} nodes/${subresource} ${node}`),
      ['get nodes/metrics edge-a', 'get nodes/proxy edge-a'],
    );
    assert.deepEqual(asked, Array(3).fill('GET /metrics/resource'));
    const bad = await world.call({ port, path: '/metrics/resource', headers: { authorization: 'Bearer x' } });
    assert.equal(bad.status, 401);
  });

  test('what is no route is 404, another method 405, for who is known', async (t) => {
    const { world, port } = await withNode(t);
    const ask = async (method: string, path: string) =>
      (await world.call({ port, path, method, tls: world.apiServer })).status;
    assert.equal(await ask('GET', '/'), 404);
    assert.equal(await ask('GET', '/debug/pprof/profile'), 404);
    assert.equal(await ask('GET', '/exec/shop/web/uid/main/more'), 404);
    assert.equal(await ask('GET', '/run/shop/web/main'), 405);
    assert.equal(await ask('DELETE', '/pods'), 405);
    assert.equal(await ask('GET', '/containerLogs/%zz/web/main'), 400);
  });

  test('a path is the same for who allows it and for the node', async (t) => {
    const { world, port, asked } = await withNode(t);
    const headers = { authorization: `Bearer ${GOOD_TOKEN}` };
    for (const path of [
      '/stats/../run/shop/web/main',
      '/stats/%2e%2e/containerLogs/shop/web/main',
      '/metrics/..\\containerLogs/shop/web/main',
      '//stats/containerLogs/shop/web/main',
    ]) {
      const { status } = await world.call({ port, path, headers });
      assert.ok([403, 404, 405].includes(status), `${path}: ${status}`);
    }
    assert.deepEqual(asked, []);
  });

  test('a request cannot carry another one past the decision', async (t) => {
    const { world, port, asked } = await withNode(t);
    const hidden = 'POST /run/shop/web/main?cmd=id HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';
    const chunk = `${Buffer.byteLength(hidden).toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
    for (const [head, body] of [
      ['GET /stats/summary HTTP/1.1\r\nTransfer-Encoding: chunked\r\n', chunk],
      [`GET /stats/summary HTTP/1.1\r\nContent-Length: ${hidden.length}\r\n`, hidden],
      // an offer that is not taken up leaves an ordinary request
      ['GET /stats/summary HTTP/1.1\r\nUpgrade: SPDY/3.1\r\n', ''],
    ]) {
      const socket = await world.raw(port, {});
      const connection = head?.includes('Upgrade') ? 'Upgrade, close' : 'close';
      socket.write(
        `${head}Host: x\r\nConnection: ${connection}\r\nAuthorization: Bearer ${GOOD_TOKEN}\r\n\r\n${body}`,
      );
      let text = '';
      for await (const part of socket) text += part;
      assert.match(text, /^HTTP\/1\.1 200 /);
    }
    assert.deepEqual(asked, Array(3).fill('GET /stats/summary'));
  });

  test('the credentials of the cluster stay here', async (t) => {
    const world = await kubeletWorld(t);
    const seen: string[] = [];
    const port = await world.connectNode(
      fakeStreamTunnel('edge-a', {
        onRequest: (request, response) => {
          seen.push(...Object.keys(request.headers));
          response.end();
        },
      }),
    );
    const headers = { authorization: `Bearer ${GOOD_TOKEN}`, cookie: 'a=b', 'x-kept': '1' };
    await world.call({ port, path: '/metrics', headers });
    assert.ok(seen.includes('x-kept'));
    assert.ok(!seen.includes('authorization') && !seen.includes('cookie'), seen.join());
  });

  test('who may not do it with all nodes is not told whether a pod exists', async (t) => {
    const { world } = await withNode(t);
    const path = '/containerLogs/shop/no-such-pod/main';
    const refused = await world.call({ port: world.sharedPort, path, tls: world.stranger });
    assert.equal(refused.status, 403);
    const told = await world.call({ port: world.sharedPort, path, tls: world.apiServer });
    assert.equal(told.status, 404);
    assert.match(told.text, /there is no pod shop\/no-such-pod/);
  });

  test('a head of 256 KiB is taken, a longer one is not, and others go on', async (t) => {
    const { world, port } = await withNode(t);
    const long = (length: number) => `/containerLogs/shop/web/main?x=${'x'.repeat(length)}`;
    assert.equal((await world.call({ port, path: long(250_000), tls: world.apiServer })).status, 200);
    await assert.rejects(
      world
        .call({ port, path: long(300_000), tls: world.apiServer })
        .then(({ status }) => assert.equal(status, 200)),
    );
    assert.equal((await world.call({ port, path: '/metrics', tls: world.apiServer })).status, 200);
  });
});
