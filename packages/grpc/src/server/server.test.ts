import assert from 'node:assert/strict';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { systemClock } from '@kubeedge-ts/runtime';
import fc from 'fast-check';
import { createGrpcClient, type GrpcClient } from '../client.ts';
import { createCodec } from '../codec.ts';
import { frame } from '../framing.ts';
import { type EchoMethods, METHODS, type SocketDir, socketDir, TABLES, until } from '../testing/echo.ts';
import { createGrpcServer, type GrpcServer } from './server.ts';
import { GrpcRefusal, type ServiceImplementation, serviceOf } from './service.ts';

const codec = createCodec(TABLES);
let dir: SocketDir;
let server: GrpcServer;
let client: GrpcClient<EchoMethods>;
let echo: ServiceImplementation<EchoMethods>;

const failsWith = (grpcCode: string, pattern: RegExp) => (error: unknown) => {
  assert.ok(isKubeEdgeError(error, 'GRPC_FAILED'), String(error));
  assert.equal(error.details['grpcCode'], grpcCode);
  assert.match(error.message, pattern);
  return true;
};

/** One call by hand, so that it can be wrong; the response's headers and trailers. */
async function raw(headers: Record<string, string>, body: Buffer): Promise<Record<string, unknown>> {
  const session: ClientHttp2Session = connectHttp2('http://x', { createConnection: () => connect(dir.path) });
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/echo.v1.Echo/Say',
      'content-type': 'application/grpc+proto',
      ...headers,
    });
    let seen: Record<string, unknown> = {};
    stream.on('response', (values) => {
      seen = { ...values };
    });
    stream.on('trailers', (values) => {
      seen = { ...seen, ...values };
    });
    stream.resume();
    stream.end(body);
    await once(stream, 'close');
    return seen;
  } finally {
    session.destroy();
  }
}

