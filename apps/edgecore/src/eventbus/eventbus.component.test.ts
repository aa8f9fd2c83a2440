import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { mosquittoMissing, startMosquitto } from '@kubeedge-ts/testing/mosquitto';
import { type Site, startSite, until } from './testing/harness.ts';
import { connectMapper, type TestMapper } from './testing/mapper.ts';

const LAMP = '$hw/events/device/default/lamp';
const update = (value: string, eventId = 'e') => ({
  event_id: eventId,
  timestamp: 1,
  twin: { t: { actual: { value }, metadata: { type: 'string' } } },
});
const GARBAGE: readonly (string | Buffer)[] = [
  '',
  'null',
  '[]',
  '"x"',
  '7',
  '{',
  '{"twin":[]}',
  '{"__proto__":{"polluted":1}}',
  Buffer.from([0xff, 0xfe, 0xfd, 0x00]),
  `{"twin":${'['.repeat(100_000)}`,
];
/** One concrete topic per subscription of edgecore. */
const SUBSCRIBED = [
  '$hw/events/device/lamp/state/update',
  '$hw/events/device/lamp/twin/update',
  '$hw/events/device/lamp/twin/odd',
  `${LAMP}/state/update`,
  `${LAMP}/twin/update`,
  `${LAMP}/twin/get`,
  `${LAMP}/twin/cloud_updated`,
  '$hw/events/node/edge-go/membership/get',
  '$hw/events/upload/x',
  'SYS/dis/upload_records',
  'ns/user/x',
];

/** What holds for every broker. */
async function promises(site: Site, url: string): Promise<void> {
  await using mapper = await connectMapper(url, ['$hw/#']);
  await answers(mapper);
  await survivesGarbage(mapper);
  await uploads(site, mapper);
  await oversized(mapper);
}

async function answers(mapper: TestMapper): Promise<void> {
  await listening(mapper);
  const id = randomUUID();
  const heard = (text: string) => mapper.heard.some((one) => one.text.includes(id) && one.topic === text);
  await mapper.publish(`${LAMP}/twin/update`, update('1', id));
  await until(() => heard(`${LAMP}/twin/update/result`) && heard(`${LAMP}/twin/update/document`));
  await mapper.publish('$hw/events/device/lamp/twin/get', { event_id: id });
  await until(() => heard('$hw/events/device/lamp/twin/get/result'));
}

