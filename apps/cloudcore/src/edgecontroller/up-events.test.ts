import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Event, events, pods } from '@kubeedge-ts/apis';
import { faultRules, withFaults } from '@kubeedge-ts/kube/testing';
import { settle } from '../controllers/testing/settle.ts';
import {
  aPod,
  type EdgeWorld,
  type EdgeWorldOptions,
  edgeWorld,
  errorOf,
  NODE,
  put,
  requestOf,
} from './testing/edge-world.ts';

const about = { kind: 'Pod', namespace: 'shop', name: 'till', uid: 'uid-till' };
const event = (changes: object = {}): object => ({
  metadata: { name: 'e1', namespace: 'shop', creationTimestamp: null, finalizers: ['stay'] },
  involvedObject: about,
  reason: 'Pulled',
  source: { component: 'kubelet', host: 'another-node' },
  reportingInstance: 'another-node',
  count: 1,
  ...changes,
});
const world = (t: TestContext, options: EdgeWorldOptions = {}): Promise<EdgeWorld> =>
  edgeWorld(t, { ours: true, ...options, setUp: (kube) => void put(kube, pods, aPod('till')) });
const stored = ({ kube }: EdgeWorld): readonly Event[] => kube.objects(events);
const counts = (it: EdgeWorld) => stored(it).map(({ metadata, count }) => [metadata.name, count]);

describe('events of our own edges', () => {
  test('are written in the name of the node that sent them, and answered', async (t) => {
    const it = await world(t);
    const answer = await it.ask('insert', 'shop/event/e1', event());
    assert.equal(answer?.content, 'OK');
    const [written] = stored(it);
    assert.equal(written?.metadata.namespace, 'shop');
    assert.equal(written?.metadata.finalizers, undefined);
    assert.deepEqual(written?.source, { component: 'kubelet', host: NODE });
    assert.equal(written?.reportingInstance, NODE);
  });

  test('that come again are there already; counted up since, they are updated', async (t) => {
    const it = await world(t);
    await it.ask('insert', 'shop/event/e1', event());
    assert.equal(errorOf(await it.ask('insert', 'shop/event/e1', event()))?.reason, 'AlreadyExists');
    assert.equal((await it.ask('insert', 'shop/event/e1', event({ count: 3 })))?.content, 'OK');
    assert.equal((await it.ask('update', 'shop/event/e1', event({ count: 4 })))?.content, 'OK');
    assert.equal(
      errorOf(await it.ask('insert', 'shop/event/e1', event({ count: 2 })))?.reason,
      'AlreadyExists',
    );
    assert.deepEqual(counts(it), [['e1', 4]]);
  });

  test('that are counted up when the first has expired are written anew', async (t) => {
    const it = await world(t);
    assert.equal((await it.ask('update', 'shop/event/e1', event({ count: 7 })))?.content, 'OK');
    assert.deepEqual(counts(it), [['e1', 7]]);
  });

  test('cannot replace what somebody else has written', async (t) => {
    const it = await world(t);
    const theirs = {
      metadata: { name: 'e1', namespace: 'shop' },
      involvedObject: {},
      source: { host: 'edge-b' },
    };
    it.kube.put(events, theirs as Event);
    for (const operation of ['insert', 'update']) {
      const answer = await it.ask(operation, 'shop/event/e1', event({ count: 9 }));
      assert.equal(errorOf(answer)?.reason, 'Forbidden', operation);
    }
    const patch = { event: event(), patchData: '{"count":2}' };
    assert.equal(errorOf(await it.ask('patch', 'shop/event/e1', patch))?.reason, 'Forbidden');
    assert.deepEqual(counts(it), [['e1', undefined]]);
  });

  test('about pods of others are refused, about a pod that is just gone they are not', async (t) => {
    const it = await world(t);
    put(it.kube, pods, aPod('theirs', { nodeName: 'edge-b' }));
    it.kube.remove(pods, { namespace: 'shop', name: 'till' });
    await settle();
    const others = event({ involvedObject: { ...about, name: 'theirs', uid: 'uid-theirs' } });
    assert.equal(errorOf(await it.ask('insert', 'shop/event/e2', others))?.reason, 'Forbidden');
    assert.equal((await it.ask('insert', 'shop/event/e1', event()))?.content, 'OK');
    assert.deepEqual(counts(it), [['e1', 1]]);
  });

  test('wait for nothing when the API is away: the edge repeats them', async (t) => {
    const it = await world(t, {
      wrap: (kube, clock) =>
        withFaults(kube, faultRules([{ resource: 'events', fault: { kind: 'unreachable' } }]), clock),
    });
    assert.equal(errorOf(await it.ask('insert', 'shop/event/e1', event()))?.reason, 'ServiceUnavailable');
    assert.equal((await it.ask('insert', 'shop/event/e1', event()))?.content, 'OK');
  });

  test('whose answer of the API was lost are written once', async (t) => {
    const rule = { verb: 'create', resource: 'events', fault: { kind: 'lost-answer' } } as const;
    const it = await world(t, { wrap: (kube, clock) => withFaults(kube, faultRules([rule]), clock) });
    assert.equal(errorOf(await it.ask('insert', 'shop/event/e1', event()))?.reason, 'ServiceUnavailable');
    assert.equal(errorOf(await it.ask('insert', 'shop/event/e1', event()))?.reason, 'AlreadyExists');
    assert.deepEqual(counts(it), [['e1', 1]]);
  });

  test('that are changed by another writer meanwhile are tried again', async (t) => {
    const rule = { verb: 'update', resource: 'events', fault: { kind: 'status', code: 409 } } as const;
    const it = await world(t, { wrap: (kube, clock) => withFaults(kube, faultRules([rule]), clock) });
    await it.ask('insert', 'shop/event/e1', event());
    assert.equal((await it.ask('update', 'shop/event/e1', event({ count: 2 })))?.content, 'OK');
    assert.deepEqual(counts(it), [['e1', 2]]);
  });

  for (const content of [
    null,
    7,
    'text',
    [],
    {},
    { involvedObject: null },
    { event: { involvedObject: [] } },
  ]) {
    test(`${JSON.stringify(content)} is none`, async (t) => {
      const it = await world(t);
      const code = errorOf(await it.ask('insert', 'shop/event/e1', content))?.code;
      assert.ok(code === 400 || code === 403, String(code));
      assert.deepEqual(stored(it), []);
    });
  }
});

