import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectMqtt, type MqttConnection } from '@kubeedge-ts/mqtt';
import { systemClock } from '@kubeedge-ts/runtime';
import { mosquittoMissing, startMosquitto } from '@kubeedge-ts/testing/mosquitto';
import { createMapper } from './mapper.ts';
import type { DeviceDriver, Mapper, MapperDevice } from './types.ts';

const real = { skip: mosquittoMissing !== undefined };
const title = (promise: string): string => (mosquittoMissing ? `${promise} (${mosquittoMissing})` : promise);
const NODE = '$hw/events/node/n1/membership';
const FAN = '$hw/events/device/default/fan';

interface Heard {
  readonly topic: string;
  readonly payload: Record<string, unknown>;
}

/** Plays edgecore: hears requests and says what the test says. */
async function scriptedEdge(
  url: string,
): Promise<{ heard: Heard[]; say(topic: string, payload: unknown): void; link: MqttConnection }> {
  const heard: Heard[] = [];
  const link = await connectMqtt(
    {
      url,
      clientId: 'edge',
      onMessage({ topic, payload, ack }) {
        heard.push({ topic, payload: JSON.parse(`${payload}`) });
        ack();
      },
    },
    systemClock,
    new AbortController().signal,
  );
  await link.subscribe(
    ['$hw/events/node/+/membership/get', `${FAN}/twin/update`, `${FAN}/twin/get`, `${FAN}/state/update`],
    1,
  );
  return {
    heard,
    link,
    say: (topic, payload) => link.publish(topic, JSON.stringify(payload), 1, false, () => {}),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

function fan(more: Partial<MapperDevice> = {}, driver: Partial<DeviceDriver> = {}) {
  let speed = '0';
  const writes: string[] = [];
  const device: MapperDevice = {
    device: 'fan',
    reportMs: 20,
    properties: [{ name: 'speed', type: 'int', writable: true }, { name: 'label' }],
    driver: {
      read: async (property) => (property === 'speed' ? speed : 'fan'),
      write: async (_, value) => {
        writes.push(value);
        speed = value;
      },
      ...driver,
    },
    ...more,
  };
  return { device, writes };
}

async function withMapper(
  device: MapperDevice,
  body: (edge: Awaited<ReturnType<typeof scriptedEdge>>, mapper: Mapper) => Promise<void>,
): Promise<void> {
  await using broker = await startMosquitto();
  const edge = await scriptedEdge(broker.url);
  const mapper = createMapper({ broker: broker.url, nodeName: 'n1', devices: [device] });
  mapper.start();
  await until(() => edge.heard.some(({ topic }) => topic === `${NODE}/get`));
  edge.say(`${NODE}/get/result`, { event_id: '', devices: [{ id: 'other/thing' }, { id: 'default/fan' }] });
  try {
    await body(edge, mapper);
  } finally {
    await mapper.stop();
    edge.link.close();
  }
}

const speedOf = ({ payload }: Heard): string | undefined =>
  JSON.stringify(payload).match(/"speed":\{"actual":\{"value":"(\w+)"/)?.[1];

test(
  title(
    'a device on the node is reported, its state told, and its desired value written from twin/get and delta',
  ),
  real,
  async () => {
    const { device, writes } = fan();
    await withMapper(device, async (edge, mapper) => {
      await until(() => edge.heard.some(({ topic }) => topic === `${FAN}/twin/get`));
      edge.say(`${FAN}/twin/get/result`, {
        twin: {
          speed: { expected: { value: '5' }, actual: { value: '0' } },
          label: { expected: { value: 'x' } },
        },
      });
      await until(() => edge.heard.some((one) => speedOf(one) === '5'));
      edge.say(`${FAN}/twin/update/delta`, { twin: {}, delta: { speed: '7', label: 'y', unknown: '1' } });
      await until(() => edge.heard.some((one) => speedOf(one) === '7'));
      assert.deepEqual(writes, ['5', '7']);
      assert.deepEqual(mapper.active, ['default/fan']);
      const [state] = edge.heard.filter(({ topic }) => topic === `${FAN}/state/update`);
      assert.equal(state?.payload['state'], 'online');
      const report = edge.heard.find(({ topic }) => topic === `${FAN}/twin/update`);
      assert.match(
        JSON.stringify(report),
        /"label":\{"actual":\{"value":"fan".*"metadata":\{"type":"string"\}/,
      );
    });
  },
);

test(title('a delta that repeats is written once'), real, async () => {
  const { device, writes } = fan();
  await withMapper(device, async (edge) => {
    await until(() => edge.heard.some(({ topic }) => topic === `${FAN}/twin/update`));
    for (let i = 0; i < 5; i++) edge.say(`${FAN}/twin/update/delta`, { delta: { speed: '3.0' } });
    await until(() => writes.length > 0);
    const reports = edge.heard.length;
    await until(() => edge.heard.length > reports + 5);
    assert.deepEqual(writes, ['3.0']);
  });
});

test(
  title('a device that cannot be read is offline, and one that hangs does not hang the mapper'),
  real,
  async () => {
    let broken = true;
    const { device } = fan(
      { timeoutMs: 10 },
      { read: (property) => (broken && property === 'speed' ? new Promise(() => {}) : Promise.resolve('1')) },
    );
    await withMapper(device, async (edge) => {
      const states = () =>
        edge.heard
          .filter(({ topic }) => topic === `${FAN}/state/update`)
          .map(({ payload }) => payload['state']);
      await until(() => states().length === 1);
      broken = false;
      await until(() => states().length === 2);
      assert.deepEqual(states(), ['offline', 'online']);
    });
  },
);

test(
  title('a device that leaves the node is reported no more; garbage from the broker is ignored'),
  real,
  async () => {
    const { device } = fan();
    await withMapper(device, async (edge, mapper) => {
      await until(() => mapper.active.length === 1);
      for (const text of ['', 'null', '[]', '{', '{"delta":7,"devices":{}}']) {
        for (const topic of [
          `${NODE}/updated`,
          `${NODE}/get/result`,
          `${FAN}/twin/update/delta`,
          `${FAN}/twin/get/result`,
        ]) {
          edge.link.publish(topic, text, 1, false, () => {});
        }
      }
      edge.say(`${FAN}/twin/update/result`, { code: 400, reason: 'the value is not int or integer' });
      edge.say(`${NODE}/updated`, { added_devices: null, removed_devices: [{ id: 'default/fan' }] });
      await until(() => mapper.active.length === 0);
      edge.say(`${NODE}/updated`, { added_devices: [{ id: 'default/fan' }], removed_devices: null });
      await until(() => mapper.active.length === 1);
    });
  },
);

test(title('the end of the mapper is told as offline'), real, async () => {
  await using broker = await startMosquitto();
  const edge = await scriptedEdge(broker.url);
  const mapper = createMapper({ broker: broker.url, devices: [fan().device] });
  mapper.start();
  await until(() => edge.heard.some(({ topic }) => topic.endsWith('/membership/get')));
  edge.say('$hw/events/node/any/membership/get/result', { devices: [{ id: 'default/fan' }] });
  await until(() => edge.heard.some(({ topic }) => topic === `${FAN}/state/update`));
  await mapper.stop();
  await until(() => edge.heard.some(({ payload }) => payload['state'] === 'offline'));
  edge.link.close();
});
