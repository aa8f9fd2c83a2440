import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { silentLogger } from '@kubeedge-ts/runtime';
import { candidates, createNodePorts, type PortRange, parsePortRange } from './node-ports.ts';

test('a range of ports is read; none is none', () => {
  assert.deepEqual(parsePortRange('20000-29999'), { first: 20_000, last: 29_999 });
  assert.equal(parsePortRange(''), undefined);
});

test('a node looks for its port where its name leads, within the range, and nowhere forever', () => {
  const range = { first: 20_000, last: 20_099 };
  const first = candidates('edge-a', undefined, range);
  assert.equal(first.length, 64);
  assert.deepEqual(candidates('edge-a', undefined, range), first);
  assert.ok(first.every((port) => port >= 20_000 && port <= 20_099));
  assert.equal(new Set(first).size, first.length);
  assert.equal(candidates('edge-a', 20_050, range)[0], 20_050);
  assert.equal(candidates('edge-a', 10_350, range)[0], first[0], 'a port of another range is not kept');
  const starts = Array.from({ length: 50 }, (_, index) => candidates(`edge-${index}`, undefined, range)[0]);
  assert.ok(new Set(starts).size > 25, 'nodes spread');
});

function portsOf(t: TestContext, range: PortRange) {
  const connections: Socket[] = [];
  const ports = createNodePorts({
    range,
    address: '127.0.0.1',
    onConnection: (socket) => void connections.push(socket),
    log: silentLogger,
  });
  t.after(() => ports.close());
  return { ports, connections };
}

/** Ports that were free a moment ago. */
async function freeRange(size: number): Promise<PortRange> {
  for (let first = 24_000 + Math.floor(Math.random() * 4_000); ; first += size) {
    const servers = Array.from({ length: size }, () => createServer());
    const free = await Promise.all(
      servers.map(
        (server, index) =>
          new Promise<boolean>((resolve) => {
            server.once('error', () => resolve(false));
            server.listen(first + index, '127.0.0.1', () => resolve(true));
          }),
      ),
    );
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    if (free.every(Boolean)) return { first, last: first + size - 1 };
  }
}

test('each node has a port of its own, also when they ask at the same time; the same as long as it is known', async (t) => {
  const { ports } = portsOf(t, await freeRange(8));
  const names = ['a', 'b', 'c', 'd'];
  const opened = await Promise.all([...names, ...names].map((name) => ports.open(name, undefined)));
  assert.equal(new Set(opened).size, 4);
  assert.deepEqual(opened.slice(0, 4), opened.slice(4));
  for (const [index, name] of names.entries()) {
    assert.equal(ports.nodeOf(opened[index]!), name);
    assert.equal(ports.portOf(name), opened[index]);
  }
});

test('a port that another program has is passed over', async (t) => {
  const range = await freeRange(4);
  const other = createServer();
  other.listen(range.first, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const { ports } = portsOf(t, range);
  const port = await ports.open('a', range.first);
  assert.notEqual(port, range.first);
  assert.equal(ports.nodeOf(range.first), undefined);
});

test('when none is free the error names node and range', async (t) => {
  const range = await freeRange(1);
  const { ports } = portsOf(t, range);
  await ports.open('a', undefined);
  await assert.rejects(ports.open('b', undefined), (error) => {
    assert.ok(isKubeEdgeError(error, 'CLOUDCORE_NODE_PORTS_TAKEN'));
    assert.equal(error.details['node'], 'b');
    assert.equal(error.details['range'], `${range.first}-${range.last}`);
    return true;
  });
  ports.release('a');
  assert.equal(await ports.open('b', undefined), range.first, 'and one that is given back is taken');
});

test('a port that is given back keeps no connection: the next node’s must not be mistaken for it', async (t) => {
  const { ports, connections } = portsOf(t, await freeRange(1));
  const port = await ports.open('a', undefined);
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  await once(client, 'connect');
  while (connections.length === 0) await new Promise((resolve) => setImmediate(resolve));
  ports.release('a');
  client.resume();
  await once(client, 'close');
  assert.equal(ports.nodeOf(port), undefined);
});
