import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server as NetServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, beforeEach, describe, test } from 'node:test';
import type { Container } from '@kubeedge-ts/apis';
import { criErrors, grpcErrors, type KubeEdgeError } from '@kubeedge-ts/errors';
import { createAuthority } from '@kubeedge-ts/pki';
import { systemClock } from '@kubeedge-ts/runtime';
import { container, pod } from '../testing/pods.ts';
import type { TryOutcome } from './outcome.ts';
import { probeSpecsOf } from './probe-spec.ts';
import { createProber, type Prober } from './prober.ts';

type ApiProbe = NonNullable<Container['livenessProbe']>;
type Exec = { containerId: string; cmd: string[]; timeout: number };

const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
const never = new AbortController().signal;
const servers: NetServer[] = [];
let exec: (request: Exec) => { exitCode: number; stdout?: Uint8Array; stderr?: Uint8Array } | KubeEdgeError;
let grpc: (question: object) => string | KubeEdgeError;
let prober: Prober;

beforeEach(() => {
  const execSync = async (request: Exec) => {
    const answer = exec(request);
    if (answer instanceof Error) throw answer;
    return { stdout: new Uint8Array(), stderr: new Uint8Array(), ...answer };
  };
  prober = createProber({
    cri: { execSync } as never,
    grpc: async ({ clock: _clock, signal: _signal, ...question }) => {
      const answer = grpc(question);
      if (answer instanceof Error) throw answer;
      return answer;
    },
    clock: systemClock,
  });
});
after(() => {
  for (const server of servers) {
    (server as Partial<Server>).closeAllConnections?.();
    server.close();
  }
});

