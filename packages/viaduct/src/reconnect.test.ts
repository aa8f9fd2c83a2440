import assert from 'node:assert/strict';
import { it } from 'node:test';
import { viaductErrors } from '@kubeedge-ts/errors';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { deferred, seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { type ReconnectOptions, reconnect } from './reconnect.ts';
import type { CloseReason, Connection } from './types.ts';

function fakeConnection(id: string): Connection & { end(): void } {
  const closed = deferred<CloseReason>();
  const finish = (code: number, local: boolean): void => closed.resolve({ code, reason: '', local });
  return {
    id,
    peer: {
      nodeName: 'edge-1',
      projectId: 'p',
      commonName: '',
      organization: '',
      remoteAddress: '',
      headers: {},
    },
    start: () => undefined,
    send: async () => undefined,
    ping: async () => undefined,
    bufferedBytes: 0,
    close: (code = 1000) => finish(code, true),
    closed: closed.promise,
    end: () => finish(1006, false),
  };
}

function scene(dial: (attempt: number) => Promise<Connection>, changes: Partial<ReconnectOptions> = {}) {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const attempts: number[] = [];
  const done = reconnect({
    dial: () => {
      attempts.push(clock.monotonic());
      return dial(attempts.length);
    },
    onConnection: () => undefined,
    clock,
    random: seededRandom(7),
    log: silentLogger,
    signal: stop.signal,
    ...changes,
  });
  const gaps = (): number[] => attempts.slice(1).map((at, i) => at - (attempts[i] ?? 0));
  return { clock, stop, attempts, gaps, done };
}

const unreachable = async (): Promise<never> => {
  throw viaductErrors.create('VIADUCT_UNREACHABLE', { url: 'wss://cloud', problem: 'ECONNREFUSED' });
};

it('a cloud that is away is dialled for ever: first after at most 1 s, then up to 30 s, jittered', async () => {
  const { clock, stop, attempts, gaps, done } = scene(unreachable);
  await clock.advance(3_600_000);
  assert.ok((gaps()[0] ?? 0) <= 1_000);
  assert.ok(attempts.length > 120, `${attempts.length} attempts in an hour`);
  const late = gaps().slice(10);
  assert.ok(late.every((gap) => gap >= 15_000 && gap <= 30_000));
  assert.ok(new Set(late).size > late.length / 2, 'the pauses differ');
  stop.abort();
  await done;
});

it('after a connection that lived the first retry comes within 1 s again', async () => {
  let current: ReturnType<typeof fakeConnection> | undefined;
  const { clock, stop, attempts, gaps, done } = scene((attempt) => {
    if (attempt < 6) return unreachable();
    current = fakeConnection(String(attempt));
    return Promise.resolve(current);
  });
  await clock.advance(120_000);
  assert.equal(attempts.length, 6);
  current?.end();
  await clock.advance(1_000);
  assert.equal(attempts.length, 7);
  assert.ok((gaps().at(-1) ?? 0) > 1_000, 'the connection stood for a while');
  stop.abort();
  await done;
});

it('two nodes of one name that replace each other slow down', async () => {
  const { clock, stop, attempts, done } = scene(async (attempt) => {
    const connection = fakeConnection(String(attempt));
    connection.end();
    return connection;
  });
  await clock.advance(300_000);
  assert.ok(attempts.length < 30, `${attempts.length} connections in five minutes`);
  stop.abort();
  await done;
});

it('a connection that cannot be set up is closed and dialled again', async () => {
  const connections: ReturnType<typeof fakeConnection>[] = [];
  const { clock, stop, done } = scene(
    async (attempt) => {
      const connection = fakeConnection(String(attempt));
      connections.push(connection);
      return connection;
    },
    {
      onConnection: (connection) => {
        if (connection.id === '1') throw new Error('on purpose');
      },
    },
  );
  await clock.advance(1_000);
  assert.equal((await connections[0]?.closed)?.code, 1011);
  assert.equal(connections.length, 2);
  stop.abort();
  await done;
});

it('an abort closes the connection, cancels the pause and ends the loop', async () => {
  const connection = fakeConnection('1');
  const alive = scene(async () => connection);
  await alive.clock.advance(10);
  alive.stop.abort();
  await alive.done;
  assert.equal((await connection.closed).code, 1001);
  const pausing = scene(unreachable);
  await pausing.clock.advance(10);
  pausing.stop.abort();
  await pausing.done;
  assert.equal(pausing.attempts.length, 1);
  assert.equal(pausing.clock.pending, 0);
});
