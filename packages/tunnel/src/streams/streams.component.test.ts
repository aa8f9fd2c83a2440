import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, systemClock } from '@kubeedge-ts/runtime';
import { createTcpLink } from '@kubeedge-ts/viaduct/testing';
import { createTunnelBench, until } from '../testing/tunnels.ts';

const MIB = 1_048_576;

const echo = (stream: Duplex): void => {
  stream.pipe(stream);
};
/** Writes until so many bytes are on their way, or as long as the other side takes them. */
function pour(stream: Duplex, bytes: number): { readonly written: number } {
  const chunk = Buffer.alloc(65_536, 'x');
  const state = { written: 0 };
  const pump = (): void => {
    while (state.written < bytes && !stream.destroyed) {
      state.written += chunk.length;
      if (!stream.write(chunk)) return;
    }
    if (!stream.writableEnded) stream.end();
  };
  stream.on('drain', pump);
  pump();
  return state;
}
/** To its end; the consumers of `node:stream` would destroy it then. */
async function buffer(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}
const text = async (stream: Duplex): Promise<string> => (await buffer(stream)).toString();
const failure = async (stream: Duplex): Promise<unknown> => {
  const [error] = await once(stream, 'error');
  return error;
};
const failsWith = (code: string) => (error: unknown) => isKubeEdgeError(error, code);

describe('a stream of the tunnel between ends of ours', () => {
  test('carries bytes both ways, the first of them before the edge has answered', async (t) => {
    const { cloud } = await (await createTunnelBench(t)).pair({ onStream: echo });
    const stream = cloud.open();
    stream.write('GET / ');
    stream.end('HTTP/1.1');
    assert.equal(await text(stream), 'GET / HTTP/1.1');
    await until(() => cloud.openStreams === 0);
  });

  test('that is ended by the cloud still hears the edge, and the other way round', async (t) => {
    const bench = await createTunnelBench(t);
    const { cloud } = await bench.pair();
    const stream = cloud.open();
    stream.end('question');
    await until(() => bench.served.length === 1);
    const far = bench.served[0] as Duplex;
    assert.equal(await text(far), 'question');
    far.write('an');
    far.end('swer');
    assert.equal(await text(stream), 'answer');

    const second = cloud.open();
    await until(() => bench.served.length === 2);
    const farSecond = bench.served[1] as Duplex;
    farSecond.end('greeting');
    assert.equal(await text(second), 'greeting');
    second.write('late ');
    second.end('words');
    assert.equal(await text(farSecond), 'late words');
    await until(() => stream.closed && far.closed && second.closed && farSecond.closed);
    for (const one of [stream, far, second, farSecond]) assert.equal(one.errored, null);
  });

  test('that is reset by one end fails at the other, and is not taken for ended', async (t) => {
    const bench = await createTunnelBench(t);
    const { cloud } = await bench.pair();
    for (const [index, fromCloud] of [true, false].entries()) {
      const near = cloud.open();
      near.write('x');
      await until(() => bench.served.length === index + 1);
      const far = bench.served[index] as Duplex;
      const [dying, living] = fromCloud ? [near, far] : [far, near];
      let ended = false;
      living.on('end', () => {
        ended = true;
      });
      living.resume();
      const failed = failure(living);
      dying.destroy();
      assert.ok(failsWith('TUNNEL_STREAM_RESET')(await failed));
      assert.equal(ended, false);
    }
    await until(() => cloud.openStreams === 0);
  });

  test('whose writer leaves at once is read to its end first', async (t) => {
    const { cloud } = await (await createTunnelBench(t)).pair({
      onStream(stream) {
        stream.end(Buffer.alloc(300_000, 'y'), () => stream.destroy());
      },
    });
    const stream = cloud.open();
    stream.write('the edge does not read this');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal((await buffer(stream)).length, 300_000);
    await until(() => stream.closed);
    assert.equal(stream.errored, null);
  });

  test('that is over before anybody reads it is read all the same', { timeout: 10_000 }, async (t) => {
    const { cloud } = await (await createTunnelBench(t)).pair({
      onStream(stream) {
        stream.end(Buffer.alloc(10_000, 'y'), () => stream.destroy());
      },
    });
    const stream = cloud.open();
    await until(() => cloud.openStreams === 0);
    assert.equal((await buffer(stream)).length, 10_000);
    await until(() => stream.closed);
    assert.equal(stream.errored, null);
  });

  test('that nobody reads holds its writer back, and no other stream', async (t) => {
    const poured: { readonly written: number }[] = [];
    const bench = await createTunnelBench(t);
    const { cloud } = await bench.pair({
      onStream(stream) {
        if (poured.length < 16) {
          stream.resume();
          poured.push(pour(stream, 64 * MIB));
        } else echo(stream);
      },
    });
    // more of them than fit into the window of the session
    const stalled = Array.from({ length: 16 }, () => cloud.open());
    await until(() => poured.length === 16 && poured.every(({ written }) => written >= MIB / 2));
    for (let round = 0; round < 3; round += 1) {
      const live = cloud.open();
      pour(live, 8 * MIB);
      assert.equal((await buffer(live)).length, 8 * MIB);
    }
    // a window, and what both ends hold of it
    for (const { written } of poured) assert.ok(written <= MIB, `${written} bytes were taken`);
    const first = stalled[0] as Duplex;
    assert.equal((await buffer(first)).length, 64 * MIB);
    for (const stream of stalled) stream.destroy();
    await until(() => cloud.openStreams === 0);
  });

  test('that the edge cannot serve fails alone', async (t) => {
    let first = true;
    const { cloud } = await (await createTunnelBench(t)).pair({
      onStream(stream) {
        if (!first) return echo(stream);
        first = false;
        throw new Error('out of order');
      },
    });
    assert.ok(failsWith('TUNNEL_STREAM_RESET')(await failure(cloud.open())));
    const stream = cloud.open();
    stream.end('fine');
    assert.equal(await text(stream), 'fine');
  });

  test('does not open beyond 256 at a time', async (t) => {
    const bench = await createTunnelBench(t);
    const { cloud, edge } = await bench.pair();
    const streams = Array.from({ length: 256 }, () => cloud.open());
    await until(() => bench.served.length === 256);
    assert.equal(edge.openStreams, 256);
    assert.throws(() => cloud.open(), failsWith('TUNNEL_BUSY'));
    streams[0]?.destroy();
    await until(() => cloud.openStreams === 255);
    const another = cloud.open();
    await until(() => bench.served.length === 257);
    bench.served[256]?.end('here');
    assert.equal(await text(another), 'here');
  });

  test('may be cut off in the middle a thousand times: the tunnel stays', async (t) => {
    const { cloud } = await (await createTunnelBench(t)).pair({
      onStream(stream) {
        stream.resume();
        pour(stream, 16 * MIB);
      },
    });
    for (let round = 0; round < 10; round += 1) {
      const streams = Array.from({ length: 100 }, () => cloud.open());
      await Promise.all(
        streams.map(async (stream) => {
          pour(stream, MIB);
          await once(stream, 'data');
          stream.destroy();
        }),
      );
      await until(() => cloud.openStreams === 0);
    }
    const last = cloud.open();
    last.end();
    assert.equal((await buffer(last)).length, 16 * MIB);
  });

  test('leaves nothing behind: five hundred of them, and five hundred more', async (t) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { cloud, edge } = await (await createTunnelBench(t)).pair({ onStream: echo });
    const run = async (): Promise<number> => {
      for (let count = 0; count < 500; count += 1) {
        const stream = cloud.open();
        stream.end(`message ${count}`);
        assert.equal(await text(stream), `message ${count}`);
      }
      await until(() => cloud.openStreams + edge.openStreams === 0);
      // what is over is let go of in later turns, and by a second collection
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      collect();
      await new Promise((resolve) => setImmediate(resolve));
      collect();
      return process.memoryUsage().heapUsed;
    };
    await run();
    const before = await run();
    const after = await run();
    assert.ok(after - before < MIB / 4, `${after - before} bytes more after 500 streams`);
  });
});

