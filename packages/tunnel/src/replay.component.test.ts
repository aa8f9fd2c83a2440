import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { dialTunnel } from './edge/dial.ts';
import { connectTypeOf, decodeConnectBody } from './frames/connect-body.ts';
import { FRAME } from './frames/frame.ts';
import { readRecordedTunnel, saidOf } from './testing/recording.ts';
import { createTunnelBench, testCredentials, until } from './testing/tunnels.ts';
import { dialAsUpstreamEdge, listenAsUpstreamCloud } from './testing/upstream.ts';

const { headers, frames } = readRecordedTunnel();
const byCloud = frames.filter(({ from }) => from === 'cloud');
const byEdge = frames.filter(({ from }) => from === 'edge');
const ids = [...new Set(frames.map(({ connectId }) => connectId))];

test('the recording holds what it is read for', () => {
  assert.deepEqual(ids, [7, 8]);
  assert.deepEqual(
    ids.map((id) => saidOf(byCloud, id).connect?.type),
    [FRAME.logsConnect, FRAME.execConnect],
  );
  assert.match(saidOf(byEdge, 8).data, /^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*uid=0 gid=0/);
});

test('an upstream edge that does as recorded hears from our cloud what it heard from upstream’s', async (t) => {
  let id = (ids[0] ?? 1) - 1;
  const bench = await createTunnelBench(t, {
    nextConnectId: () => {
      id += 1;
      return id;
    },
    // the recorded edge has another name than the one there is a certificate for
    admission: () => ({ accept: true }),
  });
  const edge = await dialAsUpstreamEdge(bench.server.port, bench.credentials.clientTls('edge-a'), {
    SessionHostNameOverride: headers['sessionhostnameoverride'] ?? '',
    SessionInternalIP: headers['sessioninternalip'] ?? '',
  });
  await until(() => bench.accepted.length === 1);
  const tunnel = bench.accepted[0];
  if (tunnel?.kind !== 'frames') return assert.fail('not a tunnel of frames');
  assert.deepEqual([tunnel.nodeName, tunnel.internalIp], ['edge-go', '192.0.2.10']);

  for (const connectId of ids) {
    const opening = byCloud.find((frame) => frame.connectId === connectId);
    const type = connectTypeOf(opening?.type ?? -1);
    if (opening === undefined || type === undefined) return assert.fail('the recording has changed');
    const stream = tunnel.connect(type, decodeConnectBody(opening.data));
    let heard = '';
    stream.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
    });
    // as the API server and kubectl spoke, and the edge answered, in the order they did
    for (const { from, type, data } of frames.filter((frame) => frame.connectId === connectId)) {
      if (from === 'edge') edge.send(connectId, type, data);
      else if (type === FRAME.data) stream.write(data);
    }
    const answered = saidOf(byEdge, connectId);
    await until(() => heard.length === answered.data.length);
    assert.equal(heard, answered.data);
    if (!answered.removed) stream.end();
    await until(() => stream.closed);
  }
  const expected = ids.map((connectId) => saidOf(byCloud, connectId));
  await until(() => saidOf(edge.heard, 8).removed && saidOf(edge.heard, 8).data === expected[1]?.data);
  assert.deepEqual(
    ids.map((connectId) => saidOf(edge.heard, connectId)),
    expected,
  );
  assert.ok(edge.opcodes.every((opcode) => opcode === 'text'));
});

test('an upstream cloud that does as recorded hears from our edge what it heard from upstream’s', async (t) => {
  const { serverTls, clientTls } = await testCredentials();
  const server = await listenAsUpstreamCloud(serverTls);
  t.after(() => server.close());
  const streams: Duplex[] = [];
  const edge = await dialTunnel({
    url: `127.0.0.1:${server.port}`,
    tls: clientTls('edge-a'),
    nodeName: 'edge-a',
    internalIp: '192.0.2.10',
    handshakeTimeoutMs: 10_000,
    clock: systemClock,
    log: silentLogger,
    onStream: () => assert.fail('no stream of ours is expected here'),
    onConnect: (_type, _request, stream) => streams.push(stream),
  });
  t.after(() => edge.close('the test is over'));
  const cloud = server.edges[0]?.end;
  if (cloud === undefined) return assert.fail('the edge is not there');

  for (const [index, connectId] of ids.entries()) {
    const own = frames.filter((frame) => frame.connectId === connectId);
    let heard = '';
    for (const { from, type, data } of own) {
      if (from === 'cloud') {
        cloud.send(connectId, type, data);
        continue;
      }
      await until(() => streams.length === index + 1);
      const stream = streams[index] as Duplex;
      if (stream.listenerCount('data') === 0)
        stream.on('data', (chunk: Buffer) => {
          heard += chunk.toString('latin1');
        });
      if (type === FRAME.data) stream.write(data);
      else if (!stream.writableEnded) stream.end();
    }
    const stream = streams[index] as Duplex;
    if (!stream.closed) await once(stream, 'close');
    assert.equal(heard, saidOf(byCloud, connectId).data);
  }
  const expected = ids.map((connectId) => saidOf(byEdge, connectId));
  await until(() => saidOf(cloud.heard, 7).removed);
  assert.deepEqual(
    ids.map((connectId) => saidOf(cloud.heard, connectId)),
    expected,
  );
});
