import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { objectSyncs } from '@kubeedge-ts/apis';
import { createFakeKube } from '@kubeedge-ts/kube/testing';
import { STORE_HEADER } from './hub-node.ts';
import { ackAll, createHubBed, type HubBed, lines, named, wish } from './testing/hub-bed.ts';

/** A second cloudcore on the same API server, with nothing in its memory. */
async function restart(bed: HubBed): Promise<HubBed> {
  return createHubBed({ kube: bed.kube });
}

const version = (bed: HubBed, uid: string): string | undefined =>
  named(bed.kube, objectSyncs, `a.${uid}`)?.status?.objectResourceVersion;

describe('what an edge gets', () => {
  test('an object goes out as the recording shows it, after its record exists', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    await bed.settle();
    bed.hub.downstream.want('a', wish({ type: 'pod', uid: 'u1', name: 'till-0', version: '48213' }));
    assert.equal(link.received.length, 0, 'nothing is sent before the record exists (LESSONS M12)');
    await bed.settle();
    const message = link.received[0] ?? assert.fail();
    assert.deepEqual(message.route, {
      source: 'edgecontroller',
      group: 'resource',
      operation: 'insert',
      resource: 'shop/pod/till-0',
    });
    assert.equal(message.header.resourceversion, '48213');
    assert.equal((message.content as { kind: string }).kind, 'Pod');
    const record = named(bed.kube, objectSyncs, 'a.u1');
    assert.equal(record?.metadata.namespace, 'shop');
    assert.deepEqual(record?.spec, { objectAPIVersion: 'v1', objectKind: 'Pod', objectName: 'till-0' });
    assert.equal(record?.status?.objectResourceVersion, '0');
    await bed.stop();
  });

  test('a record says a version only after the edge has acked it (LESSONS M8)', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    bed.hub.downstream.want('a', wish({ version: '5' }));
    await bed.clock.advance(4_000);
    assert.equal(version(bed, 'u1'), '0');
    await ackAll(bed, link);
    await bed.clock.advance(2_000);
    assert.equal(version(bed, 'u1'), '5');
    await bed.stop();
  });

  test('a node is a cluster-scoped object with a ClusterObjectSync', async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    bed.hub.downstream.want('a', wish({ type: 'node', uid: 'n1', name: 'a' }));
    await bed.settle();
    assert.deepEqual(lines(link.received), ['update null/node/a']);
    const [record] = bed.records();
    assert.deepEqual([record?.kind, record?.metadata.namespace], ['ClusterObjectSync', undefined]);
    await bed.stop();
  });

  test('what changed and what was deleted while the node was away is sent when it is back, and nothing else (A5)', async () => {
    const bed = await createHubBed();
    const first = bed.transport.connect('a');
    for (const uid of ['same', 'changed', 'deleted']) bed.hub.downstream.want('a', wish({ uid }));
    await bed.settle();
    await ackAll(bed, first);
    first.drop();
    await bed.settle();
    bed.hub.downstream.want('a', wish({ uid: 'changed', version: '2' }));
    bed.hub.downstream.unwant('a', 'deleted');
    bed.hub.downstream.want('a', wish({ uid: 'new' }));
    await bed.clock.advance(3_000);
    const second = bed.transport.connect('a');
    await bed.settle();
    const got = await ackAll(bed, second);
    assert.deepEqual(lines(got).sort(), [
      'delete shop/configmap/deleted',
      'insert shop/configmap/new',
      'update shop/configmap/changed',
    ]);
    await bed.stop();
  });

  test('after a restart of cloudcore nothing confirmed is resent, and what was deleted meanwhile is deleted (A5, M12)', async () => {
    const before = await createHubBed();
    const link = before.transport.connect('a');
    for (const uid of ['same', 'changed', 'deleted']) before.hub.downstream.want('a', wish({ uid }));
    await before.settle();
    await ackAll(before, link);
    await before.clock.advance(5_000);
    await before.stop();

    const after = await restart(before);
    after.hub.downstream.want('a', wish({ uid: 'same' }));
    after.hub.downstream.want('a', wish({ uid: 'changed', version: '2' }));
    const again = after.transport.connect('a');
    await after.settle();
    assert.deepEqual(lines(await ackAll(after, again)), ['update shop/configmap/changed']);
    after.hub.downstream.settled('devicecontroller');
    await after.settle();
    assert.equal(again.received.length, 0, 'the controller of configmaps has not spoken yet');
    after.hub.downstream.settled('edgecontroller');
    await after.settle();
    const removal = again.received[0] ?? assert.fail();
    assert.deepEqual(removal.route.operation, 'delete');
    assert.deepEqual(removal.content, { metadata: { name: 'deleted', namespace: 'shop', uid: 'deleted' } });
    assert.notEqual(version(after, 'deleted'), undefined, 'the record stays until the edge has acked');
    await ackAll(after, again);
    assert.equal(version(after, 'deleted'), undefined);
    await after.stop();
  });

  test('an object sent, acked and deleted while cloudcore was down is removed from the edge (M12)', async () => {
    const before = await createHubBed();
    const link = before.transport.connect('a');
    before.hub.downstream.want('a', wish({ type: 'pod', uid: 'p1' }));
    await before.settle();
    await ackAll(before, link);
    // Killed: no note was written after the ack.
    const after = await restart(before);
    after.hub.downstream.settled('edgecontroller');
    const again = after.transport.connect('a');
    await after.settle();
    assert.deepEqual(lines(await ackAll(after, again)), ['delete shop/pod/p1']);
    assert.deepEqual(after.records(), []);
    await after.stop();
  });

  test('deletes of devices come from the devicecontroller, whoever noticed', async () => {
    const bed = await createHubBed();
    const kind = 'devices'; // as KubeEdge 1.9 wrote it
    bed.kube.put(objectSyncs, {
      metadata: { name: 'a.d1', namespace: 'shop' },
      spec: { objectAPIVersion: 'devices.kubeedge.io/v1beta1', objectKind: kind, objectName: 'fridge' },
      status: { objectResourceVersion: '7' },
    });
    const after = await restart(bed);
    after.hub.downstream.settled('devicecontroller');
    const link = after.transport.connect('a');
    await after.settle();
    assert.deepEqual(lines(link.received), ['delete shop/device/fridge']);
    assert.equal(link.received[0]?.route.source, 'devicecontroller');
    await after.stop();
  });

  test("records of types nobody here decides about are left alone, e.g. upstream's services", async () => {
    const kube = createFakeKube();
    kube.put(objectSyncs, {
      metadata: { name: 'a.s1', namespace: 'shop' },
      spec: { objectAPIVersion: 'v1', objectKind: 'Service', objectName: 'till' },
      status: { objectResourceVersion: '7' },
    });
    const bed = await createHubBed({ kube });
    bed.hub.downstream.settled('edgecontroller');
    bed.hub.downstream.settled('devicecontroller');
    const link = bed.transport.connect('a');
    await bed.settle();
    assert.deepEqual(link.received, []);
    assert.equal(bed.records().length, 1);
    await bed.stop();
  });

  test("the edge's own status write raises the version and is not sent back; the version is noted (M11)", async () => {
    const bed = await createHubBed();
    const link = bed.transport.connect('a');
    bed.hub.downstream.want('a', wish({ version: '1', hash: 'h' }));
    await bed.settle();
    await ackAll(bed, link);
    bed.hub.downstream.want('a', wish({ version: '2', hash: 'h' }));
    await bed.clock.advance(3_000);
    assert.deepEqual(link.received, []);
    assert.equal(version(bed, 'u1'), '2');
    await bed.stop();
  });

  test('a change of the version alone is not resent after a restart once the hash was noted (M11)', async () => {
    const before = await createHubBed({ config: { keepaliveMs: 3_600_000 } });
    const link = before.transport.connect('a');
    before.hub.downstream.want('a', wish({ version: '1', hash: 'h' }));
    await before.settle();
    await ackAll(before, link);
    await before.clock.advance(620_000);
    assert.equal(named(before.kube, objectSyncs, 'a.u1')?.metadata.annotations?.['kubeedge.io/hash'], '1:h');
    await before.stop();
    const after = await restart(before);
    after.hub.downstream.want('a', wish({ version: '9', hash: 'h' }));
    const again = after.transport.connect('a');
    await after.settle();
    assert.deepEqual(again.received, []);
    await after.stop();
  });

  test('versions are compared for equality: after a restore they go down and objects are sent all the same (M14)', async () => {
    const before = await createHubBed();
    const link = before.transport.connect('a');
    before.hub.downstream.want('a', wish({ version: '900' }));
    await before.settle();
    await ackAll(before, link);
    await before.clock.advance(3_000);
    await before.stop();
    const after = await restart(before);
    after.hub.downstream.want('a', wish({ version: '300' }));
    const again = after.transport.connect('a');
    await after.settle();
    assert.deepEqual(lines(again.received), ['update shop/configmap/u1']);
    await after.stop();
  });

  test('a confirmation from another cluster proves nothing, equal version or not (M14)', async () => {
    const kube = createFakeKube();
    const annotations = { 'kubeedge.io/cluster': 'another', 'kubeedge.io/hash': '5:h5' };
    kube.put(objectSyncs, {
      metadata: { name: 'a.u1', namespace: 'shop', annotations },
      spec: { objectAPIVersion: 'v1', objectKind: 'ConfigMap', objectName: 'u1' },
      status: { objectResourceVersion: '5' },
    });
    const bed = await createHubBed({ kube });
    bed.hub.downstream.want('a', wish({ version: '5' }));
    const link = bed.transport.connect('a');
    await bed.settle();
    assert.deepEqual(lines(await ackAll(bed, link)), ['insert shop/configmap/u1']);
    await bed.clock.advance(3_000);
    assert.equal(bed.records()[0]?.metadata.annotations?.['kubeedge.io/cluster'], 'cluster-1');
    await bed.stop();
  });

  test('an edge with a new store gets everything again, an edge with the same store nothing (M15)', async () => {
    const bed = await createHubBed();
    const connect = async (store: string): Promise<string[]> => {
      const link = bed.transport.connect('a', { [STORE_HEADER]: store });
      await bed.settle();
      return lines(await ackAll(bed, link));
    };
    bed.hub.downstream.want('a', wish());
    assert.deepEqual(await connect('store-1'), ['insert shop/configmap/u1']);
    assert.deepEqual(await connect('store-1'), []);
    assert.deepEqual(await connect('store-2'), ['insert shop/configmap/u1']);
    await bed.clock.advance(3_000);
    const after = await restart(bed);
    after.hub.downstream.want('a', wish());
    const link = after.transport.connect('a', { [STORE_HEADER]: 'store-2' });
    await after.settle();
    assert.deepEqual(link.received, []);
    await after.stop();
  });
});
