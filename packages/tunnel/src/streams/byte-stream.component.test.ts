import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { createByteStream } from './byte-stream.ts';

/** What is heard of a bare HTTP/2 server that says a word and then does as told, and how it ends. */
async function heardOf(
  t: TestContext,
  then: (stream: ServerHttp2Stream, socket: Socket) => void,
): Promise<string> {
  const server = createServer();
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on('error', () => undefined);
  t.after(async () => {
    session.destroy();
    server.close();
    await once(server, 'close');
  });

  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200 });
    stream.write('word');
    // the word has been heard when its listener answers
    stream.once('data', () => void accepted.then(([socket]) => then(stream, socket)));
  });
  const inner = session.request({ ':method': 'CONNECT', ':authority': 'kubelet' });
  const outer = createByteStream(inner, () => new Error('lost'));
  let heard = '';
  outer.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
    outer.write('heard');
  });
  const { promise, resolve } = Promise.withResolvers<string>();
  outer.once('end', () => resolve(`${heard} ended`));
  outer.once('error', (error) => resolve(`${heard} ${error.message}`));
  return promise;
}

describe('an HTTP/2 stream as a connection', () => {
  test('ends when the other end says so', async (t) => {
    assert.equal(await heardOf(t, (stream) => stream.end()), 'word ended');
  });

  test('is lost when it is cut off', async (t) => {
    assert.equal(await heardOf(t, (stream) => stream.destroy(new Error('broken'))), 'word lost');
  });

  test('is lost when its connection is, though Node says that it ended', async (t) => {
    assert.equal(await heardOf(t, (_stream, socket) => socket.resetAndDestroy()), 'word lost');
    assert.equal(await heardOf(t, (_stream, socket) => socket.destroy()), 'word lost');
  });
});
