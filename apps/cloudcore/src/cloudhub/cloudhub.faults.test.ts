import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nodes, objectSyncs } from '@kubeedge-ts/apis';
import { faultRules, withFaults } from '@kubeedge-ts/kube/testing';
import { ackAll, createHubBed, type HubBed, lines, named, wish } from './testing/hub-bed.ts';

const version = (bed: HubBed, uid: string): string | undefined =>
  named(bed.kube, objectSyncs, `a.${uid}`)?.status?.objectResourceVersion;

describe('several cloudcores (M6)', () => {
  test('a node that was elsewhere meanwhile is compared with what the other cloudcore noted', async () => {
    const one = await createHubBed();
    one.addNode('a');
    one.hub.downstream.want('a', wish());
    const link = one.transport.connect('a');
    await one.settle();
    await ackAll(one, link);
    link.drop();
    await one.clock.advance(3_000);

    const two = await createHubBed({ kube: one.kube, config: { advertiseAddress: '10.0.0.2' } });
    two.hub.downstream.want('a', wish({ uid: 'from-two' }));
    two.hub.downstream.want('a', wish({ version: '2' }));
    const there = two.transport.connect('a');
    await two.settle();
    await ackAll(two, there);
    await two.clock.advance(3_000);
    assert.equal(named(two.kube, nodes, 'a')?.metadata.annotations?.['cloudcore'], '10.0.0.2');
    there.drop();
    await two.settle();

    one.hub.downstream.want('a', wish({ version: '2' }));
    one.hub.downstream.settled('edgecontroller');
    const back = one.transport.connect('a');
    await one.settle();
    assert.deepEqual(lines(await ackAll(one, back)), ['delete shop/configmap/from-two']);
    assert.equal(named(one.kube, nodes, 'a')?.metadata.annotations?.['cloudcore'], '10.0.0.1');
    await Promise.all([one.stop(), two.stop()]);
  });

  test('without a connection no record is written', async () => {
    const bed = await createHubBed();
    bed.hub.downstream.want('a', wish());
    bed.hub.downstream.settled('edgecontroller');
    await bed.clock.advance(10_000);
    assert.deepEqual(bed.records(), []);
    await bed.stop();
  });

  test('a note gives way to whoever wrote the record in between', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    bed.hub.downstream.want('a', wish({ version: '5' }));
    await bed.settle();
    await ackAll(bed, link);
    const record = named(bed.kube, objectSyncs, 'a.u1');
    assert.ok(record);
    bed.kube.put(objectSyncs, { ...record, status: { objectResourceVersion: '6' } });
    await bed.clock.advance(3_000);
    assert.equal(version(bed, 'u1'), '6');
    await bed.stop();
  });
});

describe('the API server is in trouble', () => {
  test('records that cannot be listed are listed again; nothing is sent before', async () => {
    const bed = await createHubBed({
      client: (kube, clock) =>
        withFaults(
          kube,
          faultRules([{ verb: 'list', resource: 'objectsyncs', times: 2, fault: { kind: 'unreachable' } }]),
          clock,
        ),
    });
    const link = bed.transport.connect('a');
    bed.hub.downstream.want('a', wish());
    await bed.settle();
    assert.deepEqual(link.received, []);
    await bed.clock.advance(5_000);
    assert.deepEqual(lines(link.received), ['insert shop/configmap/u1']);
    await bed.stop();
  });

  test('a record whose creation got no answer is found, and its object sent', async () => {
    const bed = await createHubBed({
      client: (kube, clock) =>
        withFaults(kube, faultRules([{ verb: 'create', fault: { kind: 'lost-answer' } }]), clock),
    });
    const link = bed.transport.connect('a');
    bed.hub.downstream.want('a', wish());
    await bed.clock.advance(1_000);
    assert.deepEqual(lines(link.received), ['insert shop/configmap/u1']);
    await bed.stop();
  });

  test('one record that fails holds up only its object and what came after it', async () => {
    const bed = await createHubBed({
      client: (kube, clock) =>
        withFaults(
          kube,
          faultRules([{ verb: 'create', times: 3, fault: { kind: 'status', code: 500 } }]),
          clock,
        ),
    });
    const link = bed.transport.connect('a');
    await bed.settle();
    bed.hub.downstream.want('a', wish({ uid: 'slow' }));
    bed.hub.downstream.want('a', wish({ type: 'pod', uid: 'later-pod' }));
    await bed.settle();
    bed.hub.downstream.want('a', wish({ uid: 'other' }));
    await bed.settle();
    assert.equal(
      link.received.some(({ route }) => route.resource === 'shop/pod/later-pod'),
      false,
    );
    await bed.clock.advance(5_000);
    await ackAll(bed, link);
    assert.equal(bed.records().length, 3);
    await bed.stop();
  });

  test('in a namespace that is being deleted an object is delivered without a record', async () => {
    const refusal = { kind: 'status', code: 422 } as const;
    const bed = await createHubBed({
      client: (kube, clock) => withFaults(kube, faultRules([{ verb: 'create', fault: refusal }]), clock),
    });
    const link = bed.transport.connect('a');
    bed.hub.downstream.want('a', wish({ type: 'pod', uid: 'p1', deleting: true }));
    await bed.settle();
    assert.deepEqual(lines(await ackAll(bed, link)), ['update shop/pod/p1']);
    bed.hub.downstream.unwant('a', 'p1');
    await bed.settle();
    assert.deepEqual(lines(await ackAll(bed, link)), ['delete shop/pod/p1']);
    await bed.stop();
  });

  test('thousands of notes are written at 50/s, the newest of each record only', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    await bed.settle();
    for (let i = 0; i < 300; i++) bed.hub.downstream.want('a', wish({ uid: `u${i}` }));
    await bed.settle();
    await ackAll(bed, link);
    for (let i = 0; i < 300; i++)
      bed.hub.downstream.want('a', wish({ uid: `u${i}`, version: '2', hash: 'h1' }));
    const patches = () =>
      bed.kube.calls.filter(({ verb, subresource }) => verb === 'patch' && subresource === 'status');
    await bed.clock.advance(2_000);
    assert.ok(patches().length <= 50 + 50 + 1, `${patches().length} notes after 2 s`);
    await bed.clock.advance(10_000);
    assert.equal(patches().length, 300);
    await bed.stop();
  });
});
