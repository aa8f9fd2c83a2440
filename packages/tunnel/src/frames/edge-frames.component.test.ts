import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { dialTunnel } from '../edge/dial.ts';
import { testCredentials, until } from '../testing/tunnels.ts';
import { listenAsUpstreamCloud, type ScriptedEnd } from '../testing/upstream.ts';
import type { ConnectType, DialTunnelOptions, EdgeTunnel, KubeletRequest } from '../types.ts';
import { FRAME } from './frame.ts';

interface Asked {
  readonly type: ConnectType;
  readonly request: KubeletRequest;
  readonly stream: Duplex;
}

interface Bench {
  readonly edge: EdgeTunnel;
  readonly cloud: ScriptedEnd;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly asked: readonly Asked[];
}

async function upstreamCloud(t: TestContext, changes: Partial<DialTunnelOptions> = {}): Promise<Bench> {
  const { serverTls, clientTls } = await testCredentials();
  const server = await listenAsUpstreamCloud(serverTls);
  t.after(() => server.close());
  const asked: Asked[] = [];
  const edge = await dialTunnel({
    url: `127.0.0.1:${server.port}`,
    tls: clientTls('edge-a'),
    nodeName: 'edge-a',
    internalIp: '192.0.2.10',
    handshakeTimeoutMs: 10_000,
    clock: systemClock,
    log: silentLogger,
    onStream: () => assert.fail('no stream of ours is expected here'),
    onConnect: (type, request, stream) => asked.push({ type, request, stream }),
    ...changes,
  });
  t.after(() => edge.close('the test is over'));
  const accepted = server.edges[0];
  if (accepted === undefined) throw new Error('the edge is not there');
  return { edge, cloud: accepted.end, headers: accepted.headers, asked };
}

const body = (path: string): string => JSON.stringify({ MessID: 1, url: { Path: path }, header: {} });
const typesOf = ({ heard }: ScriptedEnd, id: number): number[] =>
  heard.filter(({ connectId }) => connectId === id).map(({ type }) => type);

describe('the tunnel to an upstream cloud', () => {
  test('begins with the handshake of an upstream edge', async (t) => {
    const { edge, headers } = await upstreamCloud(t);
    assert.equal(edge.kind, 'frames');
    assert.equal(headers['sessionhostnameoverride'], 'edge-a');
    assert.equal(headers['sessioninternalip'], '192.0.2.10');
    assert.equal(headers['sec-websocket-extensions'], undefined);
    assert.equal(headers['sec-websocket-protocol'], undefined);
  });

  test('hands over each request with a stream of its own', async (t) => {
    const { cloud, asked, edge } = await upstreamCloud(t);
    cloud.send(1, FRAME.logsConnect, body('/containerLogs/a/b/c'));
    cloud.send(2, FRAME.execConnect, body('/exec/a/b/c'));
    cloud.send(3, FRAME.metricConnect, body('/stats/summary'));
    cloud.send(4, FRAME.attachConnect, body('/attach/a/b/c'));
    cloud.send(2, FRAME.data, 'stdin');
    await until(() => asked.length === 4);
    assert.deepEqual(
      asked.map(({ type, request }) => [type, request.path]),
      [
        ['logs', '/containerLogs/a/b/c'],
        ['exec', '/exec/a/b/c'],
        ['metrics', '/stats/summary'],
        ['attach', '/attach/a/b/c'],
      ],
    );
    const [logs, exec, , attach] = asked.map(({ stream }) => stream);
    assert.equal(String((await once(exec as Duplex, 'data'))[0]), 'stdin');
    logs?.end('lines');
    cloud.send(4, FRAME.removeConnect);
    attach?.resume();
    await until(() => typesOf(cloud, 1).length === 2 && attach?.closed === true);
    assert.deepEqual(typesOf(cloud, 1), [FRAME.data, FRAME.removeConnect]);
    assert.deepEqual(
      typesOf(cloud, 4),
      [FRAME.removeConnect],
      'or an upstream cloud goes on repeating its own',
    );
    assert.ok(edge.openStreams >= 2);
  });

  test('refuses what is malformed or too large, with the end of that stream only', async (t) => {
    const { cloud, asked } = await upstreamCloud(t);
    cloud.send(1, FRAME.execConnect, body('/exec/a/b/c'));
    cloud.send(2, FRAME.execConnect, '{"url":null}');
    cloud.send(3, FRAME.execConnect, body(`/exec/${'x'.repeat(70_000)}`));
    cloud.send(4, FRAME.logsConnect, '{"url":{"Path":"/a","RawQuery":"b\\r\\nHost: c"}}');
    cloud.send(1, FRAME.logsConnect, body('/the/id/is/in/use'));
    cloud.send(5, 9, 'a type nobody knows');
    cloud.sendRaw(Buffer.from([0x80]));
    cloud.send(77, FRAME.data, 'nobody');
    cloud.send(78, FRAME.removeConnect);
    cloud.send(1, FRAME.data, 'still here');
    await until(() => asked.length === 1 && cloud.heard.length === 3);
    assert.deepEqual(
      cloud.heard.map(({ connectId, type }) => [connectId, type]),
      [
        [2, FRAME.removeConnect],
        [3, FRAME.removeConnect],
        [4, FRAME.removeConnect],
      ],
    );
    const stream = asked[0]?.stream as Duplex;
    assert.equal(String((await once(stream, 'data'))[0]), 'still here');
  });

  test('refuses a stream beyond the 256th, and goes on when its owner fails', async (t) => {
    let failing = true;
    const streams: Duplex[] = [];
    const { cloud } = await upstreamCloud(t, {
      onConnect(_type, _request, stream) {
        if (failing) throw new Error('out of order');
        streams.push(stream);
      },
    });
    cloud.send(1, FRAME.logsConnect, body('/a'));
    await until(() => typesOf(cloud, 1).includes(FRAME.removeConnect));
    failing = false;
    for (let id = 2; id <= 258; id += 1) cloud.send(id, FRAME.logsConnect, body('/a'));
    await until(() => typesOf(cloud, 258).includes(FRAME.removeConnect));
    assert.equal(streams.length, 256);
  });

  test('ends when the cloud asks for it, and says why', async (t) => {
    const { cloud, edge, asked } = await upstreamCloud(t);
    cloud.send(1, FRAME.execConnect, body('/exec/a/b/c'));
    await until(() => asked.length === 1);
    const failed = once(asked[0]?.stream as Duplex, 'error');
    cloud.send(0, FRAME.closeConnect, 'the node status could not be written');
    assert.equal(await edge.closed, 'the node status could not be written');
    const [error] = await failed;
    assert.ok(isKubeEdgeError(error, 'TUNNEL_CLOSED'));
    assert.match(String(error), /the node status could not be written/);
  });

  test('pings, and gives up a cloud that does not answer for 45 s', async (t) => {
    let now = 0;
    const timers: (() => void)[] = [];
    const clock = {
      now: () => now,
      monotonic: () => now,
      after(ms: number, task: () => void) {
        if (ms !== 15_000) return systemClock.after(ms, task);
        timers.push(task);
        return () => timers.splice(timers.indexOf(task), 1);
      },
    };
    const { cloud, edge } = await upstreamCloud(t, { clock });
    cloud.pause();
    for (let step = 0; step < 4 && timers.length > 0; step += 1) {
      now += 15_000;
      timers.shift()?.();
    }
    assert.equal(await edge.closed, 'the other end fell silent');
    assert.equal(edge.openStreams, 0);
  });
});
