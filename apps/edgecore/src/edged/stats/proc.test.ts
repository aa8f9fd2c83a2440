import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCpuRates } from './cpu-rates.ts';
import { bootTimeMs, networkCounters, taskCount } from './proc.ts';

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 8346312   63217    0    0    0     0          0         0  8346312   63217    0    0    0     0       0          0
  eth0:1234567890 9876   1    2    0     0          0         3 987654 321    4    5    0     0       0          0
veth12ab: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0
 wlan0.5: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0
broken: 1 2
`;

test('interfaces of a network namespace, without those that repeat others’ traffic', () => {
  assert.deepEqual(
    networkCounters(NET_DEV).map(({ name }) => name),
    ['eth0', 'wlan0.5'],
  );
  assert.deepEqual(networkCounters(NET_DEV)[0], {
    name: 'eth0',
    rxBytes: 1_234_567_890,
    rxPackets: 9_876,
    rxErrors: 1,
    rxDropped: 2,
    txBytes: 987_654,
    txPackets: 321,
    txErrors: 4,
    txDropped: 5,
  });
  assert.deepEqual(networkCounters(''), []);
});

test('when the machine was started, and how many tasks it has', () => {
  assert.equal(bootTimeMs('cpu 1 2\nbtime 1795860000\n'), 1_795_860_000_000);
  assert.equal(bootTimeMs(''), undefined);
  assert.equal(taskCount('0.20 0.18 0.12 1/80 11206\n'), 80);
  assert.equal(taskCount('?'), undefined);
});

test('CPU use needs two looks at a reasonable distance, and a counter that goes on', () => {
  const rates = createCpuRates();
  assert.equal(rates.observe('a', 0, 0), undefined);
  assert.equal(rates.observe('a', 50_000_000, 100), undefined, 'too near');
  assert.equal(rates.observe('a', 500_000_000, 1_000), 500_000_000);
  assert.equal(rates.observe('a', 500_000_001, 1_050), 500_000_000, 'the last one');
  assert.equal(rates.observe('a', 1, 2_000), undefined, 'another counter');
  assert.equal(rates.observe('a', 9, 500_000), undefined, 'too long ago');
  rates.observe('b', 0, 0);
  rates.retain(new Set(['a']));
  assert.equal(rates.observe('b', 5, 1_000), undefined, 'forgotten');
});
