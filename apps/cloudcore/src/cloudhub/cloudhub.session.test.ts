import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newMessage } from '@kubeedge-ts/apis';
import { createHubBed, lines, wish } from './testing/hub-bed.ts';

const origin = { now: () => 1, uuid: () => 'm1' };

describe('connections', () => {
  test('a second connection of the same node replaces the first at once (A6)', async () => {
    const bed = await createHubBed();
    const first = bed.transport.connect('a');
    bed.hub.downstream.want('a', wish());
    await bed.settle();
    const second = bed.transport.connect('a');
    assert.equal(first.closed?.code, 4001);
    await bed.settle();
    assert.deepEqual(
      lines(second.received),
      ['insert shop/configmap/u1'],
      'what was in flight is sent again',
    );
    assert.deepEqual(bed.lifecycle, ['+a', '+a'], 'the node was never away');
    assert.deepEqual(bed.hub.downstream.connected(), ['a']);
    await bed.stop();
  });

  test('what still comes from a replaced connection is not heard', async () => {
    const bed = await createHubBed();
    const first = bed.transport.connect('a');
    const handlers: ((text: string) => void | Promise<void>)[] = [];
    first.connection.start = (handler) => handlers.push(handler);
    bed.transport.connect('a');
    await first.send({ operation: 'query', resource: 'null/node/a' });
    await bed.settle();
    assert.deepEqual(bed.upstream, []);
    await bed.stop();
  });

  test('the end of a connection is told once, and the node is gone from the list', async () => {
    const bed = await createHubBed();
    bed.transport.connect('a').drop();
    await bed.settle();
    assert.deepEqual(bed.lifecycle, ['+a', '-a']);
    assert.deepEqual(bed.hub.downstream.connected(), []);
    await bed.stop();
  });

  test('controllers hear who arrives before anything is sent: what they take back then is never sent', async () => {
    const bed = await createHubBed();
    bed.hub.downstream.want('a', wish({ uid: 'u1' }));
    bed.hub.downstream.want('a', wish({ uid: 'u2' }));
    bed.arriving = (node, headers) => {
      // As a controller does it: later in the same turn.
      if (headers['x-takes'] === undefined) queueMicrotask(() => bed.hub.downstream.unwant(node, 'u2'));
    };
    const link = bed.transport.connect('a');
    await bed.settle();
    assert.deepEqual(lines(link.received), ['insert shop/configmap/u1']);
    await bed.stop();
  });

  test('certificate policy first, then the node limit; a node that is connected may reconnect', async () => {
    const bed = await createHubBed();
    assert.equal(bed.transport.refusal('stranger')?.status, 403);
    for (const node of ['a', 'b', 'c']) bed.transport.connect(node);
    assert.equal(bed.transport.refusal('d')?.status, 503);
    assert.equal(bed.transport.refusal('a'), undefined);
    await bed.stop();
  });

  test('a connection on which nothing comes for 30 s is closed; any frame keeps it', async () => {
    const bed = await createHubBed();
    const quiet = bed.transport.connect('a');
    const alive = bed.transport.connect('b');
    await bed.clock.advance(20_000);
    await alive.send({ source: 'websocket', operation: 'keepalive', resource: 'node', content: 'ping' });
    await bed.clock.advance(15_000);
    assert.equal(quiet.closed?.local, true);
    assert.equal(alive.closed, undefined);
    await bed.stop();
  });

  test('stopping closes the connections, writes the notes and leaves no timer behind', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    bed.hub.downstream.want('a', wish({ version: '5' }));
    await bed.settle();
    await link.ack(link.received[0] ?? assert.fail());
    await bed.stop();
    assert.equal(link.closed?.code, 1001);
    assert.equal(bed.records()[0]?.status?.objectResourceVersion, '5');
    assert.equal(bed.clock.pending, 0);
    assert.equal(bed.transport.listening, false);
  });

  test('the deletion of a Node ends its connection and is not written to it', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    const message = newMessage(origin, {
      source: 'edgecontroller',
      group: 'resource',
      operation: 'delete',
      resource: 'null/node/a',
      content: null,
    });
    assert.equal(bed.hub.downstream.post('a', message), true);
    assert.deepEqual(link.received, []);
    assert.equal(link.closed?.local, true);
    await bed.stop();
  });

  test('a message that needs no ack goes out at once, or is reported as not sent', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    const message = newMessage(origin, {
      source: 'devicecontroller',
      group: 'twin',
      operation: 'update',
      resource: 'membership',
      content: {},
    });
    assert.equal(bed.hub.downstream.post('a', message), true);
    assert.equal(bed.hub.downstream.post('b', message), false);
    assert.deepEqual(link.received, [message]);
    await bed.stop();
  });
});

