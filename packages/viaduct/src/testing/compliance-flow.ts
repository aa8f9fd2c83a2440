import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { deferred } from '@kubeedge-ts/runtime';
import { collect, createBench, MIB, type TransportUnderTest, until } from './harness.ts';

type Subject = () => Promise<TransportUnderTest>;

/** Frames: order, size, back-pressure, receipt. */
export function flowPromises(subject: Subject): void {
  it('frames arrive once, whole and in order, in both directions at the same time', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair();
    const frames = Array.from({ length: 5_000 }, (_, i) => `${i}:${'x'.repeat((i * 37) % 3_000)}`);
    const [up, down] = [collect(server), collect(client)];
    const sendAll = async (send: (text: string) => Promise<void>): Promise<void> => {
      for (const frame of frames) await send(frame);
    };
    await Promise.all([sendAll(client.send), sendAll(server.send)]);
    await until(() => up.length >= frames.length && down.length >= frames.length);
    assert.deepEqual(up, frames);
    assert.deepEqual(down, frames);
  });

  it('order holds for a handler that takes its time over some frames', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair();
    const seen: string[] = [];
    let running = 0;
    server.start(async (text) => {
      running += 1;
      assert.equal(running, 1, 'one frame at a time');
      if (Number(text) % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      seen.push(text);
      running -= 1;
    });
    for (let i = 0; i < 1_000; i++) await client.send(String(i));
    await until(() => seen.length === 1_000);
    assert.deepEqual(
      seen,
      Array.from({ length: 1_000 }, (_, i) => String(i)),
    );
  });

  it('an empty frame and any Unicode text survive', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair();
    const frames = ['', '\u0000', 'grüße 東京 🌍', '{"a":"\u2028"}'];
    const seen = collect(server);
    for (const frame of frames) await client.send(frame);
    await until(() => seen.length === frames.length);
    assert.deepEqual(seen, frames);
  });

  it('a frame of 32 MiB arrives whole in both directions', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair();
    const frame = 'kubeedge'.repeat((32 * MIB) / 8);
    const digest = (text: string | undefined): string =>
      createHash('sha256')
        .update(text ?? '')
        .digest('hex');
    const [up, down] = [collect(server), collect(client)];
    await Promise.all([client.send(frame), server.send(frame)]);
    await until(() => up.length === 1 && down.length === 1);
    assert.equal(digest(up[0]), digest(frame));
    assert.equal(digest(down[0]), digest(frame));
  });

  it('a frame above the limit ends only the connection it came on', async (t) => {
    const bench = await createBench(t, await subject(), { maxFrameBytes: MIB });
    const good = await bench.pair('edge-1');
    const bad = await bench.pair('edge-2');
    const seen = collect(good.server);
    const refused = collect(bad.server);
    collect(bad.client);
    void bad.client.send('x'.repeat(MIB + 1)).catch(() => undefined);
    const reason = await bad.server.closed;
    assert.equal(reason.code, 1009);
    assert.deepEqual(refused, []);
    await good.client.send('still here');
    await until(() => seen.length === 1);
  });

  it('what may be received does not limit what may be sent', async (t) => {
    const bench = await createBench(t, await subject(), { maxFrameBytes: 1_000 });
    const { client, server } = await bench.pair();
    const down = collect(client);
    await server.send('x'.repeat(MIB));
    await until(() => down.length === 1);
  });

  it('send refuses a frame above its own limit and the connection goes on', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair('edge-1', { maxSendBytes: 100 });
    const seen = collect(server);
    await assert.rejects(client.send('x'.repeat(101)), (error) =>
      isKubeEdgeError(error, 'VIADUCT_TOO_LARGE'),
    );
    await client.send('x'.repeat(100));
    await until(() => seen.length === 1);
  });

  it('nothing is read before start, nor while the handler is busy: the sender comes to a halt', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair();
    const frame = 'x'.repeat(64 * 1024);
    const total = 2_000;
    let sent = 0;
    const sending = (async () => {
      for (; sent < total; sent++) await client.send(`${sent} ${frame}`);
    })();
    const stalled = async (): Promise<number> => {
      for (let before = -1; ; ) {
        if (sent === before) return sent;
        before = sent;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    assert.ok((await stalled()) < total / 2, `${sent} frames left the sender before start`);
    const gate = deferred();
    const seen: number[] = [];
    server.start(async (text) => {
      await gate.promise;
      seen.push(Number.parseInt(text, 10));
    });
    assert.ok((await stalled()) < total / 2, `${sent} frames left the sender while the handler was busy`);
    gate.resolve();
    await sending;
    await until(() => seen.length === total);
    assert.deepEqual(
      seen,
      Array.from({ length: total }, (_, i) => i),
    );
  });

  it('a slow reader does not grow memory, even of a sender that does not wait', async (t) => {
    const limit = 4 * MIB;
    const bench = await createBench(t, await subject(), { maxBufferedBytes: limit });
    const { server } = await bench.pair();
    const frame = 'x'.repeat(256 * 1024);
    const outcomes = await Promise.all(
      Array.from({ length: 400 }, () => {
        const pending = server.send(frame);
        // The first ones wait for the reader, who never comes.
        return Promise.race([
          pending.then(
            () => 'sent',
            (error) => (isKubeEdgeError(error, 'VIADUCT_BUFFER_FULL') ? 'full' : String(error)),
          ),
          new Promise((resolve) => setTimeout(resolve, 200, 'waiting')),
        ]);
      }),
    );
    assert.ok(server.bufferedBytes <= limit, `${server.bufferedBytes} bytes are buffered`);
    assert.ok(outcomes.includes('full'));
    assert.deepEqual(
      outcomes.filter((outcome) => !['sent', 'full', 'waiting'].includes(String(outcome))),
      [],
    );
  });

  it('a ping is answered when the peer is done with every frame before it, not earlier', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair();
    const gate = deferred();
    let handled = 0;
    server.start(async () => {
      await gate.promise;
      handled += 1;
    });
    for (let i = 0; i < 10; i++) await client.send(String(i));
    let answered = false;
    collect(client);
    const ping = client.ping().then(() => {
      answered = true;
    });
    await until(() => server.bufferedBytes === 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(answered, false);
    gate.resolve();
    await ping;
    assert.equal(handled, 10);
  });

  it('two hundred connections work side by side', async (t) => {
    const bench = await createBench(t, await subject());
    const clients = await Promise.all(Array.from({ length: 200 }, (_, i) => bench.dial(`edge-${i}`)));
    await until(() => bench.accepted.length === clients.length);
    for (const connection of bench.accepted) {
      connection.start((text) => connection.send(`${connection.peer.nodeName} ${text}`));
    }
    const answers = clients.map(collect);
    await Promise.all(clients.map((client, i) => client.send(String(i))));
    await until(() => answers.every((list) => list.length === 1));
    assert.deepEqual(
      answers.map((list) => list[0]),
      clients.map((_, i) => `edge-${i} ${i}`),
    );
  });
}
