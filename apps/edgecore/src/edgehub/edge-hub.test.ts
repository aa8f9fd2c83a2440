import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Message, newMessage } from '@kubeedge-ts/apis';
import { type Bus, createBus, type Subscription } from '@kubeedge-ts/beehive';
import { viaductErrors } from '@kubeedge-ts/errors';
import { seededRandom, silentLogger } from '@kubeedge-ts/runtime';
import { createEdgeHub, type EdgeHub } from './edge-hub.ts';
import { createFakeCloud, type FakeCloud, type FakeLink } from './testing/fake-cloud.ts';
import { createManualClock, type ManualClock, until } from './testing/manual-clock.ts';

interface Rig {
  readonly cloud: FakeCloud;
  readonly bus: Bus;
  readonly clock: ManualClock;
  readonly hub: EdgeHub;
  readonly refusals: { count: number };
  /** Messages a module has received so far. */
  inbox(module: string): Message[];
  link(index?: number): FakeLink;
}

async function withHub(
  work: (rig: Rig) => Promise<void>,
  extra: { queueCapacity?: number; modules?: readonly (readonly [string, string])[] } = {},
): Promise<void> {
  const cloud = createFakeCloud();
  const clock = createManualClock();
  const bus = createBus(clock);
  const random = seededRandom(7);
  const refusals = { count: 0 };
  const inboxes = new Map<string, Message[]>();
  const subscriptions: Subscription[] = [];
  const modules = extra.modules ?? [
    ['metamanager', 'meta'],
    ['twin', 'twin'],
    ['eventbus', 'bus'],
  ];
  for (const [module, group] of modules) {
    const subscription = bus.register({ module, group });
    subscriptions.push(subscription);
    const messages: Message[] = [];
    inboxes.set(module, messages);
    void (async () => {
      for (let m = await subscription.mailbox.take(); m; m = await subscription.mailbox.take())
        messages.push(m);
    })();
  }
  const hub = createEdgeHub({
    config: {
      nodeName: 'edge-a',
      projectId: 'p',
      websocketUrl: '127.0.0.1:10000',
      heartbeat: 15,
      rotateCertificates: false,
      storeEpoch: 'epoch-1',
    },
    transport: cloud.transport,
    identity: {
      obtain: async () => ({ ca: 'ca', cert: 'cert', key: 'key' }),
      refused: () => {
        refusals.count += 1;
      },
      keepRenewed: async () => {},
    },
    bus,
    clock,
    random,
    log: silentLogger,
    ...(extra.queueCapacity === undefined ? {} : { queueCapacity: extra.queueCapacity }),
  });
  await hub.start(new AbortController().signal);
  try {
    await work({
      cloud,
      bus,
      clock,
      hub,
      refusals,
      inbox: (module) => inboxes.get(module) ?? [],
      link: (index = 0) => cloud.links[index] as FakeLink,
    });
  } finally {
    await hub.stop();
    for (const subscription of subscriptions) subscription.close();
  }
}

const origin = { now: () => 1, uuid: () => crypto.randomUUID() };
const down = (group: string, source: string, resource: string, content: unknown, parent = ''): Message =>
  newMessage(origin, { source, group, operation: parent ? 'response' : 'update', resource, content, parent });
const up = (resource: string, source = 'edged', group = 'meta', operation = 'update'): Message =>
  newMessage(origin, { source, group, operation, resource, content: null });
const pod = { metadata: { name: 'web', namespace: 'default', uid: 'u' } };
const resources = (messages: readonly Message[]): unknown[] => messages.map((m) => m.route.resource);
const connected = ({ hub }: Rig): Promise<void> => until(() => hub.connected, 'a connection');