describe('messages of an edge', () => {
  test('twin messages go to the devicecontroller, all others to the edgecontroller, in order', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    await link.send({ operation: 'query', resource: 'null/node/a' });
    await link.send({ source: 'twin', operation: 'get', resource: 'membership/detail', content: '{}' });
    await link.send({ operation: 'patch', resource: 'shop/podpatch/till', content: '{}' });
    await bed.settle();
    assert.deepEqual(bed.upstream, [
      'edge a: query null/node/a',
      'device a: get membership/detail',
      'edge a: patch shop/podpatch/till',
    ]);
    await bed.stop();
  });

  test('the cluster certificate is answered here', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    const query = await link.send({ source: 'metamanager', operation: 'query', resource: 'k8s/ca.crt' });
    const [answer] = link.received;
    assert.equal(answer?.header.parent_msg_id, query.header.msg_id);
    assert.deepEqual(answer?.route, {
      source: 'cloudhub',
      group: 'resource',
      operation: 'response',
      resource: 'k8s/ca.crt',
    });
    assert.equal(answer?.content, '<ca>');
    await bed.stop();
  });

  for (const text of [
    '',
    'null',
    '[]',
    '"x"',
    '7',
    '{',
    '{"header":{}}',
    '{"header":{"msg_id":1},"route":{}}',
    '{"__proto__":{"a":1}}',
    '\u0000',
    '{"header":{"msg_id":"m","timestamp":1},"route":{"operation":"toString","resource":"constructor/__proto__/x","source":"hasOwnProperty"}}',
  ]) {
    test(`garbage does not end the connection: ${JSON.stringify(text).slice(0, 50)}`, async () => {
      const bed = await createHubBed();
      const link = bed.transport.connect('a');
      await link.write(text);
      await link.send({ operation: 'query', resource: 'null/node/a' });
      await bed.settle();
      assert.equal(link.closed, undefined);
      assert.deepEqual(bed.upstream, ['edge a: query null/node/a']);
      assert.equal(bed.hub.counters.malformed + bed.hub.counters.refused, 1);
      await bed.stop();
    });
  }

  test('a message in the name of a cloud module is dropped', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    for (const source of [
      'edgecontroller',
      'devicecontroller',
      'cloudhub',
      'synccontroller',
      'cloudStream',
    ]) {
      await link.send({ source, group: 'resource', operation: 'delete', resource: 'shop/pod/till' });
    }
    await bed.settle();
    assert.deepEqual([bed.upstream, link.received, bed.hub.counters.refused], [[], [], 5]);
    await bed.stop();
  });

  test('a request nobody can handle is answered with an error, so that its sender need not wait', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    const query = await link.send({ operation: 'query', resource: 'shop/nonsense/x' });
    await link.send({ operation: 'patch', resource: 'shop/podpatch/x', content: { not: 'text' } });
    await link.send({
      source: 'metaserver',
      group: 'dynamiccontroller',
      operation: 'null',
      resource: 'null',
    });
    await link.send({ source: 'bus', group: 'user', operation: 'upload', resource: 'shop/readings' });
    assert.deepEqual(lines(link.received), ['error shop/nonsense/x', 'error shop/podpatch/x', 'error null']);
    assert.equal(link.received[0]?.header.parent_msg_id, query.header.msg_id);
    assert.equal(link.received[0]?.route.group, 'resource');
    await bed.stop();
  });

  test('acks of answers, late acks and errors disturb nothing', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    await link.send({ operation: 'response', resource: 'x', parent: 'never-sent', content: 'OK' });
    await link.send({ operation: 'response', resource: 'x', content: 'OK' });
    await link.send({ operation: 'error', resource: 'x', content: 'disk full' });
    assert.deepEqual([link.received, link.closed], [[], undefined]);
    await bed.stop();
  });

  test('a slow handler of node A holds up neither node B nor the acks and keepalives of A (M2)', async () => {
    const bed = await createHubBed();
    const a = bed.transport.connect('a');
    const b = bed.transport.connect('b');
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    bed.work = (node) => (node === 'a' ? answered : undefined);
    await a.send({ operation: 'query', resource: 'null/node/a' });
    bed.hub.downstream.want('a', wish());
    await bed.settle();
    await a.ack(a.received[0] ?? assert.fail());
    await b.send({ operation: 'query', resource: 'null/node/b' });
    await bed.settle();
    assert.deepEqual(bed.upstream, ['edge b: query null/node/b']);
    assert.equal(bed.hub.counters.acked, 1);
    answer();
    await bed.settle();
    assert.equal(bed.upstream.length, 2);
    await bed.stop();
  });

  test('a node whose messages are not dealt with is not read from any more, and not closed for its silence', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    bed.work = () => answered;
    let read = 0;
    for (let i = 0; i < 200; i++)
      void link.send({ operation: 'query', resource: 'null/node/a' }).then(() => read++);
    await bed.settle();
    assert.equal(read, 64);
    await bed.clock.advance(60_000);
    assert.equal(link.closed, undefined);
    answer();
    for (let i = 0; i < 20 && read < 200; i++) await bed.settle();
    assert.deepEqual([read, bed.upstream.length], [200, 200]);
    await bed.stop();
  });

  test('a handler that fails does not take the next message with it', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    bed.work = (_node, message) => {
      if (message.route.operation === 'query') throw new Error('boom');
    };
    await link.send({ operation: 'query', resource: 'null/node/a' });
    await link.send({ operation: 'patch', resource: 'shop/podpatch/till', content: '{}' });
    await bed.settle();
    assert.deepEqual(bed.upstream, ['edge a: patch shop/podpatch/till']);
    assert.equal(bed.hub.counters.failed, 1);
    await bed.stop();
  });
});