async function listening<S extends NetServer>(server: S, host = '127.0.0.1'): Promise<number> {
  servers.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
const serve = (answer: RequestListener, host?: string): Promise<number> =>
  listening(createServer(answer), host);

function ask(readinessProbe: ApiProbe, podIP = '127.0.0.1'): Promise<TryOutcome> {
  const [spec] = probeSpecsOf(pod('web'), container('main', { readinessProbe }));
  return prober(spec!, { containerId: 'c1', podIP }, never);
}
const httpGet = (get: NonNullable<ApiProbe['httpGet']>, podIP?: string, rest: ApiProbe = {}) =>
  ask({ httpGet: get, ...rest }, podIP);

describe('exec', () => {
  const probe = { exec: { command: ['cat', '/tmp/ok'] }, timeoutSeconds: 3 };

  test('success is an exit with 0; what it printed on both ways out is the output', async () => {
    let asked: Exec | undefined;
    exec = (request) => {
      asked = request;
      return { exitCode: 0, stdout: Buffer.from('out '), stderr: Buffer.from('err') };
    };
    assert.deepEqual(await ask(probe), { is: 'success', output: 'out err' });
    assert.deepEqual(asked, { containerId: 'c1', cmd: ['cat', '/tmp/ok'], timeout: 3 });
  });

  test('any other exit is a failure', async () => {
    exec = () => ({ exitCode: 1, stderr: Buffer.from("cat: can't open '/tmp/ok'") });
    assert.deepEqual(await ask(probe), { is: 'failure', output: "cat: can't open '/tmp/ok'" });
  });

  test('10 KiB of output are kept, also of what is no text', async () => {
    exec = () => ({ exitCode: 0, stdout: Buffer.alloc(9_000, 'a'), stderr: Buffer.alloc(9_000, 0xff) });
    const outcome = await ask(probe);
    assert.ok(outcome.is === 'success');
    assert.equal(outcome.output, 'a'.repeat(9_000) + '\ufffd'.repeat(1_240));
  });

  test('a command that the runtime had to end is a failure', async () => {
    const problem = 'failed to exec in container: timeout 3s exceeded: context deadline exceeded';
    exec = () =>
      criErrors.create('CRI_FAILED', { method: 'ExecSync', grpcCode: 'DEADLINE_EXCEEDED', problem });
    assert.deepEqual(await ask(probe), {
      is: 'failure',
      output: 'command timed out: "cat /tmp/ok" timed out after 3s',
    });
  });

  test('a runtime that refuses says nothing of the container; one that is away is not worth an event', async () => {
    exec = () =>
      criErrors.create('CRI_FAILED', { method: 'ExecSync', grpcCode: 'UNKNOWN', problem: 'no such file' });
    assert.deepEqual(await ask(probe), {
      is: 'error',
      problem: 'rpc error: code = Unknown desc = no such file',
    });
    exec = () => criErrors.create('CRI_NOT_FOUND', { method: 'ExecSync', problem: 'gone' });
    assert.deepEqual(await ask(probe), { is: 'error', problem: 'rpc error: code = NotFound desc = gone' });
    exec = () =>
      criErrors.create('CRI_UNAVAILABLE', { endpoint: 'x', method: 'ExecSync', problem: 'ENOENT' });
    assert.deepEqual(await ask(probe), {
      is: 'error',
      problem: 'rpc error: code = Unavailable desc = ENOENT',
      quiet: true,
    });
  });
});

describe('http', () => {
  test("is asked as the kubelet asks: on the pod's address, a connection of its own, nothing accepted twice", async () => {
    let seen: Record<string, unknown> = {};
    const port = await serve(({ method, url, headers }, response) => {
      seen = { method, url, ...headers };
      response.end('fine');
    });
    assert.deepEqual(await httpGet({ port, path: '/healthz?a=1' }), { is: 'success', output: 'fine' });
    assert.deepEqual(seen, {
      method: 'GET',
      url: '/healthz?a=1',
      host: `127.0.0.1:${port}`,
      'user-agent': 'kube-probe/1.32',
      accept: '*/*',
      connection: 'close',
    });
  });

  test("the spec's headers win, an empty one is left out, a repeated one is sent twice", async () => {
    let seen: string[] = [];
    const port = await serve(({ rawHeaders }, response) => {
      seen = rawHeaders;
      response.end();
    });
    const httpHeaders = [
      { name: 'host', value: 'shop.example' },
      { name: 'User-Agent', value: 'me' },
      { name: 'Accept', value: '' },
      { name: 'X-Twice', value: '1' },
      { name: 'X-Twice', value: '2' },
    ];
    await httpGet({ port, httpHeaders });
    assert.deepEqual(seen, [
      ...['host', 'shop.example', 'User-Agent', 'me', 'X-Twice', '1', 'X-Twice', '2'],
      ...['Connection', 'close'],
    ]);
  });

  const statuses: readonly (readonly [number, TryOutcome['is']])[] = [
    [200, 'success'],
    [204, 'success'],
    [299, 'success'],
    [302, 'warning'],
    [304, 'warning'],
    [399, 'warning'],
    [400, 'failure'],
    [503, 'failure'],
    [600, 'failure'],
  ];
  for (const [status, is] of statuses) {
    test(`${status} is a ${is}`, async () => {
      const port = await serve((_, response) =>
        response.writeHead(status).end(status === 204 ? '' : 'secret'),
      );
      const outcome = await httpGet({ port });
      assert.equal(outcome.is, is);
      if (is === 'failure')
        assert.deepEqual(outcome, { is, output: `HTTP probe failed with statuscode: ${status}` });
    });
  }

  test('10 KiB of a body are read, however long it is', async () => {
    let closed = Promise.resolve<unknown>(undefined);
    const port = await serve((request, response) => {
      closed = new Promise((resolve) => request.socket.on('error', () => {}).once('close', resolve));
      const more = (): void => {
        while (response.write('x'.repeat(8_192)));
      };
      response.on('drain', more);
      more();
    });
    const outcome = await httpGet({ port });
    assert.ok(outcome.is === 'success');
    assert.equal(outcome.output.length, 10 * 1024);
    await closed;
  });

  test('redirects are followed on the same host, also to another port, with what was asked for', async () => {
    let seen: string[] = [];
    const target = await serve(({ url, headers }, response) => {
      seen = [url ?? '', String(headers['x-a'])];
      response.end('there');
    });
    const port = await serve(({ url }, response) => {
      const next = url === '/' ? '/second' : `http://127.0.0.1:${target}/third?q`;
      response.writeHead(302, { location: next }).end();
    });
    const httpHeaders = [{ name: 'X-A', value: '1' }];
    assert.deepEqual(await httpGet({ port, httpHeaders }), { is: 'success', output: 'there' });
    assert.deepEqual(seen, ['/third?q', '1']);
  });

  test('a redirect to another host counts as success, with a warning', async () => {
    const port = await serve((_, response) =>
      response.writeHead(301, { location: 'http://localhost/x' }).end('moved'),
    );
    assert.deepEqual(await httpGet({ port }), {
      is: 'warning',
      output: 'Probe terminated redirects, Response body: moved',
    });
  });

  test('redirects in a circle are a failure after ten', async () => {
    let asked = 0;
    const port = await serve((_, response) => {
      asked += 1;
      response.writeHead(307, { location: '/again' }).end();
    });
    const outcome = await httpGet({ port });
    assert.deepEqual(outcome, { is: 'failure', output: 'Get "/again": stopped after 10 redirects' });
    assert.equal(asked, 10);
  });

  test('https is asked without looking at the certificate', async () => {
    const ca = await createAuthority(Date.now());
    const { certPem, keyPem } = await ca.issueServer({ addresses: ['192.0.2.1'], dnsNames: [], now: 0 });
    const secure = createTlsServer({ cert: certPem, key: keyPem }, (_, response) => response.end('secret'));
    const port = await listening(secure);
    assert.deepEqual(await httpGet({ port, scheme: 'HTTPS' }), { is: 'success', output: 'secret' });
  });

  test('https towards a plain server is a failure, and the text stays the same', async () => {
    const port = await serve((_, response) => response.end());
    assert.deepEqual(await httpGet({ port, scheme: 'HTTPS' }), {
      is: 'failure',
      output: `Get "https://127.0.0.1:${port}/": http: server gave HTTP response to HTTPS client`,
    });
  });

  test('IPv6, where the machine has it: the address is in brackets where it belongs', {
    skip: !hasIPv6,
  }, async () => {
    let host: string | undefined;
    const port = await serve(({ headers }, response) => {
      host = headers.host;
      response.end();
    }, '::1');
    assert.equal((await httpGet({ port }, '::1')).is, 'success');
    assert.equal(host, `[::1]:${port}`);
  });

  test('nobody there, nothing said, or rubbish said: failures in words', async () => {
    const output = async (get: NonNullable<ApiProbe['httpGet']>): Promise<string> => {
      const outcome = await httpGet(get);
      assert.equal(outcome.is, 'failure');
      return 'output' in outcome ? outcome.output : '';
    };
    assert.equal(
      await output({ port: 1, path: '/x' }),
      'Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused',
    );
    const silent = await listening(createTcpServer((socket) => socket.end()));
    assert.equal(await output({ port: silent }), `Get "http://127.0.0.1:${silent}/": EOF`);
    const rude = await listening(createTcpServer((socket) => socket.end('220 smtp ready\r\n')));
    assert.match(await output({ port: rude }), /: malformed HTTP response \(/);
    const reset = await listening(
      createTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
    );
    assert.match(await output({ port: reset }), /: read tcp 127.0.0.1:\d+: connection reset by peer$/);
    assert.match(
      await output({ port: 1, host: 'nowhere.invalid' }),
      /: dial tcp: lookup nowhere.invalid: no such host$/,
    );
    assert.match(await output({ port: silent, httpHeaders: [{ name: 'a b', value: '1' }] }), /Header name/);
  });

  test('a sloppy server is understood', async () => {
    const answer = 'HTTP/1.0 200 OK\nServer: tiny \x01\nContent-Length: 2\n\nok';
    const port = await listening(createTcpServer((socket) => socket.once('data', () => socket.end(answer))));
    assert.deepEqual(await httpGet({ port }), { is: 'success', output: 'ok' });
  });

  test('a server that does not answer in time is a failure; one that never ends its body tells nothing', async () => {
    const mute = await serve(() => {});
    assert.deepEqual(await httpGet({ port: mute }), {
      is: 'failure',
      output: `Get "http://127.0.0.1:${mute}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    });
    const slow = await serve((_, response) => response.writeHead(200).write('a'));
    assert.deepEqual(await httpGet({ port: slow }), {
      is: 'error',
      problem: 'context deadline exceeded (Client.Timeout or context cancellation while reading body)',
    });
  });

  test('a pod without an address is not asked on the node', async () => {
    assert.deepEqual(await httpGet({ port: 80 }, ''), {
      is: 'error',
      problem: 'the pod has no address',
      quiet: true,
    });
  });
});

describe('tcp', () => {
  test('success is a connection, and nothing is said on it', async () => {
    const said: Buffer[] = [];
    let over = Promise.resolve<unknown>(undefined);
    const port = await listening(
      createTcpServer((socket) => {
        socket.on('data', (data: Buffer) => said.push(data));
        over = once(socket, 'close');
      }),
    );
    assert.deepEqual(await ask({ tcpSocket: { port } }), { is: 'success', output: '' });
    await over;
    assert.deepEqual(said, []);
  });

  test('a closed port is a failure', async () => {
    assert.deepEqual(await ask({ tcpSocket: { port: 1 } }), {
      is: 'failure',
      output: 'dial tcp 127.0.0.1:1: connect: connection refused',
    });
  });

  test('a host that does not answer is a failure after the timeout', async () => {
    // Blackhole of RFC 5737; where it is unreachable at once, that is a failure too.
    const outcome = await ask({ tcpSocket: { port: 9, host: '192.0.2.1' } });
    assert.equal(outcome.is, 'failure');
  });
});

describe('grpc', () => {
  const probe = { grpc: { port: 90, service: 'shop' }, timeoutSeconds: 2 };

  test('SERVING is success', async () => {
    let asked = {};
    grpc = (question) => {
      asked = question;
      return 'SERVING';
    };
    assert.deepEqual(await ask(probe), { is: 'success', output: 'service healthy' });
    assert.deepEqual(asked, {
      host: '127.0.0.1',
      port: 90,
      service: 'shop',
      timeoutMs: 2_000,
      userAgent: 'kube-probe/1.32',
    });
  });

  const failed = (grpcCode: string, problem: string) =>
    grpcErrors.create('GRPC_FAILED', { method: 'Check', endpoint: 'x', grpcCode, problem });
  const table: readonly (readonly [string, string | KubeEdgeError, string])[] = [
    ['NOT_SERVING', 'NOT_SERVING', 'service unhealthy (responded with "NOT_SERVING")'],
    [
      'nobody there',
      grpcErrors.create('GRPC_UNAVAILABLE', {
        endpoint: 'x',
        method: 'Check',
        problem: 'connect ECONNREFUSED',
      }),
      'timeout: failed to connect service "127.0.0.1:90" within 2s: connect ECONNREFUSED',
    ],
    [
      'no health service',
      failed('UNIMPLEMENTED', 'unknown service'),
      'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service',
    ],
    ['no answer', failed('DEADLINE_EXCEEDED', 'late'), 'timeout: health rpc did not complete within 2s'],
    [
      'an unknown service',
      failed('NOT_FOUND', 'unknown'),
      'error: health rpc probe failed: rpc error: code = NotFound desc = unknown',
    ],
  ];
  for (const [what, answer, output] of table) {
    test(`${what} is a failure`, async () => {
      grpc = () => answer;
      assert.deepEqual(await ask(probe), { is: 'failure', output });
    });
  }
});
