import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientMayPublish, destinationOf, isListenedTo } from './topics.ts';

test('requests under $hw go to DeviceTwin, everything else edgecore listens to goes to the cloud', () => {
  const topics: [string, 'twin' | 'cloud'][] = [
    ['$hw/events/device/ns/lamp/twin/update', 'twin'],
    ['$hw/events/device/lamp/state/update', 'twin'],
    ['$hw/events/node/n/membership/get', 'twin'],
    ['$hw/events/upload/x', 'cloud'],
    ['$hw/events/devices/x', 'cloud'],
    ['SYS/dis/upload_records', 'cloud'],
    ['ns/user/x', 'cloud'],
  ];
  for (const [topic, destination] of topics) {
    assert.equal(destinationOf(topic), destination, topic);
    assert.equal(isListenedTo(topic, []), !topic.includes('devices'), topic);
  }
  assert.ok(!isListenedTo('shop/orders', []));
  assert.ok(isListenedTo('shop/orders', ['shop/+']));
});

test("clients of the embedded broker make requests; edgecore's answers and the broker's own topics are not theirs", () => {
  const allowed = [
    '$hw/events/device/lamp/twin/update',
    '$hw/events/device/ns/lamp/twin/get',
    '$hw/events/node/n/membership/get',
    '$hw/events/upload/a/b',
    '$ke/events/device/lamp/data/update',
    'anything/else',
  ];
  const refused = [
    '$SYS/broker/x',
    '$hw/events/device/ns/lamp/twin/update/delta',
    '$hw/events/device/ns/lamp/twin/update/result',
    '$hw/events/device/ns/lamp/updated',
    '$hw/events/node/n/membership/updated',
    '$hw/x',
  ];
  for (const topic of allowed) assert.ok(clientMayPublish(topic), topic);
  for (const topic of refused) assert.ok(!clientMayPublish(topic), topic);
});
