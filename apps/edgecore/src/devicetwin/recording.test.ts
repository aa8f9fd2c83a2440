import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Message } from '@kubeedge-ts/apis';
import { startTwin, type TwinHarness } from './testing/harness.ts';

/** Traffic of upstream v1.23 (tests/fixtures/upstream-wire/README.md). */
const lines = <T>(name: string): T[] =>
  readFileSync(new URL(`../../../../tests/fixtures/upstream-wire/${name}`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

interface MqttLine {
  readonly topic: string;
  readonly payload: string;
}
interface WireLine extends Message {
  readonly dir?: string;
}

const mqtt = lines<MqttLine>('mqtt.jsonl');
const wire = lines<WireLine>('cloudhub-websocket.jsonl').filter(({ route }) => route !== undefined);
const isAnswer = ({ topic }: MqttLine): boolean => /\/(result|document|delta|updated)$/.test(topic);
const requests = mqtt.filter((line) => !isAnswer(line));
const answers = mqtt.filter(isAnswer);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Values that differ from run to run are replaced by what they are. */
function normalised(value: unknown, key = ''): unknown {
  if (typeof value === 'number' && (key === 'timestamp' || key === 'lastOnlineTime')) return 'ms';
  if (typeof value === 'string') {
    if (UUID.test(value)) return 'uuid';
    if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)) return 'time';
    if (value.startsWith('{')) return normalised(JSON.parse(value));
    return value;
  }
  if (Array.isArray(value)) return value.map((one) => normalised(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, normalised(one, name)]));
}

async function replay(twin: TwinHarness): Promise<void> {
  for (const { topic, payload } of requests) {
    await twin.mqtt(topic, payload);
    // The cloud confirms each report, as recorded.
    const report = twin.toCloud.at(-1);
    if (report?.route.operation === 'update') {
      await twin.message('devicecontroller', 'response', 'twin', 'OK', report.header.msg_id);
    }
  }
}

/** The recorded membership message, and the Device and DeviceModel messages as MetaManager forwards them. */
async function deliver(twin: TwinHarness, resources: readonly string[]): Promise<void> {
  for (const { dir, route, content } of wire) {
    const { source = '', operation = '', resource = '' } = route;
    if (dir !== 'cloud->edge' || source !== 'devicecontroller' || !resources.includes(resource)) continue;
    await twin.message(resource === 'membership' ? source : 'meta', operation, resource, content);
  }
}

test("recorded requests of a mapper get upstream's answers, in its order", async () => {
  await using twin = await startTwin();
  await twin.message('edgehub', 'connect', 'node/connection', 'cloud_connected');
  await deliver(twin, ['membership']);
  twin.take('$hw/events/node/edge-go/membership/updated');
  await replay(twin);
  const ours = twin.published.filter(({ topic, payload }) => {
    // Beyond upstream, a refusal also reaches the topic of the device that sent it.
    return !(topic === '$hw/events/device/default/thermo-1/twin/update/result' && payload['code'] === 400);
  });
  assert.deepEqual(
    ours.map(({ topic, payload }) => [topic, normalised(payload)]),
    answers.map(({ topic, payload }) => [topic, normalised(payload)]),
  );
});

test("the cloud gets upstream's reports, word for word", async () => {
  await using twin = await startTwin();
  await twin.message('edgehub', 'connect', 'node/connection', 'cloud_connected');
  await deliver(twin, ['membership']);
  await replay(twin);
  const seen = new Set<string>();
  const recorded = wire.filter(({ dir, route, header }) => {
    if (dir !== 'edge->cloud' || route.source !== 'twin') return false;
    // One connection: the membership request comes once.
    const key = route.operation === 'get' ? 'membership' : header.msg_id;
    return !seen.has(key) && seen.add(key);
  });
  const shape = ({ header, route, content }: Message) =>
    normalised({ header: { msg_id: header.msg_id, timestamp: header.timestamp }, route, content });
  assert.deepEqual(twin.toCloud.map(shape), recorded.map(shape));
  const rows = async (sql: string) => (await twin.store.read({ sql })).map((row) => normalised({ ...row }));
  assert.deepEqual(await rows('SELECT id, name, state, last_online FROM device'), [
    { id: 'default/thermo-1', name: 'thermo-1', state: 'online', last_online: 'time' },
  ]);
  assert.deepEqual(
    await rows('SELECT deviceid, name, actual, actual_version, optional, attr_type FROM device_twin'),
    [
      {
        deviceid: 'default/thermo-1',
        name: 'temperature',
        actual: '21.5',
        actual_version: { cloud: 0, edge: 1 },
        optional: 1,
        attr_type: 'float',
      },
    ],
  );
});

test('the recorded Device makes its desired value a delta, which upstream never sends', async () => {
  await using twin = await startTwin();
  await deliver(twin, ['membership', 'default/devicemodel/thermo-model', 'default/device/thermo-1']);
  const deltas = twin.take('$hw/events/device/default/thermo-1/twin/update/delta');
  const desired = wire
    .filter(({ dir, route }) => dir === 'cloud->edge' && route.resource === 'default/device/thermo-1')
    .map(({ content }) => JSON.stringify(content).match(/"name":"setpoint","desired":\{"value":"(\w+)"/)?.[1])
    .filter((value, at, all) => value !== undefined && value !== all[at - 1]);
  assert.ok(desired.length > 0);
  assert.deepEqual(
    deltas.map((one) => one['delta']),
    desired.map((value) => ({ setpoint: value })),
  );
  await replay(twin);
  assert.match(JSON.stringify(twin.published), /"temperature":\{"actual":\{"value":"21.5"/);
});
