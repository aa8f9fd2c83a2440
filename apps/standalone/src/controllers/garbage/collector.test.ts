import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ConfigMap,
  configMaps,
  type KubeObject,
  nodes,
  type Resource,
  type UnknownObject,
} from '@kubeedge-ts/apis';
import { createCluster, NAMESPACE, node } from '../testing/cluster.ts';
import { createGarbageCollector } from './collector.ts';

const widgets: Resource<UnknownObject> = {
  group: 'example.com',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};
const start = async () => {
  const cluster = createCluster({ resources: [widgets] });
  await cluster.run((ports) => [createGarbageCollector(ports)]);
  const owned = (name: string, owners: readonly KubeObject[], block = false): ConfigMap =>
    cluster.kube.put(configMaps, {
      metadata: {
        name,
        namespace: NAMESPACE,
        ownerReferences: owners.map((owner) => ({
          apiVersion: String(owner.apiVersion),
          kind: String(owner.kind),
          name: owner.metadata.name,
          uid: String(owner.metadata.uid),
          ...(block ? { blockOwnerDeletion: true } : {}),
        })),
      },
    });
  const names = () => cluster.kube.objects(configMaps).map(({ metadata }) => metadata.name);
  const drop = (name: string, propagationPolicy?: 'Foreground' | 'Orphan') =>
    cluster.ports.client.delete(configMaps, { namespace: NAMESPACE, name }, { propagationPolicy });
  const settle = () => cluster.clock.advance(1000);
  return { ...cluster, owned, names, drop, settle };
};

describe('the garbage collector', () => {
  test('deletes what a deleted object owned, down to the last generation', async () => {
    const { owned, names, drop, settle, stop } = await start();
    const owner = owned('a', []);
    const child = owned('b', [owner]);
    owned('c', [child]);
    owned('other', []);
    await settle();
    await drop('a');
    await settle();
    assert.deepEqual(names(), ['other']);
    await stop();
  });

  test('keeps what another owner still has, without the reference to the one that is gone', async () => {
    const { owned, kube, names, drop, settle, stop } = await start();
    const [first, second] = [owned('a', []), owned('b', [])];
    owned('c', [first, second]);
    await settle();
    await drop('a');
    await settle();
    assert.deepEqual(names(), ['b', 'c']);
    assert.deepEqual(
      kube.objects(configMaps)[1]?.metadata.ownerReferences?.map(({ name }) => name),
      ['b'],
    );
    await drop('b');
    await settle();
    assert.deepEqual(names(), []);
    await stop();
  });

  test('deletes an object whose owner was gone before, or is another of the same name', async () => {
    const { owned, names, kube, settle, stop } = await start();
    const owner = owned('a', []);
    kube.remove(configMaps, owner.metadata);
    owned('late', [owner]);
    owned('a', []);
    await settle();
    assert.deepEqual(names(), ['a']);
    await stop();
  });

  test('in the foreground deletes dependents first', async () => {
    const { owned, names, kube, drop, settle, stop } = await start();
    const owner = owned('a', []);
    const child = owned('b', [owner], true);
    const last = owned('c', [child], true);
    kube.put(configMaps, { ...last, metadata: { ...last.metadata, finalizers: ['test/hold'] } });
    await settle();
    await drop('a', 'Foreground');
    await settle();
    assert.deepEqual(names(), ['a', 'b', 'c']);
    await kube.patch(configMaps, last.metadata, { type: 'merge', body: { metadata: { finalizers: null } } });
    await settle();
    assert.deepEqual(names(), []);
    await stop();
  });

  test('orphans dependents when asked to', async () => {
    const { owned, names, kube, drop, settle, stop } = await start();
    const owner = owned('a', []);
    owned('b', [owner]);
    await settle();
    await drop('a', 'Orphan');
    await settle();
    assert.deepEqual(names(), ['b']);
    assert.deepEqual(kube.objects(configMaps)[0]?.metadata.ownerReferences, []);
    await stop();
  });

  test('follows owners of any resource, cluster-wide and custom ones included', async () => {
    const { owned, kube, names, settle, stop } = await start();
    const machine = kube.put(nodes, node('n'));
    const widget = kube.put(widgets, { metadata: { name: 'w', namespace: NAMESPACE } });
    owned('of-node', [machine]);
    owned('of-widget', [widget]);
    await settle();
    kube.remove(nodes, { name: 'n' });
    await settle();
    assert.deepEqual(names(), ['of-widget']);
    kube.remove(widgets, widget.metadata);
    await settle();
    assert.deepEqual(names(), []);
    await stop();
  });

  test('never deletes on account of an owner of a kind that is not served', async () => {
    const { owned, names, clock, stop } = await start();
    owned('kept', [{ apiVersion: 'gone.io/v1', kind: 'Gone', metadata: { name: 'g', uid: 'u' } }]);
    await clock.advance(120_000);
    assert.deepEqual(names(), ['kept']);
    await stop();
  });
});