describe('connecting', () => {
  test('announces itself with name, project, store epoch, what it adds and a keepalive as first message', () =>
    withHub(async (rig) => {
      await connected(rig);
      await until(() => rig.link().received.length > 0);
      const { url, nodeName, projectId, headers } = rig.link().dialled;
      assert.equal(url, 'wss://127.0.0.1:10000/p/edge-a/events');
      assert.deepEqual([nodeName, projectId], ['edge-a', 'p']);
      assert.deepEqual(headers, {
        'x-kubeedge-ts-store': 'epoch-1',
        'x-kubeedge-ts-capabilities': 'services,event-answers,queries,inventory',
      });
      const { route, content } = rig.link().received[0] as Message;
      assert.deepEqual(
        { route, content },
        {
          route: { source: 'websocket', group: 'resource', operation: 'keepalive', resource: 'node' },
          content: 'ping',
        },
      );
    }));

  test('tells the modules about every connection and its end', () =>
    withHub(async (rig) => {
      await connected(rig);
      for (const [module, group] of [
        ['metamanager', 'meta'],
        ['twin', 'twin'],
        ['eventbus', 'bus'],
      ] as const) {
        await until(() => rig.inbox(module).length === 1);
        const [notice] = rig.inbox(module);
        assert.deepEqual(notice?.route, {
          source: 'edgehub',
          group,
          operation: 'connect',
          resource: 'node/connection',
        });
        assert.equal(notice?.content, 'cloud_connected');
      }
      rig.link().close();
      await until(() => rig.inbox('twin').length === 2);
      assert.equal(rig.inbox('twin')[1]?.content, 'cloud_disconnected');
      assert.equal(rig.hub.connected, false);
    }));

  test('a module that does not take its messages keeps no other from hearing', () =>
    withHub(
      async (rig) => {
        rig.bus.register({ module: 'eventbus', group: 'bus', capacity: 0 });
        await connected(rig);
        rig.link().close();
        await until(() => rig.inbox('metamanager').length === 2);
      },
      { modules: [['metamanager', 'meta']] },
    ));

  test('a keepalive follows every heartbeat, and pings watch the link', () =>
    withHub(async (rig) => {
      await connected(rig);
      const keepalives = () => rig.link().received.filter((m) => m.route.operation === 'keepalive').length;
      for (const expected of [1, 2, 3]) {
        await until(() => keepalives() === expected, `${expected} keepalives`);
        rig.clock.advance(15_000);
      }
      await until(() => rig.link().pings >= 2);
    }));

  test('tries again within a second, and for ever, when the cloud is away or refuses', () =>
    withHub(async (rig) => {
      await connected(rig);
      rig.cloud.failure = viaductErrors.create('VIADUCT_REFUSED', { url: 'u', status: 401, reason: 'no' });
      rig.link().close();
      const start = rig.clock.now();
      const tick = async (): Promise<void> => {
        rig.clock.advance(100);
        await new Promise((resolve) => setImmediate(resolve));
      };
      while (rig.refusals.count < 1) await tick();
      assert.ok(rig.clock.now() - start <= 1_100, `${rig.clock.now() - start} ms`);
      while (rig.refusals.count < 12) await tick();
      rig.cloud.failure = undefined;
      while (rig.cloud.links.length < 2) await tick();
      assert.ok(rig.hub.connected);
    }));
});

describe('what the cloud sends', () => {
  test('goes to the modules of its group', () =>
    withHub(async (rig) => {
      await connected(rig);
      await rig.link().send(down('resource', 'edgecontroller', 'default/pod/web', pod));
      await rig.link().send(down('twin', 'devicecontroller', 'membership', { event_id: 'e', timestamp: 1 }));
      await rig.link().send(down('twin', 'devicecontroller', 'twin', 'OK', 'some-id'));
      await rig.link().send(
        newMessage(origin, {
          source: 'router_eventbus',
          group: 'user',
          operation: 'publish',
          resource: 't',
          content: 'x',
        }),
      );
      await until(() => rig.inbox('eventbus').length === 2);
      assert.deepEqual(resources(rig.inbox('metamanager')), ['node/connection', 'default/pod/web']);
      assert.deepEqual(resources(rig.inbox('twin')), ['node/connection', 'membership', 'twin']);
      assert.deepEqual(resources(rig.inbox('eventbus')), ['node/connection', 't']);
    }));

  test('as an answer wakes who waits for it, and goes to metamanager when nobody does', () =>
    withHub(async (rig) => {
      await connected(rig);
      const question = up('default/configmap/app', 'edged', 'meta', 'query');
      const waiting = rig.bus.sendAndWait('websocket', question);
      await until(() => rig.link().received.some((m) => m.header.msg_id === question.header.msg_id));
      const answer = down('resource', 'edgecontroller', 'default/configmap/app', pod, question.header.msg_id);
      await rig.link().send(answer);
      assert.deepEqual(await waiting, answer);
      await rig.link().send(answer);
      await until(() => rig.inbox('metamanager').length === 2);
    }));

  test('and is not understood is refused and counted; what follows is served', () =>
    withHub(async (rig) => {
      await connected(rig);
      const frames = [
        'null',
        '[]',
        '""',
        '0',
        '{',
        '{}',
        '{"header":{"msg_id":"","timestamp":0},"route":{},"content":null}',
        `{"__proto__":{"a":1},"header":{"msg_id":"a","timestamp":1},"route":{}}`,
        '['.repeat(500),
        JSON.stringify(down('hub', 'edgecontroller', 'default/pod/web', pod)),
        JSON.stringify(down('resource', 'stranger', 'default/pod/web', pod)),
      ];
      for (const frame of frames) await rig.link().send(frame);
      assert.equal(rig.hub.counters.refused, frames.length);
      await rig.link().send(down('resource', 'edgecontroller', 'default/pod/web', pod));
      await until(() => rig.inbox('metamanager').length === 2);
    }));

  test('with a wrong content is answered with an error, so that the cloud can say so', () =>
    withHub(async (rig) => {
      await connected(rig);
      const broken = down('resource', 'edgecontroller', 'default/pod/web', ['no object']);
      await rig.link().send(broken);
      await until(() => rig.link().received.some((m) => m.route.operation === 'error'));
      const error = rig.link().received.find((m) => m.route.operation === 'error');
      assert.equal(error?.header.parent_msg_id, broken.header.msg_id);
    }));
});

