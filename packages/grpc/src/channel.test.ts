import assert from 'node:assert/strict';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { systemClock } from '@kubeedge-ts/runtime';
import { createGrpcChannel, type GrpcChannel } from './channel.ts';
import { frame } from './framing.ts';
import type { GrpcStatus } from './status.ts';
import { unixTarget } from './target.ts';
import { type SocketDir, socketDir, until } from './testing/echo.ts';

let dir: SocketDir;
let server: Http2Server;
let channel: GrpcChannel;
let answer: (stream: ServerHttp2Stream) => void;

/** Begins a gRPC answer; `end` closes it with the trailers. */
function begin(stream: ServerHttp2Stream): (trailers?: Record<string, string>) => void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  return (trailers = { 'grpc-status': '0' }) => {
    stream.once('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end();
  };
}

async function read(
  stream: AsyncGenerator<Uint8Array, GrpcStatus>,
): Promise<{ items: string[]; status: GrpcStatus }> {
  const items: string[] = [];
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return { items, status: value };
    items.push(Buffer.from(value).toString());
  }
}

describe('the channel', () => {
  beforeEach(async () => {
    dir = await socketDir();
    server = createServer();
    server.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.resume();
      answer(stream as ServerHttp2Stream);
    });
    await new Promise<void>((resolve) => server.listen(dir.path, resolve));
    channel = createGrpcChannel({
      target: { path: dir.path },
      clock: systemClock,
      maxMessageBytes: 1000,
    });
  });
  afterEach(async () => {
    channel.close();
    server.close();
    await dir[Symbol.asyncDispose]();
  });
  const stream = (signal?: AbortSignal) => read(channel.serverStream('/s/M', new Uint8Array(), { signal }));

  test('messages of a stream are cut right wherever the packets are', async () => {
    answer = (call) => {
      const end = begin(call);
      const bytes = Buffer.concat([
        frame(Buffer.from('one')),
        frame(Buffer.from('')),
        frame(Buffer.from('two')),
      ]);
      let at = 0;
      const next = (): void => {
        if (at === bytes.length) end();
        else call.write(bytes.subarray(at, ++at), () => setImmediate(next));
      };
      next();
    };
    assert.deepEqual(await stream(), { items: ['one', '', 'two'], status: { ok: true } });
  });

  test('a stream that ends without a status, in the middle of a message, or over-long, is a failure after what was whole', async () => {
    const cases: [(call: ServerHttp2Stream) => void, string, RegExp][] = [
      [(call) => begin(call)({}), 'UNAVAILABLE', /ended before/],
      [(call) => call.close(8), 'UNAVAILABLE', /./],
      [(call) => call.session?.destroy(), 'UNAVAILABLE', /./],
      [
        (call) => {
          const end = begin(call);
          call.write(frame(Buffer.from('half')).subarray(0, 7));
          end();
        },
        'INTERNAL',
        /truncated/,
      ],
      [
        (call) => {
          begin(call);
          call.write(Buffer.from('00000003e9', 'hex'));
        },
        'RESOURCE_EXHAUSTED',
        /1001 bytes/,
      ],
      [(call) => call.respond({ ':status': 404 }, { endStream: true }), 'UNIMPLEMENTED', /404/],
      [
        (call) => call.respond({ ':status': 200, 'grpc-status': '16' }, { endStream: true }),
        'UNAUTHENTICATED',
        /^$/,
      ],
    ];
    for (const [behave, code, text] of cases) {
      answer = behave;
      const { items, status } = await stream();
      assert.deepEqual(items, []);
      assert.ok(!status.ok && status.code === code, JSON.stringify(status));
      assert.match(status.details, text);
    }
    answer = (call) => {
      begin(call);
      call.write(frame(Buffer.from('whole')), () => call.session?.destroy());
    };
    const { items, status } = await stream();
    assert.deepEqual([items, status.ok], [['whole'], false]);
  });

  test('a signal that aborts while nothing comes ends the stream with its reason and resets the call', async () => {
    let reset = 0;
    answer = (call) => {
      begin(call);
      call.write(frame(Buffer.from('one')));
      call.on('close', () => {
        reset = call.rstCode;
      });
    };
    const stop = new AbortController();
    const calls = channel.serverStream('/s/M', new Uint8Array(), { signal: stop.signal });
    await calls.next();
    const next = calls.next();
    stop.abort(new Error('enough'));
    await assert.rejects(next, /enough/);
    await until('the server sees the reset', () => reset === 8);
    await assert.rejects(stream(stop.signal), /enough/);
  });

  test('a closed channel, a port nobody listens on and a peer that is silent are failures, not waits', async () => {
    const silent = createTcpServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const options = { clock: systemClock, maxMessageBytes: 10 };
    const tcp = createGrpcChannel({ ...options, target: { host: '127.0.0.1', port } });
    const late = await tcp.unary('/s/M', new Uint8Array(), { timeoutMs: 30 });
    assert.ok(!late.ok && late.code === 'DEADLINE_EXCEEDED');
    tcp.close();
    silent.close();
    const gone = createGrpcChannel({ ...options, target: { host: '::1', port } });
    const refused = await gone.unary('/s/M', new Uint8Array(), { timeoutMs: 2_000 });
    assert.ok(!refused.ok && refused.code === 'UNAVAILABLE', JSON.stringify(refused));
    gone.close();
    channel.close();
    const closed = await channel.unary('/s/M', new Uint8Array());
    assert.ok(!closed.ok && closed.code === 'UNAVAILABLE');
    assert.equal((await stream()).status.ok, false);
  });

  test('a unix address is checked when it is taken', () => {
    for (const good of ['unix:///run/x.sock', 'unix:/run/x.sock', '/run/x.sock']) {
      assert.equal(unixTarget(good).path, '/run/x.sock');
    }
    for (const bad of ['', 'run/x.sock', 'tcp://127.0.0.1:1', 'unix://x', `/${'x'.repeat(107)}`, '/a\0b']) {
      assert.throws(
        () => unixTarget(bad),
        (error) => isKubeEdgeError(error, 'GRPC_ENDPOINT_INVALID'),
        bad,
      );
    }
  });
});
