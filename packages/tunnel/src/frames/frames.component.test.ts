import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { systemClock } from '@kubeedge-ts/runtime';
import { createTunnelBench, type TunnelBench, until } from '../testing/tunnels.ts';
import { dialAsUpstreamEdge, type ScriptedEnd } from '../testing/upstream.ts';
import type { FrameTunnel, KubeletRequest } from '../types.ts';
import { FRAME } from './frame.ts';
import { HOLD_MS } from './frame-streams.ts';

const MIB = 1_048_576;
const LOGS: KubeletRequest = { method: 'GET', path: '/containerLogs/ns/pod/c', headers: {} };
const failsWith = (code: string) => (error: unknown) => isKubeEdgeError(error, code);

async function upstreamEdge(
  bench: TunnelBench,
  nodeName = 'edge-a',
): Promise<{ edge: ScriptedEnd; cloud: FrameTunnel }> {
  const before = bench.accepted.length;
  const edge = await dialAsUpstreamEdge(bench.server.port, bench.credentials.clientTls(nodeName), {
    SessionHostNameOverride: nodeName,
    SessionInternalIP: '192.0.2.10',
  });
  await until(() => bench.accepted.length > before);
  const cloud = bench.accepted[before];
  if (cloud?.kind !== 'frames') throw new Error('not the tunnel that was expected');
  return { edge, cloud };
}

async function read(stream: Duplex): Promise<string> {
  let all = '';
  stream.on('data', (chunk: Buffer) => {
    all += chunk.toString('latin1');
  });
  await once(stream, 'end');
  return all;
}
const failure = async (stream: Duplex): Promise<unknown> => (await once(stream, 'error'))[0];

