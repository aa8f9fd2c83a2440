import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeErrors } from '@kubeedge-ts/errors';
import type { Store } from '@kubeedge-ts/store';
import { startTwin, type TwinHarness } from './testing/harness.ts';

const MEMBERSHIP = '$hw/events/node/edge-go/membership/updated';
const base = (id: string): string => `$hw/events/device/${id}`;

function add(twin: TwinHarness, ...ids: string[]): Promise<void> {
  return twin.message('devicecontroller', 'update', 'membership', {
    event_id: '',
    timestamp: 1,
    added_devices: ids.map((id) => ({ id, name: id.split('/').at(-1) })),
    removed_devices: null,
  });
}

const model = (type: string) => ({
  apiVersion: 'devices.kubeedge.io/v1beta1',
  kind: 'DeviceModel',
  metadata: { name: 'fan-model', namespace: 'default', resourceVersion: '5' },
  spec: { properties: [{ name: 'speed', type, accessMode: 'ReadWrite' }] },
});
const fan = (desired: string, resourceVersion: string, properties = ['speed']) => ({
  apiVersion: 'devices.kubeedge.io/v1beta1',
  kind: 'Device',
  metadata: { name: 'fan', namespace: 'default', resourceVersion },
  spec: {
    deviceModelRef: { name: 'fan-model' },
    properties: properties.map((name) => ({ name, desired: { value: desired } })),
  },
});
const actual = (name: string, value: string, type?: string) => ({
  event_id: 'e',
  timestamp: 1,
  twin: { [name]: { actual: { value }, ...(type === undefined ? {} : { metadata: { type } }) } },
});

test('membership is announced once, however often the cloud repeats it, and answered from the store after a restart', async () => {
  await using twin = await startTwin();
  await add(twin, 'default/lamp');
  await add(twin, 'default/lamp');
  const [added, ...more] = twin.take(MEMBERSHIP);
  assert.deepEqual(more, []);
  assert.deepEqual(added?.['added_devices'], [{ id: 'default/lamp', name: 'lamp' }]);
  assert.equal(added?.['removed_devices'], null);
  await twin.restart();
  await twin.mqtt('$hw/events/node/any/membership/get', { event_id: 'q' });
  const [answer] = twin.take('$hw/events/node/edge-go/membership/get/result');
  assert.deepEqual(answer?.['devices'], [{ id: 'default/lamp', name: 'lamp' }]);
  await twin.message('devicecontroller', 'update', 'membership', {
    added_devices: null,
    removed_devices: [{ id: 'default/lamp', name: 'lamp' }],
  });
  assert.deepEqual(twin.take(MEMBERSHIP)[0]?.['removed_devices'], [{ id: 'default/lamp', name: 'lamp' }]);
  assert.deepEqual(await twin.store.read({ sql: 'SELECT id FROM device' }), []);
});

test('an update is committed before it is answered and acknowledged', async () => {
  let writes = 0;
  let open = 0;
  await using twin = await startTwin({
    wrapStore: (store) => ({
      read: store.read,
      async write(statements) {
        open += 1;
        const changes = await store.write(statements);
        open -= 1;
        writes += 1;
        return changes;
      },
    }),
  });
  await add(twin, 'default/lamp');
  const before = writes;
  const acknowledged = twin.mqtt(`${base('default/lamp')}/twin/update`, actual('t', '1', 'int'));
  while (open === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(twin.take(`${base('default/lamp')}/twin/update/result`), []);
  await acknowledged;
  assert.equal(writes, before + 1);
  assert.equal(twin.take(`${base('default/lamp')}/twin/update/result`).length, 1);
  const [row] = await twin.store.read({ sql: 'SELECT actual, attr_type FROM device_twin' });
  assert.deepEqual({ ...row }, { actual: '1', attr_type: 'int' });
});

test('a thousand updates at once are answered in order and leave one row', async () => {
  await using twin = await startTwin();
  await add(twin, 'default/lamp');
  const topic = `${base('default/lamp')}/twin/update`;
  await Promise.all(
    [...Array(1000).keys()].map((n) => twin.mqtt(topic, { ...actual('t', `${n}`), event_id: `${n}` })),
  );
  const results = twin.take(`${topic}/result`);
  assert.deepEqual(
    results.map((one) => one['event_id']),
    [...Array(1000).keys()].map(String),
  );
  const rows = await twin.store.read({ sql: 'SELECT actual, actual_version FROM device_twin' });
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [{ actual: '999', actual_version: '{"cloud":0,"edge":1000}' }],
  );
});

