import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configMaps, namespaces, type Pod, pods, serviceAccounts } from '@kubeedge-ts/apis';
import {
  isAlreadyExists,
  isConflict,
  isGone,
  isNamespaceTerminating,
  isNotFound,
  statusOf,
} from '../status.ts';
import { createFakeKube } from './fake-kube.ts';

const pod = (name: string, labels: Record<string, string> = {}): Pod => ({
  metadata: { name, namespace: 'a', labels },
  spec: { containers: [{ name: 'c', image: 'i' }] },
});
const key = (name: string) => ({ namespace: 'a', name });

describe('the fake Kubernetes API', () => {
  test('refuses what exists, what does not, and what is outdated, with a Status', async () => {
    const kube = createFakeKube();
    const first = await kube.create(pods, pod('p'));
    await assert.rejects(kube.create(pods, pod('p')), isAlreadyExists);
    await assert.rejects(kube.get(pods, key('q')), isNotFound);
    await kube.patch(pods, key('p'), { type: 'merge', body: { metadata: { labels: { x: 'y' } } } });
    await assert.rejects(kube.update(pods, first), isConflict);
    await assert.rejects(
      kube.delete(pods, key('p'), { preconditions: { uid: 'other' } }),
      (error) => statusOf(error)?.code === 409,
    );
  });

  test('keeps spec and status apart and counts generations of the spec only', async () => {
    const kube = createFakeKube();
    await kube.create(pods, pod('p'));
    const ignored = { type: 'merge', body: { status: { phase: 'Running' } } } as const;
    assert.equal((await kube.patch<Pod>(pods, key('p'), ignored)).status, undefined);
    const status = await kube.patch<Pod>(pods, key('p'), ignored, { subresource: 'status' });
    assert.equal(status.status?.phase, 'Running');
    assert.equal(status.metadata.generation, 1);
    const spec = {
      type: 'json',
      body: [{ op: 'replace', path: '/spec/containers/0/image', value: 'j' }],
    } as const;
    assert.equal((await kube.patch(pods, key('p'), spec)).metadata.generation, 2);
  });

  test('an update that changes nothing keeps the resourceVersion', async () => {
    const kube = createFakeKube();
    const first = await kube.create(pods, pod('p'));
    assert.equal((await kube.update(pods, first)).metadata.resourceVersion, first.metadata.resourceVersion);
  });

  test('merges conditions by type in a strategic patch', async () => {
    const kube = createFakeKube();
    kube.put(pods, { ...pod('p'), status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    const body = { status: { conditions: [{ type: 'PodScheduled', status: 'True' }] } };
    const patched = await kube.patch<Pod>(
      pods,
      key('p'),
      { type: 'strategic', body },
      { subresource: 'status' },
    );
    assert.deepEqual(
      patched.status?.conditions?.map((condition) => condition.type),
      ['Ready', 'PodScheduled'],
    );
  });

  test('deletes a bound pod in two steps and an unbound one at once', async () => {
    const kube = createFakeKube();
    await kube.create(pods, pod('p'));
    await kube.delete(pods, key('p'));
    assert.equal(kube.objects(pods).length, 0);
    await kube.create(pods, pod('q'));
    const binding = { target: { kind: 'Node', name: 'n' } };
    await kube.createSubresource(pods, key('q'), 'binding', binding);
    await assert.rejects(kube.createSubresource(pods, key('q'), 'binding', binding), isConflict);
    await kube.delete(pods, key('q'));
    assert.equal(kube.objects(pods)[0]?.metadata.deletionGracePeriodSeconds, 30);
    await kube.delete(pods, key('q'), { gracePeriodSeconds: 0 });
    assert.equal(kube.objects(pods).length, 0);
  });

  test('keeps a deleted object until its last finalizer is gone', async () => {
    const kube = createFakeKube();
    await kube.create(configMaps, { metadata: { ...key('c'), finalizers: ['x/y'] } });
    await kube.delete(configMaps, key('c'));
    assert.ok(kube.objects(configMaps)[0]?.metadata.deletionTimestamp);
    await kube.patch(configMaps, key('c'), { type: 'merge', body: { metadata: { finalizers: null } } });
    assert.equal(kube.objects(configMaps).length, 0);
  });

  test('a namespace being deleted takes no new objects and waits to be finalized', async () => {
    const kube = createFakeKube();
    await kube.create(namespaces, { metadata: { name: 'a' }, spec: { finalizers: ['kubernetes'] } });
    const deleted = await kube.delete(namespaces, { name: 'a' });
    assert.deepEqual(deleted['status'], { phase: 'Terminating' });
    await assert.rejects(kube.create(pods, pod('p')), isNamespaceTerminating);
    await kube.update(
      namespaces,
      { metadata: { name: 'a' }, spec: { finalizers: [] } },
      { subresource: 'finalize' },
    );
    assert.equal(kube.objects(namespaces).length, 0);
  });

  test('pages a list consistently and forgets the rest when history is compacted', async () => {
    const kube = createFakeKube();
    for (const name of ['a', 'b', 'c']) await kube.create(pods, pod(name));
    const first = await kube.list(pods, { limit: 2 });
    assert.equal(first.metadata.remainingItemCount, 1);
    await kube.delete(pods, key('c'));
    const second = await kube.list(pods, { limit: 2, continue: first.metadata.continue as string });
    assert.deepEqual(
      second.items.map((item) => item.metadata.name),
      ['c'],
    );
    kube.compact();
    await assert.rejects(kube.list(pods, { continue: first.metadata.continue as string }), isGone);
  });

  test('a watch with a selector turns changes of labels into ADDED and DELETED', async () => {
    const kube = createFakeKube();
    const from = kube.resourceVersion;
    await kube.create(pods, pod('p', { x: 'n' }));
    kube.put(pods, pod('p', { x: 'y' }));
    kube.put(pods, pod('p', { x: 'n' }));
    const seen: string[] = [];
    const watch = kube.watch<Pod>(pods, {
      resourceVersion: from,
      labelSelector: 'x=y',
      allowWatchBookmarks: true,
    });
    kube.bookmark();
    kube.endWatches();
    for await (const event of watch) seen.push(event.type);
    assert.deepEqual(seen, ['ADDED', 'DELETED', 'BOOKMARK']);
    assert.equal(kube.openWatches, 0);
  });

  test('a watch from before the compaction is told 410', async () => {
    const kube = createFakeKube();
    const from = kube.resourceVersion;
    await kube.create(pods, pod('p'));
    kube.compact();
    await assert.rejects(async () => {
      for await (const _ of kube.watch(pods, { resourceVersion: from }));
    }, isGone);
  });

  test('issues service account tokens that expire as asked', async () => {
    const kube = createFakeKube({ clock: { now: () => 0 } });
    await kube.create(serviceAccounts, { metadata: key('default') });
    const answer = await kube.createSubresource<object, { status: { expirationTimestamp: string } }>(
      serviceAccounts,
      key('default'),
      'token',
      { spec: { expirationSeconds: 600 } },
    );
    assert.equal(answer.status.expirationTimestamp, '1970-01-01T00:10:00Z');
  });
});
