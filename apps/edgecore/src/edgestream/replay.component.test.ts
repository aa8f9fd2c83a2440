import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import {
  listenAsUpstreamCloud,
  readRecordedTunnel,
  saidOf,
  testCredentials,
} from '@kubeedge-ts/tunnel/testing';
import { until } from '@kubeedge-ts/viaduct/testing';
import type { Ask } from '../edged/server/kubelet-api.ts';
import { fakeRuntime } from '../edged/server/testing/raw-http.ts';
import { createEdgeStream } from './edge-stream.ts';
import { kubeletWith } from './testing/kubelet.ts';

const [LOGS, EXEC] = [7, 8];
const REMOVE = 4;

test('the recorded upstream cloud reads from this node what it read from an upstream one', async (t) => {
  const { frames } = readRecordedTunnel();
  const byCloud = frames.filter(({ from }) => from === 'cloud');
  const byEdge = frames.filter(({ from }) => from === 'edge');
  const answered = saidOf(byEdge, EXEC).data;
  const headLength = answered.indexOf('\r\n\r\n') + 4;

  const { serverTls, clientTls } = await testCredentials();
  const cloud = await listenAsUpstreamCloud(serverTls);
  // a runtime that answers the exec as the recorded one did
  const runtime = await fakeRuntime(answered.slice(0, headLength));
  const asks: Ask[] = [];
  const kubelet = kubeletWith(
    (ask, response) => {
      asks.push(ask);
      response.end(Buffer.from(saidOf(byEdge, LOGS).data, 'latin1'));
    },
    async (ask) => {
      asks.push(ask);
      return runtime.url;
    },
  );
  const module = createEdgeStream({
    config: { nodeName: 'edge-a', server: `127.0.0.1:${cloud.port}`, handshakeTimeoutMs: 5_000 },
    credentials: async () => clientTls('edge-a'),
    internalIp: async () => '192.0.2.10',
    kubelet,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
  });
  await module.start(new AbortController().signal);
  t.after(async () => {
    await module.stop();
    kubelet.close();
    await cloud.close();
    await runtime.close();
  });
  await until(() => cloud.edges.length === 1);
  const { end, headers } = cloud.edges[0] ?? assert.fail('the edge is not there');
  assert.deepEqual(
    [headers['sessionhostnameoverride'], headers['sessioninternalip']],
    ['edge-a', '192.0.2.10'],
  );

  const say = (connectId: number, type: 'all' | 'opening'): void => {
    const own = byCloud.filter((frame) => frame.connectId === connectId);
    for (const frame of type === 'all' ? own : own.slice(0, 1)) end.send(connectId, frame.type, frame.data);
  };
  say(LOGS, 'all');
  await until(() => saidOf(end.heard, LOGS).removed);
  assert.deepEqual(saidOf(end.heard, LOGS), saidOf(byEdge, LOGS));

  say(EXEC, 'opening');
  const socket = await runtime.next();
  let typed = '';
  socket.on('data', (chunk: Buffer) => {
    typed += chunk.toString('latin1');
  });
  const hungUp = once(socket, 'end');
  for (const { from, type, data } of frames.filter(({ connectId }) => connectId === EXEC).slice(1)) {
    // kubectl has read all before it leaves
    if (type === REMOVE) await until(() => saidOf(end.heard, EXEC).data.length === answered.length);
    if (from === 'cloud') end.send(EXEC, type, data);
    // its head has been answered above
    else if (!data.toString('latin1').startsWith('HTTP/1.1 101 ')) socket.write(data);
    if (type === REMOVE) break;
  }
  // its REMOVE_CONNECT has come through, behind all that was typed
  await hungUp;
  assert.equal(typed, saidOf(byCloud, EXEC).data);
  // upstream's edge says nothing to it, and the cloud repeats it 335 times in 14 ms, until the recording ends
  assert.deepEqual(saidOf(end.heard, EXEC), { ...saidOf(byEdge, EXEC), removed: true });
  const exec = runtime.requests[0] ?? assert.fail('the runtime was not asked');
  assert.equal(exec.method, 'POST');
  assert.equal(exec.headers.upgrade, 'SPDY/3.1');
  assert.match(String(exec.headers['x-stream-protocol-version']), /^v5\.channel\.k8s\.io, v4\.channel/);
  assert.deepEqual(
    asks.slice(0, 2).map(({ request: { url } }) => url),
    [
      '/containerLogs/default/web-6564b7f7-8f7ph/web',
      '/exec/default/demo/main?command=sh&command=-c&command=echo+execd%3B+id&error=1&output=1',
    ],
  );
});