test('a desired value in the Device reaches mappers as document and delta until it is reported', async () => {
  await using twin = await startTwin();
  await twin.message('meta', 'insert', 'default/devicemodel/fan-model', model('INT'));
  await twin.message('meta', 'insert', 'default/device/fan', fan('3', '10'));
  assert.equal(twin.take(MEMBERSHIP).length, 1);
  const topic = `${base('default/fan')}/twin/update`;
  const [document] = twin.take(`${topic}/document`);
  assert.match(JSON.stringify(document), /"speed":\{"last":null,"current":.*"metadata":\{"type":"int"\}/);
  assert.deepEqual(twin.take(`${topic}/delta`)[0]?.['delta'], { speed: '3' });
  await twin.mqtt(topic, actual('speed', '2'));
  await twin.mqtt(topic, actual('speed', '2'));
  assert.equal(twin.take(`${topic}/delta`).length, 2);
  await twin.mqtt(topic, actual('speed', '3'));
  assert.deepEqual(twin.take(`${topic}/delta`), []);
  await twin.message('meta', 'update', 'default/device/fan', fan('3', '11'));
  assert.deepEqual(twin.take(`${topic}/delta`), []);
  await twin.message('meta', 'update', 'default/device/fan', fan('4', '12'));
  assert.deepEqual(twin.take(`${topic}/delta`)[0]?.['delta'], { speed: '4' });
  const [row] = await twin.store.read({ sql: 'SELECT expected, expected_version FROM device_twin' });
  assert.deepEqual({ ...row }, { expected: '4', expected_version: '{"cloud":12,"edge":0}' });
  await twin.message('meta', 'update', 'default/device/fan', fan('4', '13', []));
  await twin.mqtt(`${base('default/fan')}/twin/get`, {});
  assert.deepEqual(twin.take(`${base('default/fan')}/twin/get/result`)[0]?.['twin'], {});
});

test('a model that comes after its device gives the type then', async () => {
  await using twin = await startTwin();
  await twin.message('meta', 'insert', 'default/device/fan', fan('3', '10'));
  await twin.message('meta', 'insert', 'default/devicemodel/fan-model', model('INT'));
  const [row] = await twin.store.read({ sql: 'SELECT attr_type, expected FROM device_twin' });
  assert.deepEqual({ ...row }, { attr_type: 'int', expected: '3' });
});

test('a Device stored by MetaManager just before a crash is applied at the next start', async () => {
  await using twin = await startTwin();
  const rows = [
    ['default/devicemodel/fan-model', 'devicemodel', JSON.stringify(model('INT'))],
    ['default/device/fan', 'device', JSON.stringify(fan('7', '20'))],
    ['default/device/broken', 'device', '{'],
    ['default/device/updated', 'device', JSON.stringify(fan('1', '3'))],
  ];
  await twin.store.write(
    rows.map((params) => ({ sql: 'INSERT INTO meta (key, type, value) VALUES (?, ?, ?)', params })),
  );
  await twin.restart();
  assert.deepEqual(twin.take(`${base('default/fan')}/twin/update/delta`)[0]?.['delta'], { speed: '7' });
  await twin.restart();
  assert.deepEqual(twin.take(`${base('default/fan')}/twin/update/document`).length, 1);
});

test('deleting the Device removes it with its twins, once', async () => {
  await using twin = await startTwin();
  await twin.message('meta', 'insert', 'default/device/fan', fan('3', '10'));
  await twin.message('meta', 'delete', 'default/device/fan', null);
  await twin.message('devicecontroller', 'update', 'membership', {
    added_devices: null,
    removed_devices: [{ id: 'default/fan' }],
  });
  assert.equal(twin.take(MEMBERSHIP).filter((one) => one['removed_devices'] !== null).length, 1);
  assert.deepEqual(await twin.store.read({ sql: 'SELECT id FROM device_twin' }), []);
});

test('mappers of KubeEdge 1.9 are answered on their topics and get deltas there', async () => {
  await using twin = await startTwin();
  await twin.message('meta', 'insert', 'default/device/fan', fan('3', '10'));
  twin.published.length = 0;
  await twin.mqtt(`${base('fan')}/twin/update`, actual('speed', '1'));
  assert.deepEqual(
    twin.published.map(({ topic }) => topic),
    [
      `${base('fan')}/twin/update/result`,
      `${base('default/fan')}/twin/update/document`,
      `${base('fan')}/twin/update/document`,
      `${base('default/fan')}/twin/update/delta`,
      `${base('fan')}/twin/update/delta`,
    ],
  );
  await add(twin, 'other/fan');
  await twin.mqtt(`${base('fan')}/twin/update`, actual('speed', '1'));
  assert.equal(twin.take(`${base('fan')}/twin/update/result`).at(-1)?.['code'], 404);
});

test('a store that fails is answered with 500, and memory goes back to what is stored', async () => {
  let failing = false;
  const failed = (): Promise<never> => Promise.reject(storeErrors.create('STORE_FULL', { path: 'db' }));
  await using twin = await startTwin({
    wrapStore: (store: Store) => ({
      read: store.read,
      write: (statements) => (failing ? failed() : store.write(statements)),
    }),
  });
  await add(twin, 'default/lamp');
  const topic = `${base('default/lamp')}/twin/update`;
  await twin.mqtt(topic, actual('t', 'stored'));
  failing = true;
  await twin.mqtt(topic, actual('t', 'lost'));
  await twin.mqtt(`${base('default/lamp')}/state/update`, { event_id: 's', state: 'online' });
  assert.equal(twin.take(`${topic}/result`).at(-1)?.['code'], 500);
  assert.equal(twin.take(`${base('default/lamp')}/state/update/result`).at(-1)?.['code'], 500);
  failing = false;
  await twin.mqtt(`${base('default/lamp')}/twin/get`, {});
  const [got] = twin.take(`${base('default/lamp')}/twin/get/result`);
  assert.match(JSON.stringify(got), /"t":\{"actual":\{"value":"stored"/);
});

test('a busy store is tried again before anybody hears of it', async () => {
  let failures = 3;
  await using twin = await startTwin({
    wrapStore: (store: Store) => ({
      read: store.read,
      write: (statements) =>
        statements.some(({ sql }) => sql.includes('device_twin SET')) && failures-- > 0
          ? Promise.reject(storeErrors.create('STORE_FAILED', { path: 'db', problem: 'busy' }))
          : store.write(statements),
    }),
  });
  await add(twin, 'default/lamp');
  const topic = `${base('default/lamp')}/twin/update`;
  await twin.mqtt(topic, actual('t', '1'));
  await twin.mqtt(topic, actual('t', '2'));
  assert.deepEqual(
    twin.take(`${topic}/result`).map((one) => one['code']),
    [undefined, undefined],
  );
});

test('a membership list of the cloud removes what is not on it', async () => {
  await using twin = await startTwin();
  await add(twin, 'default/a', 'default/b');
  await twin.message('devicecontroller', 'update', 'membership/detail', {
    event_id: 'x',
    timestamp: 1,
    devices: [
      { id: 'default/b', name: 'b' },
      { id: 'default/c', name: 'c' },
    ],
  });
  const rows = await twin.store.read({ sql: 'SELECT id FROM device ORDER BY id' });
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['default/b', 'default/c'],
  );
});

test('messages of a 1.9 cloud: twins in membership, desired change, and the refusal of an older one', async () => {
  await using twin = await startTwin();
  const pressure = (value: string, cloud: number, type = 'float') => ({
    pressure: {
      expected: { value, metadata: { timestamp: 1 } },
      optional: false,
      metadata: { type },
      expected_version: { cloud, edge: 0 },
    },
  });
  await twin.message('edgehub', 'connect', 'node/connection', 'cloud_connected');
  await twin.message('devicecontroller', 'update', 'membership', {
    event_id: 'm',
    timestamp: 1,
    added_devices: [
      {
        id: 'boiler-7',
        name: 'boiler-7',
        description: 'd',
        twin: pressure('2.5', 10),
        attributes: { serial: { value: 'A17' } },
      },
    ],
    removed_devices: null,
  });
  const topic = `${base('boiler-7')}/twin/update`;
  assert.deepEqual(twin.take(`${topic}/delta`)[0]?.['delta'], { pressure: '2.5' });
  assert.equal(JSON.stringify(twin.take(MEMBERSHIP)).includes('version'), false);
  assert.equal(twin.take(`${base('boiler-7')}/updated`).length, 1);
  await twin.message('devicecontroller', 'update', 'device/boiler-7/twin/cloud_updated', {
    event_id: 'c',
    timestamp: 1,
    twin: pressure('2.6', 11),
  });
  assert.equal(twin.take(`${topic}/document`).at(-1)?.['event_id'], 'c');
  await twin.mqtt(topic, { event_id: 'local', twin: { pressure: { expected: { value: '9' } } } });
  const before = twin.toCloud.length;
  await twin.message('devicecontroller', 'response', 'twin', 'OK', twin.toCloud.at(-1)?.header.msg_id);
  await twin.message('devicecontroller', 'update', 'device/boiler-7/twin/cloud_updated', {
    event_id: 'late',
    timestamp: 1,
    twin: pressure('2.7', 12),
  });
  const report = twin.toCloud.slice(before).at(-1);
  assert.equal(report?.route.resource, 'device/boiler-7/twin/edge_updated');
  assert.match(
    JSON.stringify(report?.content),
    /"expected":\{"value":"9".*"expected_version":\{"cloud":11,"edge":1\}/,
  );
});

test('garbage on every topic and from the cloud is answered or ignored, and the next request works', async () => {
  await using twin = await startTwin();
  await add(twin, 'default/lamp');
  const garbage: unknown[] = [
    '',
    'null',
    '[]',
    '7',
    '"x"',
    '{',
    '{"twin":7}',
    '{"state":7}',
    '{"__proto__":{"a":1}}',
    Buffer.from([0xff, 0xfe, 0]),
    'x'.repeat(100_000),
    '[['.repeat(50_000),
  ];
  const topics = ['twin/update', 'twin/get', 'twin/cloud_updated', 'twin/nonsense', 'state/update'].flatMap(
    (suffix) =>
      ['default/lamp', 'lamp', '', '/', 'default/', 'nope', '#'].map((id) => `${base(id)}/${suffix}`),
  );
  // An answer to this one would not fit into a topic.
  topics.push(`${base('x'.repeat(65_400))}/twin/update`);
  for (const topic of [
    ...topics,
    '$hw/events/node/x/membership/get',
    '$hw/events/device',
    '$hw/events/node/x',
  ]) {
    for (const payload of garbage) await twin.mqtt(topic, payload);
  }
  for (const content of [
    null,
    [],
    'x',
    7,
    {},
    { added_devices: [null, 7, { id: 7 }, { id: 'a/b/c' }, { id: '+' }] },
    { twin: { a: 7 } },
  ]) {
    for (const resource of [
      'membership',
      'membership/detail',
      'device/default/lamp/twin/cloud_updated',
      'device/default/lamp',
      'x',
      '',
    ]) {
      await twin.message('devicecontroller', 'update', resource, content);
      await twin.message('devicecontroller', 'updated', resource, content);
      await twin.message('nobody', 'update', resource, content);
      if (!resource.startsWith('membership'))
        await twin.message('meta', 'update', 'default/device/other', content);
    }
  }
  assert.ok(twin.published.every(({ topic }) => topic.length < 2000));
  await add(twin, 'default/lamp');
  await twin.mqtt(`${base('default/lamp')}/twin/update`, actual('t', 'fine'));
  assert.equal(twin.take(`${base('default/lamp')}/twin/update/result`).at(-1)?.['code'], undefined);
});