describe('the end of the tunnel', () => {
  test('is told with its reason to the other end, and fails every stream', async (t) => {
    const bench = await createTunnelBench(t);
    for (const [index, byCloud] of [true, false].entries()) {
      const { cloud, edge } = await bench.pair();
      const near = cloud.open();
      near.write('x');
      await until(() => bench.served.length === index + 1);
      const far = bench.served[index] as Duplex;
      far.resume();
      near.resume();
      const failures = Promise.all([failure(near), failure(far)]);
      (byCloud ? cloud : edge).close('gone fishing');
      for (const error of await failures) {
        assert.ok(failsWith('TUNNEL_CLOSED')(error), String(error));
        assert.match(String(error), /gone fishing/);
      }
      assert.equal(await cloud.closed, 'gone fishing');
      assert.equal(await edge.closed, 'gone fishing');
      assert.throws(() => cloud.open(), failsWith('TUNNEL_CLOSED'));
    }
  });

  test('by a broken connection ends all streams of both ends with an error', async (t) => {
    const bench = await createTunnelBench(t);
    const link = await createTcpLink(bench.server.port);
    t.after(() => link.close());
    const { cloud, edge } = await bench.pair({ url: `127.0.0.1:${link.port}` });
    const near = Array.from({ length: 20 }, () => cloud.open());
    for (const stream of near) pour(stream, 4 * MIB);
    await until(() => bench.served.length === 20);
    const failures = Promise.all([...near, ...bench.served].map(failure));
    link.reset();
    for (const error of await failures) assert.ok(failsWith('TUNNEL_CLOSED')(error), String(error));
    await Promise.all([cloud.closed, edge.closed]);
    assert.throws(() => cloud.open(), failsWith('TUNNEL_CLOSED'));
    assert.equal(cloud.openStreams + edge.openStreams, 0);
  });

  test('comes after 45 s without a sign of life of the other end', async (t) => {
    const bench = await createTunnelBench(t);
    const link = await createTcpLink(bench.server.port);
    t.after(() => link.close());
    const { clock, advance } = testClock();
    const { cloud, edge } = await bench.pair({ url: `127.0.0.1:${link.port}`, clock });
    let seen = 0;
    for (let minute = 0; minute < 8; minute += 1) {
      // the cloud answers each ping
      advance(15_000);
      const stream = cloud.open();
      stream.destroy();
      seen += 1;
      await until(() => bench.served.length >= seen);
    }
    link.blackhole();
    for (let step = 0; step < 4; step += 1) advance(15_000);
    assert.equal(await edge.closed, 'the other end fell silent');
    cloud.close('over');
  });
});

function testClock(): { readonly clock: Clock; advance(ms: number): void } {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly task: () => void }>();
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after(ms, task) {
      // the grace of a close and the deadline of a handshake are real
      if (ms === 1_000 || ms === 10_000) return systemClock.after(ms, task);
      const timer = { at: now + ms, task };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const advance = (ms: number): void => {
    now += ms;
    for (const timer of [...timers].filter(({ at }) => at <= now)) {
      timers.delete(timer);
      timer.task();
    }
  };
  return { clock, advance };
}