describe('what the modules send', () => {
  test('overtakes less urgent messages while the socket does not keep up', () =>
    withHub(async (rig) => {
      await connected(rig);
      await until(() => rig.link().received.length === 1);
      rig.link().congested(true);
      const sent = [
        up('a/b', 'bus', 'user', 'upload'),
        up('a/c', 'bus', 'user', 'upload'),
        up('device/d/t/twin/edge_updated', 'twin', 'resource'),
        up('default/podpatch/web', 'edged', 'meta', 'patch'),
        up('kube-node-lease/lease/edge-a'),
      ];
      for (const message of sent) await rig.bus.send('websocket', message);
      await until(() => rig.link().received.length === 2);
      await new Promise((resolve) => setImmediate(resolve));
      rig.link().congested(false);
      await until(() => rig.link().received.length === 6);
      assert.deepEqual(resources(rig.link().received), [
        'node',
        'a/b',
        ...[4, 3, 2, 1].map((i) => sent[i]?.route.resource),
      ]);
    }));

  test('while disconnected is refused at once: the waiting asker is told, the others are counted', () =>
    withHub(async (rig) => {
      await connected(rig);
      rig.cloud.failure = new Error('away');
      rig.link().close();
      await until(() => !rig.hub.connected);
      const answer = await rig.bus.sendAndWait(
        'websocket',
        up('default/configmap/app', 'edged', 'meta', 'query'),
      );
      assert.equal(answer.route.operation, 'error');
      assert.match(String(answer.content), /not connected/);
      await rig.bus.send('websocket', up('a/b', 'bus', 'user', 'upload'));
      await until(() => rig.hub.counters.unsent === 2);
    }));

  test('and waits when the connection ends is handed back, not sent on the next one', () =>
    withHub(async (rig) => {
      await connected(rig);
      await until(() => rig.link().received.length === 1);
      rig.link().congested(true);
      await rig.bus.send('websocket', up('x/y/1'));
      await until(() => rig.link().received.length === 2);
      const waiting = rig.bus.sendAndWait('websocket', up('default/secret/s', 'edged', 'meta', 'query'));
      await new Promise((resolve) => setImmediate(resolve));
      rig.link().close();
      assert.equal((await waiting).route.operation, 'error');
    }));

  test('beyond the bound of its class is refused', () =>
    withHub(
      async (rig) => {
        await connected(rig);
        await until(() => rig.link().received.length === 1);
        rig.link().congested(true);
        for (let i = 0; i < 6; i++) await rig.bus.send('websocket', up(`a/${i}`, 'bus', 'user', 'upload'));
        await until(() => rig.hub.counters.unsent > 0);
        assert.equal(rig.hub.counters.unsent, 3);
      },
      { queueCapacity: 2 },
    ));
});

test('ping proves receipt, and is refused while disconnected', () =>
  withHub(async (rig) => {
    await connected(rig);
    await rig.hub.ping();
    rig.cloud.failure = new Error('away');
    rig.link().close();
    await until(() => !rig.hub.connected);
    await assert.rejects(rig.hub.ping(), { code: 'EDGE_DISCONNECTED' });
  }));

describe('deliver', () => {
  const events = ['default/event/a', 'default/event/b'].map((resource) => up(resource));

  test('resolves when all messages were written in order and a ping after them was answered', () =>
    withHub(async (rig) => {
      await connected(rig);
      const before = rig.link().pings;
      await rig.hub.deliver(events);
      const sent = rig.link().received.filter(({ route }) => route.resource?.includes('/event/'));
      assert.deepEqual(resources(sent), ['default/event/a', 'default/event/b']);
      assert.equal(rig.link().pings, before + 1);
    }));

  test('rejects while there is no connection, and when it ends before everything was written', () =>
    withHub(async (rig) => {
      await connected(rig);
      rig.link().congested(true);
      const delivery = rig.hub.deliver(events);
      await until(() => rig.link().received.some(({ route }) => route.resource === 'default/event/a'));
      rig.link().close();
      await assert.rejects(delivery);
      rig.cloud.failure = new Error('away');
      await until(() => !rig.hub.connected);
      await assert.rejects(rig.hub.deliver(events), { code: 'EDGE_DISCONNECTED' });
    }));

  test('rejects when the send queue has no room, and sends nothing of it later', () =>
    withHub(
      async (rig) => {
        await connected(rig);
        rig.link().congested(true);
        const first = rig.hub.deliver(events.slice(0, 1));
        await until(() => rig.link().received.some(({ route }) => route.resource === 'default/event/a'));
        const more = ['c', 'd', 'e'].map((name) => up(`default/event/${name}`));
        await assert.rejects(rig.hub.deliver(more), { code: 'EDGE_SEND_REFUSED' });
        rig.link().congested(false);
        await first;
      },
      { queueCapacity: 2 },
    ));
});
