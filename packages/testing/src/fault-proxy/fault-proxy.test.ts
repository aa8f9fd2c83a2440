import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type FaultProxy, startFaultProxy } from './index.ts';

let echo: Server;
let behind: Socket[];
let proxy: FaultProxy;
let clients: Socket[];

const startProxy = async (options: Partial<Parameters<typeof startFaultProxy>[0]> = {}): Promise<void> => {
  proxy = await startFaultProxy({
    target: { port: (echo.address() as AddressInfo).port },
    seed: 1,
    ...options,
  });
};

/** A client of the proxy, what it has received, and how it ended. */
async function dial() {
  const socket = connect(proxy.port, proxy.host);
  clients.push(socket);
  const client = { socket, text: '', ended: '' };
  socket.on('data', (bytes) => {
    client.text += bytes;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    client.ended = error.code ?? 'error';
  });
  socket.on('end', () => {
    client.ended ||= 'end';
  });
  await until('an answer', () => !socket.connecting);
  return client;
}

async function until(what: string, look: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5_000; !look(); ) {
    if (Date.now() > deadline) throw new Error(`not reached: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('the fault proxy', () => {
  beforeEach(async () => {
    behind = [];
    clients = [];
    echo = createServer({ allowHalfOpen: true }, (socket) => {
      behind.push(socket);
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await proxy.close();
    for (const socket of [...clients, ...behind]) socket.destroy();
    echo.close();
  });

  test('without faults it is a wire: bytes in order, ends included', async () => {
    await startProxy();
    const client = await dial();
    const sent = 'x'.repeat(100_000) + 'end';
    client.socket.end(sent);
    await until('the end', () => client.ended === 'end');
    assert.equal(client.text, sent);
    await until('nothing is left', () => proxy.connections === 0);
    assert.equal(proxy.accepted, 1);
  });

  test('latency counts each way, and jitter never changes the order', async () => {
    await startProxy({ faults: { latencyMs: 40, jitterMs: 30 } });
    const client = await dial();
    const asked = performance.now();
    for (let word = 0; word < 50; word++) {
      client.socket.write(`${word};`);
      await pause(1);
    }
    await until('all is back', () => client.text.endsWith('49;'));
    assert.ok(performance.now() - asked >= 80);
    assert.equal(client.text, Array.from({ length: 50 }, (_, word) => `${word};`).join(''));
  });

  test('bandwidth is kept each way', async () => {
    await startProxy({ faults: { bytesPerSecond: 200_000 } });
    const client = await dial();
    const asked = performance.now();
    client.socket.write('x'.repeat(40_000));
    await until('all is back', () => client.text.length === 40_000);
    const took = performance.now() - asked;
    assert.ok(took >= 190 && took < 2_000, `${took} ms`);
  });

  test('a reader that does not read slows the sender; memory stays bounded', async () => {
    await startProxy({ faults: { blackhole: true } });
    const { socket } = await dial();
    const limit = 64 * 1024 * 1024;
    const chunk = Buffer.alloc(64 * 1024);
    let moved = performance.now();
    const pump = (): void => {
      moved = performance.now();
      while (socket.bytesWritten < limit && socket.write(chunk));
    };
    socket.on('drain', pump);
    pump();
    await until('nothing moves', () => performance.now() - moved > 200);
    assert.ok(socket.bytesWritten < limit / 2, `${socket.bytesWritten} bytes`);
    assert.ok(socket.writableLength > 0);
  });

  test('a black hole holds what is sent, and lets it go on when it ends', async () => {
    await startProxy();
    const client = await dial();
    client.socket.write('one');
    await until('one', () => client.text === 'one');
    proxy.set({ blackhole: true });
    client.socket.write('two');
    const late = await dial();
    late.socket.write('late');
    await pause(60);
    assert.deepEqual([client.text, client.ended, late.text], ['one', '', '']);
    proxy.heal();
    await until('two', () => client.text === 'onetwo' && late.text === 'late');
  });

  test('a reset is seen on both sides at once', async () => {
    await startProxy();
    const client = await dial();
    client.socket.write('x');
    await until('it is open', () => client.text === 'x');
    proxy.reset();
    await until('the client knows', () => client.ended === 'ECONNRESET');
    await until('the server knows', () => behind[0]?.destroyed === true);
    const next = await dial();
    next.socket.write('y');
    await until('the next one works', () => next.text === 'y');
  });

  test('a side that is abandoned hears nothing more, and its bytes go nowhere', async () => {
    await startProxy();
    const client = await dial();
    client.socket.write('x');
    await until('it is open', () => client.text === 'x');
    proxy.abandon('client');
    await until(
      'the server is gone',
      () => behind[0]?.readableEnded === true || behind[0]?.destroyed === true,
    );
    client.socket.write('y');
    await pause(60);
    assert.deepEqual([client.text, client.ended, client.socket.destroyed], ['x', '', false]);
    assert.equal(proxy.connections, 1);
  });

  test('both sides of a silent connection hear nothing more, and nothing of each other’s end; a new one works', async () => {
    await startProxy();
    const client = await dial();
    client.socket.write('x');
    await until('it is open', () => client.text === 'x');
    proxy.silence();
    client.socket.write('y');
    behind[0]?.write('z');
    await pause(60);
    assert.deepEqual([client.text, client.ended, client.socket.destroyed], ['x', '', false]);
    behind[0]?.destroy();
    await pause(60);
    assert.deepEqual([client.ended, client.socket.destroyed], ['', false]);
    const next = await dial();
    next.socket.write('y');
    await until('the next one works', () => next.text === 'y');
    proxy.reset();
    await until('silent ones can be reset', () => client.ended === 'ECONNRESET');
  });

  test('open connections are reset after so many more bytes, not before', async () => {
    await startProxy();
    const client = await dial();
    client.socket.write('x');
    await until('it is open', () => client.text === 'x');
    proxy.resetAfter(10);
    client.socket.write('12345');
    await until('there and back', () => client.text === 'x12345');
    assert.equal(client.ended, '');
    client.socket.write('6');
    await until('reset', () => client.ended === 'ECONNRESET');
  });

  test('new connections are refused while it is told to', async () => {
    await startProxy({ faults: { refuse: true } });
    const client = await dial();
    await until('reset', () => client.ended === 'ECONNRESET');
    proxy.heal();
    const next = await dial();
    next.socket.write('y');
    await until('the next one works', () => next.text === 'y');
  });

  test('resets by chance come after the same bytes for the same seed, and others for another', async () => {
    const carried = async (seed: number): Promise<number[]> => {
      await startProxy({ seed, faults: { resetAfter: { min: 100, max: 5_000 } } });
      const counts: number[] = [];
      for (let connection = 0; connection < 3; connection++) {
        const client = await dial();
        let count = 0;
        while (client.ended === '') {
          client.socket.write('x'.repeat(100));
          count += 1;
          const back = count * 100;
          await until('an echo or the end', () => client.text.length >= back || client.ended !== '');
        }
        counts.push(count);
      }
      await proxy.close();
      return counts;
    };
    const first = await carried(7);
    assert.deepEqual(await carried(7), first);
    assert.notDeepEqual(await carried(8), first);
    assert.ok(new Set(first).size > 1);
  });

  test('a server that is not there resets the client; the target is asked for anew each time', async () => {
    let port = 1;
    await startProxy({ target: () => ({ port }) });
    const client = await dial();
    await until('reset', () => client.ended !== '');
    port = (echo.address() as AddressInfo).port;
    const next = await dial();
    next.socket.write('y');
    await until('the next one works', () => next.text === 'y');
  });
});
