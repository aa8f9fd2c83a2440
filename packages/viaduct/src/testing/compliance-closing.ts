import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { deferred, systemClock } from '@kubeedge-ts/runtime';
import { UNRESPONSIVE_CODE, watchLiveness } from '../keepalive.ts';
import { createConnectionRegistry, REPLACED_CODE } from '../registry.ts';
import { collect, createBench, type TransportUnderTest, until } from './harness.ts';

type Subject = () => Promise<TransportUnderTest>;
const isClosed = (error: unknown): boolean => isKubeEdgeError(error, 'VIADUCT_CLOSED');

/** How connections end, and who learns what. */
export function closingPromises(subject: Subject): void {
  it('both ends learn code and reason of a close, and who closed', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair();
    collect(client);
    collect(server);
    server.close(4010, 'because');
    server.close(1000, 'ignored');
    assert.deepEqual(await server.closed, { code: 4010, reason: 'because', local: true });
    assert.deepEqual(await client.closed, { code: 4010, reason: 'because', local: false });
    await assert.rejects(client.send('late'), isClosed);
    await assert.rejects(server.send('late'), isClosed);
    await assert.rejects(client.ping(), isClosed);
  });

  it('a close is not held up by a peer that never started to read', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair();
    client.close(1000, 'done');
    assert.equal((await client.closed).local, true);
    server.close();
    await server.closed;
  });

  it('nothing is handed to the handler after close', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair();
    const gate = deferred();
    const seen: string[] = [];
    server.start(async (text) => {
      seen.push(text);
      await gate.promise;
    });
    for (let i = 0; i < 20; i++) await client.send(String(i));
    await until(() => seen.length === 1);
    server.close();
    gate.resolve();
    await server.closed;
    assert.deepEqual(seen, ['0']);
  });

  it('a handler that fails closes its connection and no other', async (t) => {
    const bench = await createBench(t, await subject());
    const bad = await bench.pair('edge-1');
    const good = await bench.pair('edge-2');
    bad.server.start(() => {
      throw new Error('on purpose');
    });
    const seen = collect(good.server);
    collect(bad.client);
    await bad.client.send('x');
    assert.equal((await bad.client.closed).code, 1011);
    await good.client.send('y');
    await until(() => seen.length === 1);
  });

  it('a reset link ends both ends, neither of which closed', async (t) => {
    const bench = await createBench(t, await subject());
    const link = await bench.link();
    const { client, server } = await bench.pair('edge-1', { port: link.port });
    collect(client);
    collect(server);
    link.reset();
    const reasons = await Promise.all([client.closed, server.closed]);
    assert.deepEqual(
      reasons.map(({ code, local }) => ({ code, local })),
      [
        { code: 1006, local: false },
        { code: 1006, local: false },
      ],
    );
  });

  it('a half-open link is found by a ping that nobody answers', async (t) => {
    const bench = await createBench(t, await subject());
    const link = await bench.link();
    const { client, server } = await bench.pair('edge-1', { port: link.port });
    collect(client);
    collect(server);
    await server.ping(AbortSignal.timeout(10_000));
    const watching = watchLiveness(server, { clock: systemClock, intervalMs: 20, timeoutMs: 300 });
    link.blackhole();
    const aborted = await client.ping(AbortSignal.timeout(50)).then(
      () => 'answered',
      (error: Error) => error.name,
    );
    assert.equal(aborted, 'TimeoutError');
    assert.equal((await server.closed).code, UNRESPONSIVE_CODE);
    await watching;
  });

  it('liveness is not lost on a link that answers', async (t) => {
    const bench = await createBench(t, await subject());
    const { client, server } = await bench.pair();
    collect(client);
    collect(server);
    let pings = 0;
    const counted = { ...server, closed: server.closed, ping: () => server.ping().then(() => void pings++) };
    const watching = watchLiveness(counted, { clock: systemClock, intervalMs: 1, timeoutMs: 10_000 });
    await until(() => pings >= 5);
    client.close();
    await watching;
  });

  it('a second connection of the same node replaces the first at once', async (t) => {
    const bench = await createBench(t, await subject());
    const registry = createConnectionRegistry();
    const link = await bench.link();
    const old = await bench.pair('edge-1', { port: link.port });
    const seen = collect(old.server);
    collect(old.client);
    const first = registry.add(old.server);
    await old.client.send('before');
    await until(() => seen.length === 1);
    // The node's first link is dead without anybody having been told.
    link.blackhole();
    const fresh = await bench.pair('edge-1');
    const second = registry.add(fresh.server);
    assert.equal(second.replaced, old.server);
    assert.ok(second.epoch > first.epoch);
    assert.equal(registry.get('edge-1')?.connection, fresh.server);
    assert.equal(registry.isCurrent('edge-1', first.epoch), false);
    await assert.rejects(old.server.send('x'), isClosed);
    assert.equal((await old.server.closed).code, REPLACED_CODE);
    assert.equal(registry.get('edge-1')?.connection, fresh.server, 'the end of the old one changes nothing');
    const answers = collect(fresh.client);
    collect(fresh.server);
    await fresh.server.send('hello');
    await until(() => answers.length === 1);
    fresh.client.close();
    await until(() => registry.size === 0);
  });

  it('closing the server ends every connection and frees the port', async (t) => {
    const tested = await subject();
    const bench = await createBench(t, tested);
    const { client } = await bench.pair();
    collect(client);
    const { port } = bench.server;
    await bench.server.close();
    assert.equal((await client.closed).code, 1001);
    await assert.rejects(bench.dial('edge-1', { port }), (error) =>
      isKubeEdgeError(error, 'VIADUCT_UNREACHABLE'),
    );
  });
}
