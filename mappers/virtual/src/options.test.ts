import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from './options.ts';

test('flags win over the environment, and both over the defaults', () => {
  const defaults = readOptions([], {});
  assert.equal(defaults.broker, 'tcp://127.0.0.1:1883');
  assert.deepEqual(defaults.devices, [
    ['dht11', 'dht11'],
    ['virtual-fan', 'fan'],
  ]);
  const env = { MAPPER_BROKER: 'tcp://env:1', MAPPER_REPORT_MS: '50', MAPPER_PASSWORD: 'secret' };
  assert.equal(readOptions([], env).broker, 'tcp://env:1');
  const both = readOptions(['--broker', 'tcp://flag:1', '--node', 'n', '--devices', 'a=fan'], env);
  assert.equal(both.broker, 'tcp://flag:1');
  assert.equal(both.reportMs, 50);
  assert.equal(both.password, 'secret');
  assert.deepEqual(both.devices, [['a', 'fan']]);
});

test('what cannot be meant is refused with the option and the value', () => {
  for (const args of [
    ['--nope'],
    ['--report-ms', 'x'],
    ['--report-ms', '1'],
    ['--devices', 'a=b'],
    ['--devices', '=fan'],
    ['--log-level', 'loud'],
    ['extra'],
  ]) {
    assert.throws(() => readOptions(args, {}), { code: 'MAPPER_OPTION_INVALID' }, args.join(' '));
  }
});
