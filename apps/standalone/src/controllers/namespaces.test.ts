import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configMaps, type Namespace, namespaces, pods, serviceAccounts } from '@kubeedge-ts/apis';
import { createNamespaceContents } from './namespace-contents.ts';
import { createNamespaceDeletion } from './namespace-deletion.ts';
import { createCluster, NAMESPACE, running } from './testing/cluster.ts';

const start = async () => {
  const cluster = createCluster();
  await cluster.run((ports, informers) => [
    createNamespaceContents(ports, informers, 'the CA'),
    createNamespaceDeletion(ports, informers),
  ]);
  cluster.kube.put<Namespace>(namespaces, {
    metadata: { name: NAMESPACE },
    spec: { finalizers: ['kubernetes'] },
  });
  await cluster.clock.advance(100);
  return cluster;
};
const rootCa = { namespace: NAMESPACE, name: 'kube-root-ca.crt' };

describe('a namespace', () => {
  test('gets its default service account and the root CA, and gets them back', async () => {
    const { kube, clock, stop } = await start();
    const account = { namespace: NAMESPACE, name: 'default' };
    assert.equal((await kube.get(serviceAccounts, account)).metadata.name, 'default');
    assert.deepEqual((await kube.get(configMaps, rootCa)).data, { 'ca.crt': 'the CA' });
    await kube.delete(serviceAccounts, account);
    await kube.delete(configMaps, rootCa);
    await clock.advance(100);
    await kube.get(serviceAccounts, account);
    await kube.patch(configMaps, rootCa, { type: 'merge', body: { data: { 'ca.crt': 'changed' } } });
    await clock.advance(100);
    assert.deepEqual((await kube.get(configMaps, rootCa)).data, { 'ca.crt': 'the CA' });
    await stop();
  });

  test('being deleted is emptied, pods before what they use, and then goes', async () => {
    const { kube, clock, kubelet, stop } = await start();
    const pod = { metadata: { namespace: NAMESPACE, name: 'p' }, spec: { containers: [{ name: 'c' }] } };
    kube.put(pods, running(pod, 'n1', 0));
    await kube.delete(namespaces, { name: NAMESPACE });
    await clock.advance(1000);
    assert.ok(kube.objects(pods)[0]?.metadata.deletionTimestamp);
    assert.equal(kube.objects(configMaps).length, 1);
    const remaining = kube
      .objects(namespaces)[0]
      ?.status?.conditions?.find(({ type }) => type === 'NamespaceContentRemaining');
    assert.equal(remaining?.message, 'Some resources are remaining: pods. has 1 resource instances');
    await kubelet();
    await clock.advance(1000);
    assert.equal(kube.objects(configMaps).length, 0);
    assert.equal(kube.objects(serviceAccounts).length, 0);
    assert.equal(kube.objects(namespaces).length, 0);
    await stop();
  });

  test('waits for objects that something else still holds', async () => {
    const { kube, clock, stop } = await start();
    kube.put(configMaps, { metadata: { namespace: NAMESPACE, name: 'held', finalizers: ['test/hold'] } });
    await kube.delete(namespaces, { name: NAMESPACE });
    await clock.advance(20_000);
    assert.equal(kube.objects(namespaces).length, 1);
    const held = { namespace: NAMESPACE, name: 'held' };
    await kube.patch(configMaps, held, { type: 'merge', body: { metadata: { finalizers: null } } });
    await clock.advance(20_000);
    assert.equal(kube.objects(namespaces).length, 0);
    await stop();
  });
});
