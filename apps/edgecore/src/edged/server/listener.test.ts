import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import { type Logger, seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createManualClock, until } from '../../edgehub/testing/manual-clock.ts';
import { serveOnLoopback } from './listener.ts';

const opened: Server[] = [];
const server = (): Server => {
  const fresh = createServer((_request, response) => response.end('ok'));
  opened.push(fresh);
  return fresh;
};
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

async function freePort(): Promise<[Server, number]> {
  const other = createServer();
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  return [other, (other.address() as AddressInfo).port];
}

test('a port that another process has is said once, waited for, and taken when it is free', async () => {
  const clock = createManualClock();
  const errors: object[] = [];
  const log: Logger = { ...silentLogger, error: (fields) => void errors.push(fields) };
  const [other, port] = await freePort();
  const stop = new AbortController();
  const serving = serveOnLoopback({ server, port, clock, random: seededRandom(1), log }, stop.signal);
  await until(() => errors.length === 1 && clock.pending === 1);
  assert.match(JSON.stringify(errors[0]), /EADDRINUSE/);
  clock.advance(1_000);
  await until(() => opened.length === 2 && clock.pending === 1);
  assert.equal(errors.length, 1);
  other.close();
  await once(other, 'close');
  clock.advance(2_000);
  await until(() => opened.length === 3 && opened[2]?.listening === true);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'ok');
  stop.abort();
  await serving;
  assert.equal(opened[2]?.listening, false);
  assert.equal(clock.pending, 0);
});

test('a stop while waiting for the port ends the waiting', async () => {
  const clock = createManualClock();
  const [other, port] = await freePort();
  const stop = new AbortController();
  const serving = serveOnLoopback(
    { server, port, clock, random: seededRandom(1), log: silentLogger },
    stop.signal,
  );
  await until(() => clock.pending === 1);
  stop.abort();
  await serving;
  other.close();
});