describe('the gRPC server', () => {
  beforeEach(async () => {
    dir = await socketDir();
    echo = { say: (word) => word };
    const service = serviceOf<EchoMethods>(METHODS, TABLES, {
      say: (word, context) => echo.say?.(word, context) ?? {},
      count: (word, context) => echo.count?.(word, context) ?? nothing(),
    });
    server = await createGrpcServer({
      listen: { path: dir.path },
      services: [service],
      clock: systemClock,
      maxMessageBytes: 100_000,
      maxConnections: 4,
      requestMs: 100,
    });
    client = createGrpcClient<EchoMethods>({
      target: server.target,
      clock: systemClock,
      methods: METHODS,
      codec,
      deadlineOf: () => 5_000,
    });
  });
  afterEach(async () => {
    client.close();
    await server.close();
    await dir[Symbol.asyncDispose]();
  });
  async function* nothing() {}

  test('a call is answered, over a socket that only its owner may use', async () => {
    assert.equal((await client.say({ text: 'grüezi' })).text, 'grüezi');
    assert.equal((await stat(dir.path)).mode & 0o777, 0o600);
  });

  test('a refusal travels with its code and text; any other error is UNKNOWN', async () => {
    echo = {
      say: ({ text }) => {
        throw text === 'x' ? new GrpcRefusal('NOT_FOUND', 'no ü, 100 %\n') : new TypeError('a bug');
      },
    };
    await assert.rejects(client.say({ text: 'x' }), failsWith('NOT_FOUND', /no ü, 100 %\n/));
    await assert.rejects(client.say({ text: 'y' }), failsWith('UNKNOWN', /a bug/));
  });

  test('a stream comes in order, ends with its status, and is made only as fast as it is read', async () => {
    let made = 0;
    echo = {
      async *count({ count }) {
        for (made = 0; made < count; made++) yield { count: made, text: 'x'.repeat(8_192) };
        if (count === 3) throw new GrpcRefusal('ABORTED', 'after three');
      },
    };
    const seen: number[] = [];
    await assert.rejects(
      async () => {
        for await (const word of client.count({ count: 3 })) seen.push(word.count);
      },
      failsWith('ABORTED', /after three/),
    );
    assert.deepEqual(seen, [0, 1, 2]);

    for await (const word of client.count({ count: 10_000 })) {
      if (word.count === 5) break;
    }
    assert.ok(made < 200, `${made} made for a reader of 6`);
    let last = 0;
    for await (const word of client.count({ count: 500 })) last = word.count;
    assert.equal(last, 499);
  });

  test('a reader that leaves, or aborts, ends the source', async () => {
    let ended = 0;
    echo = {
      async *count(_, { signal }) {
        signal.addEventListener('abort', () => {
          ended += 1;
        });
        yield { count: 1 };
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      },
    };
    for await (const _ of client.count({})) break;
    await until('the source of one who left ends', () => ended === 1);
    const stop = new AbortController();
    await assert.rejects(async () => {
      for await (const _ of client.count({}, { signal: stop.signal })) stop.abort(new Error('enough'));
    }, /enough/);
    await until('the source of one who aborted ends', () => ended === 2);
    await assert.rejects(
      async () => {
        for await (const _ of client.count({}, { timeoutMs: 50 }));
      },
      failsWith('DEADLINE_EXCEEDED', /50 ms/),
    );
    await until('the source of one whose deadline passed ends', () => ended === 3);
  });

  test("a handler that takes longer than the caller's deadline is told, and the caller gets DEADLINE_EXCEEDED", async () => {
    let reason: unknown;
    echo = {
      say: (_, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            reject(signal.reason);
          });
        }),
    };
    const answer = await raw({ 'grpc-timeout': '30m' }, frame(codec.encode('Word', {})));
    assert.equal(answer['grpc-status'], '4');
    assert.ok(reason instanceof GrpcRefusal && reason.code === 'DEADLINE_EXCEEDED');
    const call = assert.rejects(client.say({}, { timeoutMs: 20 }), failsWith('DEADLINE_EXCEEDED', /20 ms/));
    await call;
  });

  test('what is no gRPC call gets an HTTP status, an unknown method UNIMPLEMENTED', async () => {
    const body = frame(codec.encode('Word', { text: 'a' }));
    assert.equal((await raw({ 'content-type': 'application/json' }, body))[':status'], 415);
    assert.equal((await raw({ 'content-type': 'application/grpc-web' }, body))[':status'], 415);
    assert.equal((await raw({ ':method': 'PUT' }, body))[':status'], 405);
    assert.equal((await raw({ ':path': '/echo.v1.Echo/Nothing' }, body))['grpc-status'], '12');
    assert.equal((await raw({ ':path': '/__proto__' }, body))['grpc-status'], '12');
    assert.equal((await raw({ 'grpc-timeout': 'soon' }, body))['grpc-status'], '0');
  });

  test('malformed, compressed, truncated, doubled and over-long requests end with a status', async () => {
    const good = frame(codec.encode('Word', { text: 'a' }));
    const cases: [Buffer, string][] = [
      [frame(Buffer.from('ffff', 'hex')), '13'],
      [frame(Buffer.from('0affffffff0f', 'hex')), '13'],
      [Buffer.from('0100000001ff', 'hex'), '12'],
      [Buffer.from('0700000001ff', 'hex'), '13'],
      [good.subarray(0, good.length - 1), '13'],
      [Buffer.alloc(0), '13'],
      [Buffer.concat([good, good]), '13'],
      [Buffer.from('00ffffffff', 'hex'), '8'],
      [frame(Buffer.alloc(100_001)), '8'],
    ];
    for (const [body, status] of cases) {
      assert.equal((await raw({}, body))['grpc-status'], status, body.toString('hex', 0, 12));
    }
    assert.equal((await client.say({ text: 'still here' })).text, 'still here');
  });

  test('a request that does not arrive within its time is given up', async () => {
    const session = connectHttp2('http://x', { createConnection: () => connect(dir.path) });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/echo.v1.Echo/Say',
      'content-type': 'application/grpc',
    });
    stream.write(Buffer.from('00000000ff', 'hex'));
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    assert.equal(headers['grpc-status'], '4');
    session.destroy();
  });

  test('bytes that are not HTTP/2 close their connection only', async () => {
    for (const bytes of [
      'GET / HTTP/1.1\r\n\r\n',
      '\0\0\0\0',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff',
    ]) {
      const socket = connect(dir.path);
      socket.on('error', () => {});
      socket.resume();
      socket.end(Buffer.from(bytes, 'latin1'));
      await once(socket, 'close');
    }
    assert.equal((await client.say({ text: 'a' })).text, 'a');
  });

  test('any frames after a right beginning leave the server as it was', async () => {
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const settings = Buffer.from('000000040000000000', 'hex');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 9, maxLength: 300 }), async (bytes) => {
        const socket = connect(dir.path);
        socket.on('error', () => {});
        socket.resume();
        socket.end(Buffer.concat([preface, settings, bytes]));
        await once(socket, 'close');
      }),
      { numRuns: 100 },
    );
    assert.equal((await client.say({ text: 'a' })).text, 'a');
  });

  test('connections beyond the limit are closed, those before them live', async () => {
    await client.say({});
    const sockets = Array.from({ length: 8 }, () => connect(dir.path));
    let closed = 0;
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.on('close', () => {
        closed += 1;
      });
      socket.resume();
    }
    await until('five are closed', () => closed === 5);
    assert.equal((await client.say({ text: 'a' })).text, 'a');
    for (const socket of sockets) socket.destroy();
  });

  test('closing aborts what runs and removes the socket; a stale one is replaced, another file is not', async () => {
    let aborted = false;
    let entered = false;
    echo = {
      say: (_, { signal }) => {
        entered = true;
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(signal.reason);
          });
        });
      },
    };
    const call = assert.rejects(client.say({}), (error) => isKubeEdgeError(error));
    await until('the call is there', () => entered);
    await server.close();
    await call;
    assert.ok(aborted);
    await assert.rejects(stat(dir.path), /ENOENT/);

    await writeFile(dir.path, 'mine');
    const listen = { path: dir.path };
    await assert.rejects(createGrpcServer({ listen, services: [], clock: systemClock }), (error) =>
      isKubeEdgeError(error, 'GRPC_LISTEN_FAILED'),
    );
    await assert.rejects(
      createGrpcServer({ listen: { path: 'relative' }, services: [], clock: systemClock }),
      (error) => isKubeEdgeError(error, 'GRPC_LISTEN_FAILED'),
    );
  });

  test('a socket that a killed process left is taken over', async () => {
    const path = `${dir.path}2`;
    const left = await createGrpcServer({ listen: { path }, services: [], clock: systemClock });
    const second = await createGrpcServer({ listen: { path }, services: [], clock: systemClock });
    await second.close();
    await left.close();
  });

  test('it serves over TCP as well', async () => {
    const tcp = await createGrpcServer({
      listen: { host: '127.0.0.1', port: 0 },
      services: [serviceOf<EchoMethods>(METHODS, TABLES, { say: (word) => word })],
      clock: systemClock,
    });
    const other = createGrpcClient<EchoMethods>({
      target: tcp.target,
      clock: systemClock,
      methods: METHODS,
      codec,
      deadlineOf: () => 5_000,
    });
    assert.equal((await other.say({ text: 'tcp' })).text, 'tcp');
    await assert.rejects(
      async () => {
        for await (const _ of other.count({}));
      },
      failsWith('UNIMPLEMENTED', /Count/),
    );
    other.close();
    await tcp.close();
  });

  test('a reset in the middle of a call leaves the connection and the server as they were', async () => {
    const session = connectHttp2('http://x', { createConnection: () => connect(dir.path) });
    for (let round = 0; round < 50; round++) {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/echo.v1.Echo/Say',
        'content-type': 'application/grpc',
      });
      stream.on('error', () => {});
      stream.write(frame(codec.encode('Word', { text: 'a' })).subarray(0, round % 8));
      stream.close(round % 2 === 0 ? constants.NGHTTP2_CANCEL : constants.NGHTTP2_INTERNAL_ERROR);
    }
    assert.equal((await client.say({ text: 'a' })).text, 'a');
    session.destroy();
  });
});
