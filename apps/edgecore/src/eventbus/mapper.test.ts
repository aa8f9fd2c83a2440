import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMapper } from '@kubeedge-ts/mapper-sdk';
import { startSite, until } from './testing/harness.ts';

test('a desired value in a Device makes a mapper set the device, and its report reaches the cloud', async () => {
  await using site = await startSite({ mqttMode: 0 });
  let speed = '0';
  const mapper = createMapper({
    broker: await site.internalUrl(),
    devices: [
      {
        device: 'fan',
        reportMs: 20,
        properties: [{ name: 'speed', type: 'int', writable: true }],
        driver: {
          read: async () => speed,
          write: async (_, value) => {
            speed = value;
          },
        },
      },
    ],
  });
  mapper.start();
  await site.send('twin', 'edgehub', 'connect', 'node/connection', 'cloud_connected');
  const device = (desired: string, resourceVersion: string) => ({
    metadata: { name: 'fan', namespace: 'default', resourceVersion },
    spec: { deviceModelRef: { name: 'm' }, properties: [{ name: 'speed', desired: { value: desired } }] },
  });
  await site.send('twin', 'meta', 'insert', 'default/devicemodel/m', {
    metadata: { name: 'm', namespace: 'default' },
    spec: { properties: [{ name: 'speed', type: 'INT' }] },
  });
  await site.send('twin', 'meta', 'insert', 'default/device/fan', device('500', '10'));
  await until(() => speed === '500');
  await site.send('twin', 'meta', 'update', 'default/device/fan', device('750', '11'));
  await until(() => speed === '750');
  // Each report is confirmed, as the cloud does, so that the next one can follow.
  const reported = async (value: string): Promise<void> => {
    let confirmed = 0;
    for (;;) {
      const reports = site.toCloud.filter(
        ({ route }) => route.resource === 'device/default/fan/twin/edge_updated',
      );
      if (reports.some(({ content }) => JSON.stringify(content).includes(`"actual":{"value":"${value}"`)))
        return;
      for (; confirmed < reports.length; confirmed++) {
        await site.confirm(reports[confirmed]?.header.msg_id ?? '');
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await reported('750');
  const [row] = await site.store.read({ sql: 'SELECT expected, actual, attr_type FROM device_twin' });
  assert.deepEqual({ ...row }, { expected: '750', actual: '750', attr_type: 'int' });
  await mapper.stop();
});