describe('flow towards an edge', () => {
  test('at most 32 messages are in flight; every ack lets one more go (M3)', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    for (let i = 0; i < 100; i++) bed.hub.downstream.want('a', wish({ uid: `u${i}` }));
    await bed.settle();
    assert.equal(link.received.length, 32);
    await link.ack(link.received[5] ?? assert.fail());
    assert.equal(link.received.length, 33);
    await bed.stop();
  });

  test('a socket that does not keep up pauses the queue of its node only', async () => {
    const bed = await createHubBed();
    const slow = bed.transport.connect('a');
    const quick = bed.transport.connect('b');
    await bed.settle();
    slow.hold();
    slow.buffered = 2 << 20;
    for (const node of ['a', 'b']) {
      for (let i = 0; i < 10; i++) bed.hub.downstream.want(node, wish({ uid: `u${i}` }));
    }
    await bed.settle();
    assert.equal(slow.received.length, 1);
    assert.equal(quick.received.length, 10);
    slow.release();
    await bed.settle();
    assert.equal(slow.received.length, 10);
    await bed.stop();
  });

  test('only the oldest unacked message is resent: after 5 s, then 10 s; an ack starts over (M16)', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    for (const uid of ['u1', 'u2', 'u3']) bed.hub.downstream.want('a', wish({ uid }));
    await bed.settle();
    const [one] = link.received.splice(0);
    const keepAlive = async (ms: number): Promise<string[]> => {
      await link.send({ source: 'websocket', operation: 'keepalive', resource: 'node' });
      await bed.clock.advance(ms);
      return lines(link.received.splice(0));
    };
    assert.deepEqual(await keepAlive(5_100), ['insert shop/configmap/u1']);
    assert.deepEqual(await keepAlive(9_000), []);
    assert.deepEqual(await keepAlive(1_000), ['insert shop/configmap/u2']);
    await link.ack(one ?? assert.fail());
    assert.deepEqual(await keepAlive(5_100), ['insert shop/configmap/u3']);
    await bed.stop();
  });
});
