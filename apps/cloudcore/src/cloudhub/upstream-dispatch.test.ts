import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '@kubeedge-ts/apis';
import fc from 'fast-check';
import { dispatch } from './upstream-dispatch.ts';

function message(route: Message['route'], content: unknown = null, parent = ''): Message {
  return { header: { msg_id: 'm1', parent_msg_id: parent, timestamp: 1 }, route, content };
}
const where = (route: Message['route'], content?: unknown): string => {
  const target = dispatch('a', message(route, content));
  if (target.to === 'nobody') return `${target.error.code}${target.answer ? ' answered' : ''}`;
  return 'what' in target ? target.what : target.to;
};

const node = { metadata: { name: 'a' } };
const TABLE: readonly [string, Message['route'], unknown, string][] = [
  ['a keepalive', { source: 'websocket', operation: 'keepalive', resource: 'node' }, 'ping', 'keepalive'],
  [
    'an ack carries the source it acks',
    { source: 'edgecontroller', operation: 'response', resource: 'x' },
    'OK',
    'ack',
  ],
  [
    'a CSI answer is an ack nobody waits for',
    { operation: 'response', resource: 'default/volume/v' },
    {},
    'ack',
  ],
  ['an error', { source: 'meta', operation: 'error', resource: 'x' }, 'no', 'error'],
  [
    'user data',
    { source: 'bus', group: 'user', operation: 'upload', resource: 't/x' },
    '1',
    'CLOUDCORE_MESSAGE_UNSUPPORTED',
  ],
  ['the CA', { source: 'metamanager', operation: 'query', resource: 'k8s/ca.crt' }, null, 'ca'],
  [
    'a forged source',
    { source: 'synccontroller', operation: 'delete', resource: 's/pod/x' },
    null,
    'CLOUDCORE_MESSAGE_FORGED',
  ],
  [
    'twins',
    { source: 'twin', operation: 'update', resource: 'device/s/d/twin/edge_updated' },
    { twin: {} },
    'device',
  ],
  [
    'a bad twin is not answered',
    { source: 'twin', operation: 'update', resource: 'device/s/d/twin/edge_updated' },
    1,
    'MESSAGE_CONTENT_INVALID',
  ],
  ['nodes', { source: 'edged', operation: 'insert', resource: 'null/node/a' }, node, 'edge'],
  [
    'a bad node is answered',
    { source: 'edged', operation: 'insert', resource: 'null/node/a' },
    [],
    'MESSAGE_CONTENT_INVALID answered',
  ],
  [
    'application requests',
    { source: 'metaserver', operation: 'null', resource: 'null' },
    {},
    'CLOUDCORE_MESSAGE_UNSUPPORTED answered',
  ],
  [
    'node tasks',
    { source: 'websocket', operation: 'upgrade', resource: 'task/1/node/a' },
    {},
    'MESSAGE_ROUTE_UNKNOWN',
  ],
  ['an empty route', {}, null, 'MESSAGE_ROUTE_UNKNOWN'],
];

for (const [title, route, content, expected] of TABLE) {
  test(`${title}: ${expected}`, () => assert.equal(where(route, content), expected));
}

test('no message makes it throw', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('__proto__', 'constructor', 'toString', 'update', 'insert', 'query', 'twin', 'edged'),
  );
  const route = fc.record(
    {
      source: word,
      group: word,
      operation: word,
      resource: fc.array(word, { maxLength: 6 }).map((p) => p.join('/')),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(route, fc.jsonValue(), (given, content) => {
      dispatch('a', message(given, content));
    }),
    { numRuns: 2_000 },
  );
});
