import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { systemClock } from '@kubeedge-ts/runtime';
import { type CriClient, createCriClient } from './client.ts';

let dir: string;
let server: Http2Server | undefined;
let client: CriClient;
let answer: (stream: ServerHttp2Stream, path: string) => void;

const socket = (): string => join(dir, 's');

async function serve(): Promise<void> {
  server = createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    answer(stream as ServerHttp2Stream, String(headers[':path']));
  });
  await new Promise<void>((resolve) => server?.listen(socket(), resolve));
}

async function unserve(): Promise<void> {
  const closing = server;
  server = undefined;
  if (closing === undefined) return;
  await new Promise<void>((resolve) => {
    closing.close(() => resolve());
    client.close();
    (closing as unknown as { closeAllConnections?: () => void }).closeAllConnections?.();
  });
}

/** A gRPC answer of one message. */
function reply(
  stream: ServerHttp2Stream,
  body: Buffer,
  trailers: Record<string, string> = { 'grpc-status': '0' },
): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
}

function framed(hex: string): Buffer {
  const message = Buffer.from(hex, 'hex');
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const failsWith = (code: string, pattern: RegExp) => (error: unknown) => {
  assert.ok(isKubeEdgeError(error, code), String(error));
  assert.match(error.message, pattern);
  return true;
};

describe('the CRI client', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-cri-'));
    client = createCriClient({ endpoint: `unix://${socket()}`, clock: systemClock });
  });
  afterEach(async () => {
    await unserve();
    client.close();
    await rm(dir, { recursive: true, force: true });
  });

  test('without a runtime a call fails at once with CRI_UNAVAILABLE, and the next one finds it when it has come', async () => {
    await assert.rejects(client.version({}), failsWith('CRI_UNAVAILABLE', /ENOENT/));
    answer = (stream, path) => {
      assert.equal(path, '/runtime.v1.RuntimeService/Version');
      reply(stream, framed('0a0141'));
    };
    await serve();
    assert.equal((await client.version({})).version, 'A');
  });

  test("the runtime's status becomes CRI_NOT_FOUND, CRI_UNAVAILABLE or CRI_FAILED with its words", async () => {
    await serve();
    const cases = [
      ['5', 'CRI_NOT_FOUND', 'not%20found%3A%20%C3%A4', /not found: ä/],
      ['14', 'CRI_UNAVAILABLE', 'shutting down', /shutting down/],
      ['2', 'CRI_FAILED', 'bad 100% broken', /UNKNOWN: bad 100% broken/],
      ['99', 'CRI_FAILED', '', /UNKNOWN/],
    ] as const;
    for (const [status, code, words, pattern] of cases) {
      answer = (stream) => reply(stream, Buffer.alloc(0), { 'grpc-status': status, 'grpc-message': words });
      await assert.rejects(client.version({}), failsWith(code, pattern));
    }
  });

  test('a status in the headers alone is understood', async () => {
    await serve();
    answer = (stream) => {
      stream.respond(
        { ':status': 200, 'grpc-status': '12', 'grpc-message': 'unknown method' },
        { endStream: true },
      );
    };
    await assert.rejects(client.runtimeConfig({}), failsWith('CRI_FAILED', /UNIMPLEMENTED: unknown method/));
  });

  test('an answer of more than 16 MiB is refused by its declared length, before it is read', async () => {
    await serve();
    answer = (stream) => {
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(0xffffffff, 1);
      stream.respond({ ':status': 200 });
      stream.write(prefix);
    };
    await assert.rejects(client.listContainers({}), failsWith('CRI_FAILED', /RESOURCE_EXHAUSTED/));
  });

  test('garbage, truncation, compression and a wrong HTTP status are typed errors', async () => {
    await serve();
    const cases: [(stream: ServerHttp2Stream) => void, string][] = [
      [(stream) => reply(stream, framed('ffff')), 'CRI_MALFORMED'],
      [(stream) => reply(stream, framed('0a0141').subarray(0, 6)), 'CRI_FAILED'],
      [(stream) => reply(stream, Buffer.from('0100000001ff', 'hex')), 'CRI_FAILED'],
      [(stream) => reply(stream, Buffer.concat([framed('0a0141'), framed('0a0141')])), 'CRI_FAILED'],
      [(stream) => stream.respond({ ':status': 404 }, { endStream: true }), 'CRI_FAILED'],
      [(stream) => stream.respond({ ':status': 503 }, { endStream: true }), 'CRI_UNAVAILABLE'],
      [(stream) => stream.close(8), 'CRI_UNAVAILABLE'],
    ];
    for (const [behave, code] of cases) {
      answer = behave;
      await assert.rejects(client.version({}), (error) => isKubeEdgeError(error, code), code);
    }
  });

  test('a call ends at its deadline, or when its signal aborts, and tells the runtime to stop', async () => {
    await serve();
    let closed = 0;
    answer = (stream) => {
      stream.on('close', () => {
        closed += 1;
      });
    };
    await assert.rejects(client.version({}, { timeoutMs: 30 }), failsWith('CRI_FAILED', /DEADLINE_EXCEEDED/));
    const stop = new AbortController();
    const call = client.pullImage({}, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await assert.rejects(call, /enough/);
    await assert.rejects(client.version({}, { signal: stop.signal }), /enough/);
    for (const deadline = Date.now() + 2_000; closed < 1 && Date.now() < deadline; ) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(closed >= 1);
  });

  test('calls under way when the runtime goes come back as CRI_UNAVAILABLE', async () => {
    await serve();
    const arrived = Promise.withResolvers<ServerHttp2Stream>();
    answer = (stream) => arrived.resolve(stream);
    const call = client.version({});
    const rejected = assert.rejects(call, failsWith('CRI_UNAVAILABLE', /./));
    (await arrived.promise).session?.destroy();
    await rejected;
  });

  test('an endpoint that is no socket is refused when the client is made', () => {
    assert.throws(
      () => createCriClient({ endpoint: 'tcp://127.0.0.1:1', clock: systemClock }),
      (error) => isKubeEdgeError(error, 'CRI_ENDPOINT_INVALID'),
    );
  });
});
