import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Message } from '@kubeedge-ts/apis';
import { createSendQueue, priorityOf } from './send-queue.ts';

let ids = 0;
const message = (source: string, group: string, operation: string, resource: string): Message => ({
  header: { msg_id: `m${ids++}`, timestamp: 1 },
  route: { source, group, operation, resource },
  content: null,
});

describe('priorityOf', () => {
  for (const [priority, source, group, operation, resource] of [
    [0, 'websocket', 'resource', 'keepalive', 'node'],
    [0, 'edged', 'meta', 'update', 'kube-node-lease/lease/edge'],
    [0, 'edged', 'meta', 'patch', 'null/nodepatch/edge'],
    [0, 'edged', 'meta', 'insert', 'null/node/edge'],
    [0, 'cloudhub', 'resource', 'response', 'null/inventory/store'],
    [1, 'edgecontroller', 'resource', 'response', 'default/pod/web'],
    [1, 'edgecontroller', 'resource', 'response', 'null/node/edge'],
    [1, 'meta', 'twin', 'response', 'default/device/thermo'],
    [1, 'metamanager', 'resource', 'error', 'default/pod/web'],
    [1, 'edged', 'meta', 'patch', 'default/podpatch/web'],
    [1, 'edged', 'meta', 'delete', 'default/pod/web'],
    [1, 'edged', 'meta', 'query', 'default/configmap/app'],
    [1, 'metaserver', 'dynamiccontroller', 'null', 'null'],
    [2, 'twin', 'resource', 'update', 'device/default/thermo/twin/edge_updated'],
    [2, 'twin', 'resource', 'get', 'membership/detail'],
    [3, 'bus', 'user', 'upload', 'default/readings'],
    [3, 'servicebus', 'user', 'response', 'x'],
    [2, 'edged', 'meta', 'insert', 'default/event/e'],
  ] as const) {
    test(`${operation} ${resource} of ${source} is class ${priority}`, () => {
      assert.equal(priorityOf(message(source, group, operation, resource)), priority);
    });
  }
});

describe('createSendQueue', () => {
  const { signal } = new AbortController();
  const user = () => message('bus', 'user', 'upload', 'a/b');
  const lease = () => message('edged', 'meta', 'update', 'kube-node-lease/lease/edge');

  test('gives the most urgent first, in order within a class', async () => {
    const queue = createSendQueue(10);
    const messages = [user(), user(), lease(), user(), lease()];
    for (const one of messages) assert.ok(queue.push(one));
    const taken = [];
    while (queue.size > 0) taken.push((await queue.take(signal))?.header.msg_id);
    assert.deepEqual(
      taken,
      [2, 4, 0, 1, 3].map((index) => messages[index]?.header.msg_id),
    );
  });

  test('a full class refuses without touching the others', () => {
    const queue = createSendQueue(2);
    assert.deepEqual([user(), user(), user(), lease()].map(queue.push), [true, true, false, true]);
  });

  test('a waiting reader gets the next message, and nothing after the abort', async () => {
    const queue = createSendQueue(2);
    const one = lease();
    const waiting = queue.take(signal);
    queue.push(one);
    assert.equal(await waiting, one);
    const stopping = new AbortController();
    const forsaken = queue.take(stopping.signal);
    stopping.abort();
    assert.equal(await forsaken, undefined);
    queue.push(one);
    assert.deepEqual(queue.drain(), [one]);
  });
});
