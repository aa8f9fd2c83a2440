import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type ConfigMap, configMaps, nodes, type Pod, pods, serviceAccounts } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { systemClock } from '@kubeedge-ts/runtime';
import { createKubeClient } from './client.ts';
import { fixedCredentials } from './cluster-config.ts';
import { isConflict, isForbidden, isGone, isNotFound, statusOf } from './status.ts';
import { createScriptedServer, json } from './testing/scripted-server.ts';

let server: Awaited<ReturnType<typeof createScriptedServer>>;
before(async () => {
  server = await createScriptedServer();
});
after(() => server.close());
beforeEach(() => {
  server.seen.length = 0;
});
const withClient = async (
  run: (client: ReturnType<typeof server.client>) => Promise<void>,
  ...credentials: Parameters<typeof server.client>
) => {
  const client = server.client(...credentials);
  try {
    await run(client);
  } finally {
    client.close();
  }
};
const code = (wanted: string) => (error: unknown) => isKubeEdgeError(error, wanted);
const object = (name: string) => ({ metadata: { name, namespace: 'a' } });
const line = () => server.seen.map(({ method, url }) => `${method} ${url}`);

describe('the Kubernetes client', () => {
  test('asks at the paths and with the bodies a Kubernetes API expects', () =>
    withClient(async (client) => {
      server.answer(json(200, object('x')));
      await client.get(pods, { namespace: 'a', name: 'p' });
      await client.get(nodes, { name: 'n/1' }, { subresource: 'status' });
      await client.create(configMaps, object('c'), { fieldManager: 'me', dryRun: true });
      await client.update(pods, object('p'), { subresource: 'status' });
      await client.patch(pods, { namespace: 'a', name: 'p' }, { type: 'merge', body: { a: null } });
      await client.patch(pods, { namespace: 'a', name: 'p' }, { type: 'strategic', body: '{"b":1}' });
      await client.patch(nodes, { name: 'n' }, { type: 'json', body: [{ op: 'remove', path: '/a' }] });
      await client.patch(nodes, { name: 'n' }, { type: 'apply', body: {}, fieldManager: 'me', force: true });
      await client.delete(pods, { namespace: 'a', name: 'p' });
      await client.delete(
        pods,
        { namespace: 'a', name: 'p' },
        { gracePeriodSeconds: 0, preconditions: { uid: 'u' } },
      );
      await client.createSubresource(serviceAccounts, { namespace: 'a', name: 's' }, 'token', { spec: {} });
      assert.deepEqual(line(), [
        'GET /api/v1/namespaces/a/pods/p',
        'GET /api/v1/nodes/n%2F1/status',
        'POST /api/v1/namespaces/a/configmaps?fieldManager=me&dryRun=All',
        'PUT /api/v1/namespaces/a/pods/p/status',
        'PATCH /api/v1/namespaces/a/pods/p',
        'PATCH /api/v1/namespaces/a/pods/p',
        'PATCH /api/v1/nodes/n',
        'PATCH /api/v1/nodes/n?fieldManager=me&force=true',
        'DELETE /api/v1/namespaces/a/pods/p',
        'DELETE /api/v1/namespaces/a/pods/p',
        'POST /api/v1/namespaces/a/serviceaccounts/s/token',
      ]);
      assert.deepEqual(
        server.seen.map(({ headers }) => headers['content-type']),
        [
          undefined,
          undefined,
          'application/json',
          'application/json',
          'application/merge-patch+json',
          'application/strategic-merge-patch+json',
          'application/json-patch+json',
          'application/apply-patch+yaml',
          undefined,
          'application/json',
          'application/json',
        ],
      );
      assert.equal(server.seen[0]?.headers['user-agent'], 'test/1');
      assert.deepEqual(JSON.parse(String(server.seen[2]?.body)), {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'c', namespace: 'a' },
      });
      assert.deepEqual(JSON.parse(String(server.seen[9]?.body)).preconditions, { uid: 'u' });
    }));

  test('lists with selectors and pages, and names the type of every item', () =>
    withClient(async (client) => {
      server.answer(json(200, { metadata: { resourceVersion: '7', continue: 'c' }, items: [object('p')] }));
      const list = await client.list(pods, { namespace: 'a', labelSelector: 'a in (b,c)', limit: 500 });
      assert.deepEqual(line(), ['GET /api/v1/namespaces/a/pods?labelSelector=a%20in%20(b%2Cc)&limit=500']);
      assert.deepEqual(list.items[0], { apiVersion: 'v1', kind: 'Pod', ...object('p') });
      server.answer(json(200, { metadata: {}, items: null }));
      assert.deepEqual((await client.list(pods)).items, []);
    }));

  test('refuses to build a request without a namespace or a name', () =>
    withClient(async (client) => {
      await assert.rejects(client.get(pods, { name: 'p' }), code('KUBE_REQUEST_INVALID'));
      await assert.rejects(client.get(nodes, { name: '' }), code('KUBE_REQUEST_INVALID'));
      await assert.rejects(client.create(pods, { metadata: { name: 'p' } }), code('KUBE_REQUEST_INVALID'));
      assert.equal(server.seen.length, 0);
    }));

  test('gives the Status of a refusal, also when the answer is none', () =>
    withClient(async (client) => {
      const get = () => client.get(pods, { namespace: 'a', name: 'p' });
      const status = { kind: 'Status', status: 'Failure', reason: 'Conflict', message: 'm', code: 409 };
      server.answer(json(409, status));
      await assert.rejects(get(), (error) => isConflict(error) && statusOf(error)?.message === 'm');
      server.answer(json(404, '404 page not found\n'));
      await assert.rejects(
        get(),
        (error) => isNotFound(error) && statusOf(error)?.message === '404 page not found',
      );
      server.answer(json(403, 'null'));
      await assert.rejects(get(), isForbidden);
      server.answer(json(410, { kind: 'Status', details: 7 }));
      await assert.rejects(get(), isGone);
    }));

  test('survives answers that are no Kubernetes object', () =>
    withClient(async (client) => {
      for (const body of [
        '',
        'null',
        '[]',
        '7',
        '"x"',
        '{',
        '{"metadata":null}',
        '{"metadata":[]}',
        '\u0000',
      ]) {
        server.answer(json(200, body));
        await assert.rejects(client.get(nodes, { name: 'n' }), code('KUBE_RESPONSE_INVALID'));
        await assert.rejects(client.list(nodes), code('KUBE_RESPONSE_INVALID'));
      }
      for (const items of [{}, 7, [null], [{}], [{ metadata: [] }]]) {
        server.answer(json(200, { metadata: {}, items }));
        await assert.rejects(client.list(nodes), code('KUBE_RESPONSE_INVALID'));
      }
    }));

  test('a field named __proto__ stays data', () =>
    withClient(async (client) => {
      server.answer(json(200, '{"metadata":{"name":"c","namespace":"a"},"data":{"__proto__":"x"}}'));
      const found = await client.get<ConfigMap>(configMaps, { namespace: 'a', name: 'c' });
      assert.deepEqual(Object.keys(found.data ?? {}), ['__proto__']);
      assert.equal(Object.getPrototypeOf(found.data), Object.prototype);
    }));

  test('stops reading an answer that is too long', () =>
    withClient(async (client) => {
      server.answer((response) => {
        response.writeHead(200);
        const chunk = Buffer.alloc(1024 * 1024, 32);
        const send = (): void => {
          if (!response.destroyed && response.write(chunk)) setImmediate(send);
        };
        response.on('drain', send);
        send();
      });
      await assert.rejects(client.list(pods), code('KUBE_RESPONSE_TOO_LARGE'));
    }));

  test('ends a call at its deadline and at its signal', () =>
    withClient(async (client) => {
      server.answer(() => {});
      await assert.rejects(client.list(pods, { timeoutMs: 30 }), code('KUBE_TIMEOUT'));
      const abort = new AbortController();
      const pending = client.list(pods, { signal: abort.signal });
      abort.abort(new Error('enough'));
      await assert.rejects(pending, /enough/);
      await assert.rejects(client.list(pods, { signal: abort.signal }), /enough/);
    }));

  test('says that nobody answered when the server is away or breaks off', () =>
    withClient(async (client) => {
      server.answer((response) => {
        response.writeHead(200);
        response.write('{"metadata":');
        setImmediate(() => response.destroy());
      });
      await assert.rejects(client.create(configMaps, object('c')), code('KUBE_UNREACHABLE'));
    }));

  test('repeats a read once when a kept connection was closed under it, a write never', () =>
    withClient(async (client) => {
      server.answers((response) => response.destroy(), json(200, object('x')));
      await client.get(pods, { namespace: 'a', name: 'x' });
      server.answers((response) => response.destroy(), json(200, object('x')));
      await assert.rejects(client.create(pods, object('x')), code('KUBE_UNREACHABLE'));
    }));

  test('after a restart of the server loses one write at most, however many connections were kept', () =>
    withClient(async (client) => {
      const write = () => client.create(configMaps, object('x'));
      server.answer(json(200, object('x')));
      await Promise.all(Array.from({ length: 8 }, write));
      server.dropConnections();
      await write().catch((error) => assert.ok(isKubeEdgeError(error, 'KUBE_UNREACHABLE')));
      await Promise.all(Array.from({ length: 8 }, write));
    }));

  test('waits as long as an overloaded server asks', () =>
    withClient(async (client) => {
      server.answers(json(429, {}, { 'retry-after': '0' }), json(200, object('x')));
      await client.get(pods, { namespace: 'a', name: 'x' });
      assert.equal(server.seen.length, 2);
      server.answer(json(429, {}, { 'retry-after': '60' }));
      await assert.rejects(
        client.get(pods, { namespace: 'a', name: 'x' }),
        (error) => statusOf(error)?.code === 429,
      );
    }));

  test('acts as another user when asked to', () =>
    withClient(async (client) => {
      server.answer(json(200, object('x')));
      const impersonate = { user: 'system:node:n', groups: ['system:nodes', 'g'] };
      await client.get(pods, { namespace: 'a', name: 'x' }, { impersonate });
      const raw = server.seen[0]?.rawHeaders ?? [];
      const groups = raw.filter((_, index) => raw[index - 1]?.toLowerCase() === 'impersonate-group');
      assert.equal(server.seen[0]?.headers['impersonate-user'], 'system:node:n');
      assert.deepEqual(groups, ['system:nodes', 'g']);
    }));

  test('obtains new credentials once after a 401, and connects anew when the certificate changed', async () => {
    const first = { authorization: 'Bearer 1', ...(await server.clientCertificate('one')) };
    const second = { authorization: 'Bearer 2', ...(await server.clientCertificate('two')) };
    let current = first;
    await withClient(
      async (client) => {
        server.answers(json(401, {}), json(200, object('x')));
        await client.get(pods, { namespace: 'a', name: 'x' });
        assert.deepEqual(
          server.seen.map(({ headers, clientName }) => [headers.authorization, clientName]),
          [
            ['Bearer 1', 'system:node:one'],
            ['Bearer 2', 'system:node:two'],
          ],
        );
        server.answer(json(401, {}));
        await assert.rejects(
          client.get(pods, { namespace: 'a', name: 'x' }),
          (e) => statusOf(e)?.code === 401,
        );
        assert.equal(server.seen.length, 3);
      },
      {
        credentials: async (_signal, rejected) => {
          if (rejected === first) current = second;
          return current;
        },
      },
    );
  });

  test('trusts only the authority it was given, and only for the right name', async () => {
    const ports = { clock: systemClock, userAgent: 'test/1' };
    const config = server.config(fixedCredentials({}));
    for (const wrong of [{ ca: undefined }, { serverName: 'other' }]) {
      const client = createKubeClient({ ...config, ...wrong }, ports);
      await assert.rejects(client.list(pods), code('KUBE_UNREACHABLE'));
      client.close();
    }
    server.answer(json(200, { metadata: {}, items: [] }));
    const named = createKubeClient({ ...config, serverName: 'kubernetes' }, ports);
    await named.list(pods);
    named.close();
    assert.equal(server.seen.length, 1);
  });

  test('hands out any answer of a raw request as it is', () =>
    withClient(async (client) => {
      server.answer(json(404, 'nope'));
      const answer = await client.request({ method: 'GET', path: '/healthz?x=1' });
      assert.equal(answer.status, 404);
      assert.equal(answer.body.toString(), 'nope');
    }));
});