describe('events of upstream edges', () => {
  test('are written and never answered, whatever becomes of them', async (t) => {
    const it = await world(t, { ours: false });
    assert.equal(await it.ask('insert', 'shop/event/e1', event()), undefined);
    const patch = {
      event: event(),
      patchData: '{"count":2,"involvedObject":{"name":"x"},"source":{"host":"x"}}',
    };
    assert.equal(await it.ask('patch', 'shop/event/e1', patch), undefined);
    assert.deepEqual(counts(it), [['e1', 2]]);
    assert.deepEqual([stored(it)[0]?.involvedObject.name, stored(it)[0]?.source?.host], ['till', NODE]);
    assert.equal(await it.ask('insert', 'shop/event/e1', event()), undefined);
    const other = event({ involvedObject: { ...about, name: 'other', uid: 'o' } });
    assert.equal(await it.ask('insert', 'shop/event/e2', other), undefined);
    assert.equal(await it.ask('patch', 'shop/event/e1', { ...patch, patchData: 'null' }), undefined);
    assert.equal(stored(it).length, 1);
  });

  test('patched after the first one has expired are written anew', async (t) => {
    const it = await world(t, { ours: false });
    await it.ask('patch', 'shop/event/e1', { event: event({ count: 5 }), patchData: '{"count":5}' });
    assert.deepEqual(counts(it), [['e1', 5]]);
  });
});

describe('a flood of events', () => {
  const limits = { rate: { perSecond: 1, burst: 2 }, waiting: 4 };
  const flood = async (it: EdgeWorld, count: number) => {
    const requests = Array.from({ length: count }, (_, index) => {
      const name = `e${index}`;
      return requestOf('insert', `shop/event/${name}`, event({ metadata: { name, namespace: 'shop' } }));
    });
    for (const request of requests) await it.controller.upstream.receive(NODE, request);
    await settle();
    return requests;
  };

  test('is written at its pace, in order; what is too much is refused and delays nothing', async (t) => {
    const it = await world(t, { options: { events: limits } });
    const requests = await flood(it, 6);
    assert.deepEqual(
      stored(it).map(({ metadata }) => metadata.name),
      ['e0', 'e1'],
    );
    const answers = requests.map((request) => it.downstream.answerTo(request));
    const refused = answers.filter((answer) => answer !== undefined && errorOf(answer)?.code === 429);
    assert.equal(refused.length, 2);
    const status = requestOf('patch', 'shop/podpatch/till', '{"status":{"phase":"Running"}}');
    await it.controller.upstream.receive(NODE, status);
    await settle();
    assert.ok(it.downstream.answerTo(status), 'a status does not wait for events');
    await it.clock.advance(1_000);
    assert.equal(stored(it).length, 3);
    await it.clock.advance(1_000);
    await it.controller.idle();
    assert.deepEqual(
      stored(it).map(({ metadata }) => metadata.name),
      ['e0', 'e1', 'e2', 'e3'],
    );
  });

  test('of an upstream edge is cut without an answer', async (t) => {
    const it = await world(t, { ours: false, options: { events: limits } });
    await flood(it, 6);
    await it.clock.advance(10_000);
    await it.controller.idle();
    assert.equal(stored(it).length, 4);
    assert.deepEqual(it.downstream.posted, []);
  });

  test('leaves nothing behind when the node goes', async (t) => {
    const it = await world(t, { options: { events: limits } });
    await flood(it, 4);
    it.controller.lifecycle.disconnected(NODE);
    await it.clock.advance(10_000);
    await it.controller.idle();
    it.controller.lifecycle.arriving?.(NODE, {});
    const [again] = await flood(it, 1);
    assert.ok(again);
    assert.equal(stored(it).length, 4, 'a new budget, the same name');
  });
});
