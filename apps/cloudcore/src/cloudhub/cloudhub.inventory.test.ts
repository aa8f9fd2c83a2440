import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CAPABILITIES_HEADER, INVENTORY_RESOURCE, type Message } from '@kubeedge-ts/apis';
import type { FakeLink } from './testing/fake-link.ts';
import { ackAll, createHubBed, type HubBed, lines, wish } from './testing/hub-bed.ts';

const OURS = { 'x-kubeedge-ts-store': 's1', [CAPABILITIES_HEADER]: 'inventory' };

interface Asked {
  readonly bed: HubBed;
  readonly link: FakeLink;
  readonly question: Message;
  answer(content: unknown, operation?: string): Promise<void>;
}

/** A node of ours that has just connected and has been asked; one ConfigMap waits to be sent. */
async function withQuestion(work: (asked: Asked) => Promise<void>): Promise<void> {
  const bed = await createHubBed();
  bed.hub.downstream.want('a', wish());
  const link = bed.transport.connect('a', OURS);
  await bed.settle();
  const question = link.received.shift() ?? assert.fail('not asked');
  const answer = async (content: unknown, operation = 'response'): Promise<void> => {
    const { source = '', group = '', resource = '' } = question.route;
    await link.send({ source, group, resource, operation, content, parent: question.header.msg_id });
    await bed.settle();
  };
  try {
    await work({ bed, link, question, answer });
  } finally {
    await bed.stop();
  }
}

describe('inventory', () => {
  test('is asked for as first message; what is missing follows the answer', () =>
    withQuestion(async ({ link, question, answer }) => {
      const { route, content } = question;
      assert.deepEqual(route, {
        source: 'cloudhub',
        group: 'resource',
        operation: 'query',
        resource: INVENTORY_RESOURCE,
      });
      const { types, digest } = content as { types: string[]; digest: string };
      assert.deepEqual(types.sort(), [
        'configmap',
        'device',
        'devicemodel',
        'node',
        'pod',
        'secret',
        'service',
      ]);
      assert.equal(typeof digest, 'string');
      assert.deepEqual(link.received, []);
      await answer({ same: true });
      assert.deepEqual(lines(link.received), ['insert shop/configmap/u1']);
    }));

  test('tells of objects the edge should not have: they are deleted once the controllers have spoken', () =>
    withQuestion(async ({ bed, link, answer }) => {
      await answer({
        objects: [
          ['shop/configmap/u1', 'u1', 'h1'],
          ['shop/pod/old', 'u0', 'x'],
        ],
      });
      assert.deepEqual(link.received, []);
      bed.hub.downstream.settled('edgecontroller');
      await bed.settle();
      assert.deepEqual(lines(await ackAll(bed, link)), ['delete shop/pod/old']);
      assert.equal(bed.hub.counters.repaired, 1);
    }));

  for (const [what, content, operation] of [
    ['an error', 'the store is damaged', 'error'],
    ['no inventory', { objects: [['shop/configmap/u1', 7, 'h1']] }, 'response'],
    ['nothing', null, 'response'],
  ] as const) {
    test(`that is ${what} does not hold up delivery`, () =>
      withQuestion(async ({ bed, link, answer }) => {
        await answer(content, operation);
        assert.deepEqual(lines(link.received), ['insert shop/configmap/u1']);
        assert.equal(bed.hub.counters.acked, 0);
      }));
  }

  test('that does not come is not waited for longer than 30 s', () =>
    withQuestion(async ({ bed, link }) => {
      await bed.clock.advance(20_000);
      await link.send({ source: 'websocket', operation: 'keepalive', resource: 'node', content: 'ping' });
      await bed.clock.advance(9_000);
      assert.deepEqual(link.received, []);
      await bed.clock.advance(1_000);
      assert.deepEqual(lines(link.received), ['insert shop/configmap/u1']);
    }));

  test('is asked for again every 8 to 12 minutes, at each node at another time', async () => {
    const bed = await createHubBed();
    const links = ['a', 'b'].map((node) => ({ link: bed.transport.connect(node, OURS), at: 0 }));
    const answerAll = async (): Promise<number> => {
      let count = 0;
      for (const { link } of links) {
        for (const { route, header } of link.received.splice(0)) {
          if (route.resource !== INVENTORY_RESOURCE) continue;
          count += 1;
          const { source = '', group = '', resource = '' } = route;
          await link.send({
            source,
            group,
            resource,
            operation: 'response',
            content: { same: true },
            parent: header.msg_id,
          });
        }
      }
      await bed.settle();
      return count;
    };
    await bed.settle();
    assert.equal(await answerAll(), 2);
    const minutes: number[] = [];
    for (let second = 20; second <= 720; second += 20) {
      for (const { link } of links)
        await link.send({ source: 'websocket', operation: 'keepalive', resource: 'node', content: 'ping' });
      await bed.clock.advance(20_000);
      for (let n = await answerAll(); n > 0; n--) minutes.push(second / 60);
    }
    assert.equal(minutes.length, 2);
    assert.ok(minutes.every((minute) => minute >= 8 && minute <= 12.1));
    assert.notEqual(minutes[0], minutes[1]);
    await bed.stop();
    assert.equal(bed.clock.pending, 0);
  });

  test('is not asked of upstream edges, nor of edges that hash in another way', async () => {
    const others: readonly Record<string, string>[] = [
      {},
      { 'x-kubeedge-ts-store': 's1' },
      { ...OURS, [CAPABILITIES_HEADER]: 'services,inventory-2' },
    ];
    for (const headers of others) {
      const bed = await createHubBed();
      bed.hub.downstream.want('a', wish());
      const link = bed.transport.connect('a', headers);
      await bed.settle();
      assert.deepEqual(lines(link.received), ['insert shop/configmap/u1']);
      await bed.stop();
    }
  });

  test('a connection that ends before the answer leaves no timer', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a', OURS);
    await bed.settle();
    const { pending } = bed.clock;
    link.drop();
    await bed.settle();
    assert.ok(bed.clock.pending < pending);
    await bed.stop();
    assert.equal(bed.clock.pending, 0);
  });
});