const event = (type: string, name: string, extra = '') =>
  `${JSON.stringify({ type, object: { ...object(name), extra } })}\n`;

describe('a watch', () => {
  const collect = async (client: ReturnType<typeof server.client>, timeoutSeconds?: number) => {
    const names: string[] = [];
    for await (const seen of client.watch<Pod>(pods, { resourceVersion: '5', timeoutSeconds })) {
      names.push(`${seen.type} ${(seen.object as Pod).metadata.name}`);
    }
    return names;
  };

  test('yields events however they are cut into packets, and ends with the server', () =>
    withClient(async (client) => {
      const bytes = Buffer.from(event('ADDED', 'ä→😀', 'é'.repeat(50)) + '\n' + event('DELETED', 'b'));
      server.answer((response) => {
        response.writeHead(200);
        const send = (offset: number): void => {
          if (offset >= bytes.length) response.end();
          else response.write(bytes.subarray(offset, offset + 3), () => setImmediate(send, offset + 3));
        };
        send(0);
      });
      assert.deepEqual(await collect(client, 300), ['ADDED ä→😀', 'DELETED b']);
      assert.deepEqual(line(), ['GET /api/v1/pods?watch=true&resourceVersion=5&timeoutSeconds=300']);
    }));

  test('throws the Status of an ERROR event, as of a refusal', () =>
    withClient(async (client) => {
      const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
      server.answer(json(200, `${JSON.stringify({ type: 'ERROR', object: status })}\n`));
      await assert.rejects(collect(client), isGone);
      server.answer(json(410, status));
      await assert.rejects(collect(client), isGone);
    }));

  test('throws when the connection breaks and when what comes is no event', () =>
    withClient(async (client) => {
      server.answer((response) => {
        response.writeHead(200);
        response.write(event('ADDED', 'a'), () => response.destroy());
      });
      await assert.rejects(collect(client), code('KUBE_UNREACHABLE'));
      for (const garbage of [
        'null',
        '[]',
        '7',
        '{',
        '{"type":"ADDED"}',
        '{"type":"X","object":{"metadata":{}}}',
      ]) {
        server.answer(json(200, `${garbage}\n`));
        await assert.rejects(collect(client), code('KUBE_RESPONSE_INVALID'));
      }
    }));

  test('throws the reason of its signal, and closes its connection when nobody reads any more', () =>
    withClient(async (client) => {
      const closed: Promise<void>[] = [];
      server.answer((response) => {
        closed.push(new Promise((resolve) => response.on('close', () => resolve())));
        response.writeHead(200);
        response.write(event('ADDED', 'a'));
      });
      const abort = new AbortController();
      const reading = (async () => {
        for await (const _ of client.watch(pods, { signal: abort.signal })) abort.abort(new Error('enough'));
      })();
      await assert.rejects(reading, /enough/);
      for await (const _ of client.watch(pods, {})) break;
      await Promise.all(closed);
      assert.equal(closed.length, 2);
    }));
});