/** Asks until edgecore answers: it connects to an outside broker in its own time. */
async function listening(mapper: TestMapper): Promise<void> {
  const id = randomUUID();
  while (!mapper.heard.some(({ topic, text }) => topic.endsWith('/result') && text.includes(id))) {
    await mapper.publish(`${LAMP}/twin/get`, { event_id: id });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function survivesGarbage(mapper: TestMapper): Promise<void> {
  for (const topic of SUBSCRIBED) for (const payload of GARBAGE) await mapper.publish(topic, payload, 0);
  const id = randomUUID();
  await mapper.publish(`${LAMP}/twin/update`, update('after', id));
  await until(() => mapper.heard.some(({ topic, text }) => topic.endsWith('/result') && text.includes(id)));
}

async function uploads(site: Site, mapper: TestMapper): Promise<void> {
  const topics = ['$hw/events/upload/a/b', 'SYS/dis/upload_records', 'ns/user/data'];
  for (const topic of topics) await mapper.publish(topic, `from ${topic}`);
  const sent = (topic: string) =>
    site.toCloud.find(({ route, content }) => route.resource === topic && content === `from ${topic}`);
  await until(() => topics.every((topic) => sent(topic) !== undefined));
  assert.deepEqual(sent('ns/user/data')?.route, {
    source: 'bus',
    group: 'user',
    operation: 'upload',
    resource: 'ns/user/data',
  });
}

async function oversized(mapper: TestMapper): Promise<void> {
  await mapper.publish(`${LAMP}/twin/update`, 'x'.repeat(1_048_577));
  await until(() => mapper.heard.some(({ payload }) => payload['reason'] === 'the payload is too large'));
}

describe('EventBus with its embedded broker (mode 0)', () => {
  test('requests are answered, garbage and sizes do no harm, uploads reach the cloud connection', async () => {
    await using site = await startSite({ mqttMode: 0 });
    await site.addDevice('default/lamp');
    await promises(site, await site.internalUrl());
  });

  test('a publish is acknowledged after its commit, and many wait for one together', async () => {
    let release = (): void => {};
    let gate: Promise<void> | undefined;
    let commits = 0;
    await using site = await startSite({
      mqttMode: 0,
      wrapStore: (store) => ({
        read: store.read,
        async write(statements) {
          commits += 1;
          await gate;
          return store.write(statements);
        },
      }),
    });
    await site.addDevice('default/lamp');
    await using mapper = await connectMapper(await site.internalUrl(), []);
    const before = commits;
    gate = new Promise((resolve) => {
      release = resolve;
    });
    let acknowledged = 0;
    const all = [...Array(50).keys()].map((n) =>
      mapper.publish(`${LAMP}/twin/update`, update(`${n}`)).then(() => acknowledged++),
    );
    await until(() => commits > before);
    assert.equal(acknowledged, 0);
    release();
    gate = undefined;
    await Promise.all(all);
    assert.ok(commits - before < 10);
  });

  test("clients cannot publish edgecore's answers or broker topics", async () => {
    await using site = await startSite({ mqttMode: 0 });
    const url = await site.internalUrl();
    await using watcher = await connectMapper(url, ['$hw/#', '$SYS/#']);
    await using intruder = await connectMapper(url, []);
    for (const topic of [
      `${LAMP}/twin/update/delta`,
      '$SYS/x',
      '$hw/events/node/edge-go/membership/updated',
    ]) {
      const closed = new Promise<void>((resolve) => intruder.client.once('close', () => resolve()));
      intruder.client.publish(topic, 'spoofed', { qos: 0 });
      await closed;
      await until(() => intruder.client.connected);
    }
    assert.ok(!watcher.heard.some(({ text }) => text === 'spoofed'));
  });

  test('a packet that announces 256 MiB ends its connection only', async () => {
    await using site = await startSite({ mqttMode: 0 });
    const url = await site.internalUrl();
    await using mapper = await connectMapper(url, ['x']);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3]));
    await closed;
    await mapper.publish('x', 'alive');
    await mapper.next('x');
  });

  test('a second program on the port is waited for, not died of', async () => {
    const { createServer } = await import('node:net');
    const { createInternalBroker } = await import('./internal.ts');
    const { seededRandom, silentLogger, systemClock } = await import('@kubeedge-ts/runtime');
    const occupant = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => occupant.once('listening', resolve));
    const { port } = occupant.address() as { port: number };
    const broker = createInternalBroker({
      config: {
        mqttServerInternal: `tcp://127.0.0.1:${port}`,
        mqttQOS: 0,
        mqttRetain: false,
        mqttSessionQueueSize: 100,
      } as Parameters<typeof createInternalBroker>[0]['config'],
      filters: new Set(),
      onMessage: (_, done) => done(),
      clock: systemClock,
      random: seededRandom(1),
      log: silentLogger,
    });
    broker.start();
    await new Promise((resolve) => setImmediate(resolve));
    occupant.close();
    assert.equal(await broker.listening, port);
    await broker.stop();
  });

  test('rules of the cloud subscribe, survive a restart, publish and end', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kubeedge-rules-'));
    try {
      {
        await using site = await startSite({ mqttMode: 0, folder });
        await site.send('eventbus', 'router_eventbus', 'subscribe', 'shop/orders', null);
        await site.send('eventbus', 'router_eventbus', 'subscribe', 'bad/#/filter', null);
        await site.send('eventbus', 'router_eventbus', 'publish', 'bad/+', 'x');
        await using mapper = await connectMapper(await site.internalUrl(), ['lights/cmd']);
        await site.send('eventbus', 'router_eventbus', 'publish', 'lights/cmd', '{"light":"on"}');
        assert.equal((await mapper.next('lights/cmd')).text, '{"light":"on"}');
        await site.send('eventbus', 'x', 'message', '', { message: { topic: 'lights/cmd', n: 1 } });
        assert.deepEqual((await mapper.next('lights/cmd')).payload, { topic: 'lights/cmd', n: 1 });
      }
      await using site = await startSite({ mqttMode: 0, folder });
      assert.deepEqual(
        (await site.store.read({ sql: 'SELECT topic FROM sub_topics' })).map(({ topic }) => topic),
        ['shop/orders'],
      );
      await using mapper = await connectMapper(await site.internalUrl(), []);
      await mapper.publish('shop/orders', 'one');
      await until(() => site.toCloud.some(({ route }) => route.resource === 'shop/orders'));
      await site.send('eventbus', 'router_eventbus', 'unsubscribe', 'shop/orders', null);
      while ((await site.store.read({ sql: 'SELECT 1 FROM sub_topics' })).length > 0);
      await mapper.publish('shop/orders', 'two');
      await mapper.publish('ns/user/last', 'last');
      await until(() => site.toCloud.some(({ content }) => content === 'last'));
      assert.ok(!site.toCloud.some(({ content }) => content === 'two'));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe(`EventBus with mosquitto${mosquittoMissing ? ` (${mosquittoMissing})` : ''}`, {
  skip: mosquittoMissing !== undefined,
}, () => {
  test('mode 2: requests are answered, garbage and sizes do no harm, uploads reach the cloud connection', async () => {
    await using broker = await startMosquitto();
    await using site = await startSite({ mqttMode: 2, externalUrl: broker.url });
    await site.addDevice('default/lamp');
    await promises(site, broker.url);
  });

  test('mode 1: both brokers are served, and answers go to both', async () => {
    await using broker = await startMosquitto();
    await using site = await startSite({ mqttMode: 1, externalUrl: broker.url });
    await site.addDevice('default/lamp');
    await promises(site, broker.url);
    await promises(site, await site.internalUrl());
    await using outside = await connectMapper(broker.url, ['$hw/#']);
    await using inside = await connectMapper(await site.internalUrl(), []);
    await inside.publish(`${LAMP}/twin/update`, update('x', 'crossing'));
    const { payload } = await outside.next(`${LAMP}/twin/update/result`);
    assert.equal(payload['event_id'], 'crossing');
  });

  test('a broker that comes late and goes away for a while is waited for', async () => {
    await using broker = await startMosquitto();
    await broker.stop();
    await using site = await startSite({ mqttMode: 2, externalUrl: broker.url });
    await site.addDevice('default/lamp');
    for (let round = 1; round <= 2; round++) {
      await broker.start();
      await using mapper = await connectMapper(broker.url, ['$hw/#']);
      // A broker without persistence forgets the session: ask until edgecore has subscribed again.
      await listening(mapper);
      await mapper.publish(`${LAMP}/twin/update`, update(`${round}`, `round ${round}`));
      const { payload } = await mapper.next(`${LAMP}/twin/update/result`);
      assert.equal(payload['event_id'], `round ${round}`);
      await broker.stop();
    }
  });

  test('updates published while edgecore restarts are applied afterwards', async () => {
    await using broker = await startMosquitto();
    const folder = await mkdtemp(join(tmpdir(), 'kubeedge-restart-'));
    try {
      {
        await using site = await startSite({ mqttMode: 2, externalUrl: broker.url, folder });
        await site.addDevice('default/lamp');
        await using mapper = await connectMapper(broker.url, ['$hw/#']);
        await answers(mapper);
      }
      await using mapper = await connectMapper(broker.url, [`${LAMP}/twin/update/result`]);
      await mapper.publish(`${LAMP}/twin/update`, update('while away'));
      await using site = await startSite({ mqttMode: 2, externalUrl: broker.url, folder });
      await mapper.next(`${LAMP}/twin/update/result`);
      const [row] = await site.store.read({ sql: 'SELECT actual FROM device_twin' });
      assert.equal(row?.['actual'], 'while away');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
