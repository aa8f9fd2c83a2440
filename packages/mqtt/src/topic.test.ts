import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkFilter, checkTopic, topicMatches } from './topic.ts';

const MATCHES: readonly [filter: string, topic: string, matches: boolean][] = [
  ['a/b', 'a/b', true],
  ['a/b', 'a/b/c', false],
  ['a/+', 'a/b', true],
  ['a/+', 'a/', true],
  ['a/+', 'a', false],
  ['a/#', 'a', true],
  ['a/#', 'a/b/c', true],
  ['#', 'a/b', true],
  ['#', '$SYS/x', false],
  ['+/user/#', 'ns/user/x', true],
  ['+/user/#', '$hw/user/x', false],
  ['$hw/events/device/+/twin/+', '$hw/events/device/lamp/twin/update', true],
  ['$hw/events/device/+/twin/+', '$hw/events/device/lamp/twin/update/result', false],
  ['$hw/events/device/+/+/twin/+', '$hw/events/device/ns/lamp/twin/update', true],
  ['$hw/events/device/+/+/twin/+', '$hw/events/device/lamp/twin/update/result', false],
  ['$hw/events/device/+/+/twin/+', '$hw/events/device//twin/update/result', false],
];

test('filters match topics by the rules of MQTT 3.1.1', () => {
  for (const [filter, topic, matches] of MATCHES) {
    assert.equal(topicMatches(filter, topic), matches, `${filter} ~ ${topic}`);
  }
});

test('topics and filters that a broker would refuse are refused before they are sent', () => {
  for (const topic of ['', 'a/+', 'a/#', 'a\0b', '\ud800', 'x'.repeat(65_536), '/'.repeat(200)]) {
    assert.throws(() => checkTopic(topic), { code: 'MQTT_TOPIC_INVALID' });
  }
  for (const filter of ['', 'a/#/b', 'a+/b', 'a/b#', 'a\0', '/'.repeat(200)]) {
    assert.throws(() => checkFilter(filter), { code: 'MQTT_TOPIC_INVALID' });
  }
  for (const filter of ['#', '+', 'a/+/b/#', '$hw/events/#', '/']) checkFilter(filter);
});

test('a topic without wildcards matches itself and nothing longer', () => {
  const topic = fc
    .array(fc.stringMatching(/^[a-z$]{0,4}$/), { minLength: 1, maxLength: 5 })
    .map((l) => l.join('/'));
  fc.assert(
    fc.property(topic, (one) => {
      assert.ok(topicMatches(one, one));
      assert.ok(!topicMatches(one, `${one}/more`));
    }),
  );
});
