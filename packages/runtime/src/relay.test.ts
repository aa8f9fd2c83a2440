import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Clock } from './clock.ts';
import { commandEnding } from './command-ending.ts';
import { createRelays, type Relays } from './relay.ts';

let server: Server;
let clock: ManualClock;
let relays: Relays;
const open = new Set<Socket>();

interface ManualClock extends Clock {
  /** Fires what is due within `ms`, in order. */
  advance(ms: number): void;
  readonly pending: number;
}

function createManualClock(): ManualClock {
  let now = 0;
  const timers = new Map<object, { at: number; task: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    after(ms, task) {
      const key = {};
      timers.set(key, { at: now + ms, task });
      return () => timers.delete(key);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [due] = [...timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
        if (due === undefined) break;
        timers.delete(due[0]);
        now = Math.max(now, due[1].at);
        due[1].task();
      }
      now = end;
    },
    get pending() {
      return timers.size;
    },
  };
}

async function until(condition: () => boolean, what = 'condition'): Promise<void> {
  for (const deadline = performance.now() + 20_000; !condition(); ) {
    if (performance.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Both ends of one connection. */
async function pair(): Promise<[Socket, Socket]> {
  const port = (server.address() as AddressInfo).port;
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [far] = (await once(server, 'connection')) as [Socket];
  for (const socket of [near, far]) {
    open.add(socket);
    socket.on('error', () => undefined);
  }
  await until(() => !near.connecting);
  return [near, far];
}

/** client ⇄ (a … b) ⇄ runtime */
async function joined() {
  const [client, a] = await pair();
  const [b, runtime] = await pair();
  const state = { over: false };
  const done = relays.join(a, b).then(() => {
    state.over = true;
  });
  return { client, runtime, a, b, done, state };
}

/** Everything up to the end; the other direction stays open. */
const all = async (socket: Socket): Promise<string> => {
  let text = '';
  socket.on('data', (part) => {
    text += String(part);
  });
  await once(socket, 'end');
  return text;
};

beforeEach(async () => {
  clock = createManualClock();
  relays = createRelays({ clock, idleMs: 14_400_000 });
  server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  relays.close();
  for (const socket of open) socket.destroy();
  open.clear();
  server.close();
  await once(server, 'close');
});

describe('a relayed stream', () => {
  test('carries bytes both ways as they are', async () => {
    const { client, runtime, done } = await joined();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    client.write(bytes);
    const [got] = (await once(runtime, 'data')) as [Buffer];
    assert.deepEqual(got, bytes);
    runtime.end('answer');
    client.end();
    assert.equal(await all(client), 'answer');
    await done;
    assert.equal(relays.open, 0);
    assert.equal(clock.pending, 0);
  });

  test('an end goes on as an end: the other direction still carries', async () => {
    const { client, runtime, done } = await joined();
    client.end('question');
    assert.equal(await all(runtime), 'question');
    runtime.write('first, ');
    runtime.end('second');
    assert.equal(await all(client), 'first, second');
    await done;
  });

  test('a reset goes on as a reset, both ways', async () => {
    for (const broken of ['client', 'runtime'] as const) {
      const it = await joined();
      const other = it[broken === 'client' ? 'runtime' : 'client'];
      const failed = once(other, 'error') as Promise<[NodeJS.ErrnoException]>;
      other.resume();
      it[broken].resetAndDestroy();
      assert.equal((await failed)[0].code, 'ECONNRESET');
      await it.done;
    }
  });

  test('the client of a command is told that the other side is lost, and then hung up on', async () => {
    for (const loss of ['reset', 'end', 'stop'] as const) {
      const [client, a] = await pair();
      const [b, runtime] = await pair();
      const headers = { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' };
      const done = relays.join(a, b, commandEnding(headers, 'lost it'));
      client.write('input');
      await once(runtime, 'data');
      if (loss === 'reset') runtime.resetAndDestroy();
      else if (loss === 'end') runtime.end();
      else relays.close();
      const said = await all(client);
      assert.match(said, /"message":"lost it"/, loss);
      client.end();
      runtime.end();
      await done;
      assert.equal(clock.pending, 0);
    }
  });

  test('a client that does not hang up after the last word is hung up on', async () => {
    const [client, a] = await pair();
    const [b, runtime] = await pair();
    const headers = { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' };
    const done = relays.join(a, b, commandEnding(headers, 'lost it'));
    runtime.resume();
    runtime.resetAndDestroy();
    await all(client);
    assert.equal(a.destroyed, false);
    clock.advance(2_000);
    await done;
    assert.equal(a.destroyed, true);
  });

  test('a side that was closed before the stream was joined ends it', async () => {
    const [client, a] = await pair();
    const [b, runtime] = await pair();
    runtime.resume();
    client.resetAndDestroy();
    a.resume();
    await until(() => a.closed);
    await relays.join(a, b);
    await until(() => runtime.destroyed);
  });

  test('flows no faster than it is taken', async () => {
    const { client, runtime, b } = await joined();
    const block = Buffer.alloc(65_536);
    let sent = 0;
    while (sent < 64 * 2 ** 20 && runtime.write(block)) sent += block.length;
    await until(() => runtime.writableLength > 0);
    // until the client reads, what was sent lies in the kernel's buffers and a bounded rest here
    const held = () => b.readableLength;
    assert.ok(held() < 2 ** 20, `${held()} bytes are held`);
    let got = 0;
    client.on('data', (bytes) => {
      got += bytes.length;
    });
    runtime.end();
    await once(client, 'end');
    assert.ok(got >= sent);
  });

  test('ends when no byte has come for hours, and not while bytes come', async () => {
    const { client, runtime, done, state } = await joined();
    client.resume();
    runtime.resume();
    for (let hour = 0; hour < 6; hour++) {
      runtime.write('x');
      await until(() => client.bytesRead === hour + 1);
      clock.advance(3_600_000);
    }
    assert.equal(state.over, false);
    clock.advance(14_400_000);
    await done;
    assert.ok(clock.pending === 0);
  });

  test('half ended and silent, it goes after a minute', async () => {
    const { client, runtime, done, a } = await joined();
    runtime.resume();
    client.end();
    await until(() => a.readableEnded);
    clock.advance(120_000);
    await done;
  });

  test('the end of a side without half-close takes the other side with it, once it has heard all', async () => {
    const [client, a] = duplexPair({ allowHalfOpen: false });
    const [b, runtime] = await pair();
    client.resume();
    const done = relays.join(a, b);
    client.end('the last words');
    assert.equal(await all(runtime), 'the last words');
    await done;
    await until(() => b.destroyed);
  });

  test('one that breaks touches no other', async () => {
    const one = await joined();
    const two = await joined();
    one.runtime.resetAndDestroy();
    await one.done;
    two.runtime.end('still here');
    two.client.end();
    assert.equal(await all(two.client), 'still here');
    await two.done;
  });
});