describe('the tunnel of an upstream edge', () => {
  test('carries a request out and its answer back, in text frames', async (t) => {
    const { edge, cloud } = await upstreamEdge(await createTunnelBench(t));
    assert.deepEqual([cloud.nodeName, cloud.internalIp], ['edge-a', '192.0.2.10']);
    const stream = cloud.connect('exec', { ...LOGS, method: 'POST', path: '/exec/ns/pod/c?command=ls' });
    stream.write('in ');
    stream.write(Buffer.from([0, 0xff, 0xc3]));
    await until(() => edge.heard.length >= 2);
    const [opening, ...rest] = edge.heard;
    assert.deepEqual([opening?.connectId, opening?.type], [1, FRAME.execConnect]);
    assert.equal(Buffer.concat(rest.map(({ data }) => data)).toString('latin1'), 'in \0\xff\xc3');
    assert.ok(edge.opcodes.every((opcode) => opcode === 'text'));
    edge.send(1, FRAME.data, Buffer.from([0x80, 0xfe]));
    edge.send(1, FRAME.data, 'out');
    edge.send(1, FRAME.removeConnect);
    assert.equal(await read(stream), '\x80\xfeout');
    await until(() => stream.closed);
    assert.equal(cloud.openStreams, 0);
  });

  test('ends a stream after what was written, once, however it is ended', async (t) => {
    const { edge, cloud } = await upstreamEdge(await createTunnelBench(t));
    const ended = cloud.connect('exec', LOGS);
    ended.end('bye');
    const dropped = cloud.connect('logs', LOGS);
    dropped.destroy();
    const told = cloud.connect('logs', LOGS);
    edge.send(3, FRAME.removeConnect);
    told.resume();
    ended.resume();
    await until(() => ended.closed && dropped.closed && told.closed);
    assert.deepEqual(
      [ended, dropped, told].map(({ errored }) => errored),
      [null, null, null],
    );
    await until(() => edge.heard.filter(({ type }) => type === FRAME.removeConnect).length === 2);
    // one that is still open, to be sure that nothing else was sent before
    cloud.connect('metrics', LOGS);
    await until(() => edge.heard.at(-1)?.type === FRAME.metricConnect);
    const said = (id: number) =>
      edge.heard.filter(({ connectId }) => connectId === id).map(({ type }) => type);
    assert.deepEqual(said(1), [FRAME.execConnect, FRAME.data, FRAME.removeConnect]);
    assert.deepEqual(said(2), [FRAME.logsConnect, FRAME.removeConnect]);
    assert.deepEqual(said(3), [FRAME.logsConnect]);
  });

  test('lets what came before the end be read first', async (t) => {
    const { edge, cloud } = await upstreamEdge(await createTunnelBench(t));
    const stream = cloud.connect('logs', LOGS);
    for (let count = 0; count < 100; count += 1) edge.send(1, FRAME.data, Buffer.alloc(10_000, 'x'));
    edge.send(1, FRAME.removeConnect);
    // the edge's answer to something later: everything has arrived by now
    const later = cloud.connect('logs', LOGS);
    edge.send(2, FRAME.removeConnect);
    await read(later);
    assert.equal((await read(stream)).length, 1_000_000);
  });

  test('ignores frames that mean nothing, and goes on', async (t) => {
    const { edge, cloud } = await upstreamEdge(await createTunnelBench(t));
    const stream = cloud.connect('logs', LOGS);
    edge.sendRaw(Buffer.alloc(0));
    edge.sendRaw(Buffer.from('80808080808080808080808080', 'hex'));
    edge.sendRaw(Buffer.from('null'));
    for (const type of [0, 1, 2, 5, 6, 7, 2 ** 40]) edge.send(1, type, 'x');
    edge.send(99, FRAME.data, 'x');
    edge.send(0, FRAME.removeConnect);
    edge.send(1, FRAME.data, 'fine');
    edge.send(1, FRAME.removeConnect);
    assert.equal(await read(stream), 'fine');
  });

  test('ends the stream of a frame beyond 1 MiB, and itself only beyond what a socket may send', async (t) => {
    const { edge, cloud } = await upstreamEdge(await createTunnelBench(t));
    const [first, second] = [cloud.connect('logs', LOGS), cloud.connect('logs', LOGS)];
    const failed = failure(first);
    edge.send(1, FRAME.data, Buffer.alloc(MIB + 1));
    assert.ok(failsWith('TUNNEL_FRAME_INVALID')(await failed));
    edge.send(2, FRAME.data, Buffer.alloc(MIB, 'x'));
    const [chunk] = (await once(second, 'data')) as [Buffer];
    assert.equal(chunk.length, MIB);
    const lost = failure(second);
    edge.sendRaw(Buffer.alloc(5 * MIB));
    assert.ok(failsWith('TUNNEL_CLOSED')(await lost));
    await cloud.closed;
  });

  test('does not send a request that is too large', async (t) => {
    const { edge, cloud } = await upstreamEdge(await createTunnelBench(t));
    const path = `/exec/ns/pod/c?command=${'x'.repeat(70_000)}`;
    assert.throws(() => cloud.connect('exec', { ...LOGS, path }), failsWith('TUNNEL_REQUEST_INVALID'));
    assert.equal(cloud.openStreams, 0);
    const stream = cloud.connect('logs', LOGS);
    await until(() => edge.heard.length === 1);
    edge.send(edge.heard[0]?.connectId ?? 0, FRAME.removeConnect);
    await read(stream);
  });

  test('takes a stream from a reader that has stopped, and no other', { timeout: 10_000 }, async (t) => {
    const hasty = (ms: number): number => (ms === HOLD_MS ? 1 : ms);
    const clock = {
      ...systemClock,
      after: (ms: number, task: () => void) => systemClock.after(hasty(ms), task),
    };
    const { edge, cloud } = await upstreamEdge(await createTunnelBench(t, { clock }));
    const stuck = cloud.connect('logs', LOGS);
    const live = cloud.connect('logs', LOGS);
    const lost = failure(stuck);
    let heard = 0;
    live.on('data', (chunk: Buffer) => {
      heard += chunk.length;
    });
    const chunk = Buffer.alloc(65_536);
    for (let sent = 0; sent < 20 * MIB; sent += chunk.length) {
      edge.send(1, FRAME.data, chunk);
      edge.send(2, FRAME.data, 'live');
    }
    const error = await lost;
    assert.ok(failsWith('TUNNEL_STREAM_BEHIND')(error), String(error));
    await until(() => heard === (20 * MIB * 4) / 65_536);
    await until(() =>
      edge.heard.some(({ connectId, type }) => connectId === 1 && type === FRAME.removeConnect),
    );
  });

  test('waits for a reader that is merely slow', async (t) => {
    const { edge, cloud } = await upstreamEdge(await createTunnelBench(t));
    const slow = cloud.connect('logs', LOGS);
    const chunk = Buffer.alloc(32_768);
    const total = 48 * MIB;
    for (let sent = 0; sent < total; sent += chunk.length) edge.send(1, FRAME.data, chunk);
    edge.send(1, FRAME.removeConnect);
    let heard = 0;
    slow.on('data', (part: Buffer) => {
      heard += part.length;
      slow.pause();
      setTimeout(() => slow.resume(), 1);
    });
    await once(slow, 'end');
    assert.equal(heard, total);
  });

  test('writes no faster than the edge reads', async (t) => {
    const { edge, cloud } = await upstreamEdge(await createTunnelBench(t));
    const stream = cloud.connect('exec', LOGS);
    await until(() => edge.heard.length === 1);
    edge.pause();
    const chunk = Buffer.alloc(65_536);
    let written = 0;
    let full = false;
    while (!full) {
      full = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), 300);
        stream.write(chunk, () => {
          clearTimeout(timer);
          written += chunk.length;
          resolve(false);
        });
      });
      assert.ok(written < 64 * MIB, 'nothing held the writer back');
    }
    assert.ok(written > 0);
  });

  test('ends its streams with the reason when it ends', async (t) => {
    const bench = await createTunnelBench(t);
    const { edge, cloud } = await upstreamEdge(bench);
    const streams = [cloud.connect('logs', LOGS), cloud.connect('exec', LOGS)];
    const failures = Promise.all(streams.map(failure));
    cloud.close('replaced by a newer one');
    for (const error of await failures) {
      assert.ok(failsWith('TUNNEL_CLOSED')(error));
      assert.match(String(error), /replaced by a newer one/);
    }
    assert.equal(await edge.closed, 'replaced by a newer one');
    assert.equal(await cloud.closed, 'replaced by a newer one');
    assert.throws(() => cloud.connect('logs', LOGS), failsWith('TUNNEL_CLOSED'));

    const next = await upstreamEdge(bench);
    const stream = next.cloud.connect('logs', LOGS);
    const lost = failure(stream);
    next.edge.close();
    assert.ok(failsWith('TUNNEL_CLOSED')(await lost));
    assert.equal(await next.cloud.closed, 'the connection was lost');
  });

  test('does not open more than 256 streams at a time; ids are one count over all tunnels', async (t) => {
    const bench = await createTunnelBench(t);
    const { cloud } = await upstreamEdge(bench);
    const streams = Array.from({ length: 256 }, () => cloud.connect('logs', LOGS));
    assert.throws(() => cloud.connect('logs', LOGS), failsWith('TUNNEL_BUSY'));
    streams[0]?.destroy();
    await until(() => cloud.openStreams === 255);
    const other = await upstreamEdge(bench, 'edge-b');
    other.cloud.connect('logs', LOGS);
    await until(() => other.edge.heard.length === 1);
    assert.equal(other.edge.heard[0]?.connectId, 257);
  });
});
