import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { statusOf } from '../rest/api-error.ts';
import { readBody } from './read-body.ts';

function incoming(headers: Record<string, string> = {}) {
  const stream = Object.assign(new PassThrough(), { headers, complete: false });
  stream.once('end', () => {
    stream.complete = true;
  });
  return stream as typeof stream & IncomingMessage;
}

const codeOf = (reading: Promise<Buffer>): Promise<number> =>
  reading.then(
    () => 0,
    (error: unknown) => statusOf(error).code,
  );

test('a body is read whole, and no timer is left', async () => {
  const clock = createVirtualClock();
  const request = incoming();
  const reading = readBody(request, 10, clock);
  request.write('01234');
  request.end('56789');
  assert.equal((await reading).toString(), '0123456789');
  assert.equal(clock.pending, 0);
});

test('a body that is too long is refused, declared or not, and the connection is left for the answer', async () => {
  const clock = createVirtualClock();
  assert.equal(await codeOf(readBody(incoming({ 'content-length': '11' }), 10, clock)), 413);
  const request = incoming();
  const reading = codeOf(readBody(request, 10, clock));
  request.write('01234567890');
  assert.equal(await reading, 413);
  assert.equal(request.destroyed, false);
  assert.equal(clock.pending, 0);
});

test('a body that does not come to its end in a minute is refused', async () => {
  const clock = createVirtualClock();
  const request = incoming();
  const reading = codeOf(readBody(request, 10, clock));
  request.write('0');
  await clock.advance(59_999);
  request.write('1');
  await clock.advance(1);
  assert.equal(await reading, 408);
});

test('a body that breaks off is refused', async () => {
  const request = incoming();
  const reading = codeOf(readBody(request, 10, createVirtualClock()));
  request.write('0');
  request.destroy();
  assert.equal(await reading, 400);
});
