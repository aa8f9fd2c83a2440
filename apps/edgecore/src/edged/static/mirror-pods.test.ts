import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import { silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { createMirrorPods, type MirrorPods } from './mirror-pods.ts';
import { staticPodOf } from './static-pod.ts';

const staticPod = (label = 'a'): Pod =>
  staticPodOf(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', labels: { label } },
      spec: { containers: [{ name: 'm', image: 'i' }] },
    },
    { file: '/m/web.json', nodeName: 'edge-a', seenAt: 0 },
  );

/** The API with at most one pod, as MetaManager shows it. */
function fakeApi() {
  let uids = 0;
  const api = {
    connected: true,
    pod: undefined as Pod | undefined,
    created: 0,
    async createPod(pod: Pod): Promise<Pod> {
      if (api.pod !== undefined) {
        throw edgecoreErrors.create('EDGE_REMOTE_FAILED', {
          operation: 'insert',
          resource: 'pod',
          reason: 'AlreadyExists',
          problem: 'x',
        });
      }
      api.created += 1;
      uids += 1;
      api.pod = { ...pod, metadata: { ...pod.metadata, uid: `api-${uids}` } };
      return api.pod;
    },
    getPod: async () => api.pod,
    async deleteMirrorPod({ uid }: { uid: string }): Promise<void> {
      if (api.pod?.metadata.uid === uid) api.pod = undefined;
    },
  };
  return api;
}

describe('mirror pods', () => {
  let api: ReturnType<typeof fakeApi>;
  let mirrors: MirrorPods;
  let stop: AbortController;
  let running: Promise<void>;
  let told: string[];
  let nodeUid: string | undefined;

  const until = async (what: string, look: () => boolean): Promise<void> => {
    for (const deadline = Date.now() + 10_000; !look(); ) {
      if (Date.now() > deadline) assert.fail(`not reached: ${what}; ${JSON.stringify(api.pod)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  beforeEach(() => {
    api = fakeApi();
    told = [];
    nodeUid = 'node-1';
    stop = new AbortController();
    mirrors = createMirrorPods({
      nodeName: 'edge-a',
      meta: api,
      nodeUid: () => nodeUid,
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      onMirror: (uid) => told.push(uid),
    });
    running = mirrors.run(stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  test('show a static pod to the API, owned by the node, and lend its status their identity', async () => {
    const pod = staticPod();
    assert.equal(mirrors.identityOf(pod), undefined);
    mirrors.want([pod]);
    await until('created', () => mirrors.identityOf(pod) !== undefined);
    assert.equal(mirrors.identityOf(pod)?.uid, 'api-1');
    assert.equal(api.pod?.metadata.annotations?.['kubernetes.io/config.mirror'], pod.metadata.uid);
    assert.equal(api.pod?.metadata.ownerReferences?.[0]?.uid, 'node-1');
    assert.deepEqual(told, [pod.metadata.uid]);
  });
  test('are not made twice: one that is there is used', async () => {
    const pod = staticPod();
    mirrors.want([pod]);
    await until('created', () => mirrors.identityOf(pod) !== undefined);
    mirrors.gone({ uid: 'other', name: pod.metadata.name, namespace: 'default' });
    mirrors.seen(api.pod as Pod);
    mirrors.poke();
    await until('settled', () => mirrors.identityOf(pod)?.uid === 'api-1');
    assert.equal(api.created, 1);
  });
  test('one of another content is replaced', async () => {
    const [first, second] = [staticPod('a'), staticPod('b')];
    mirrors.want([first]);
    await until('created', () => mirrors.identityOf(first) !== undefined);
    mirrors.want([second]);
    await until('replaced', () => mirrors.identityOf(second)?.uid === 'api-2');
    assert.equal(mirrors.identityOf(first), undefined);
  });
  test('one that someone deletes is made again', async () => {
    const pod = staticPod();
    mirrors.want([pod]);
    await until('created', () => api.pod !== undefined);
    const mirror = api.pod as Pod;
    mirrors.seen({ ...mirror, metadata: { ...mirror.metadata, deletionTimestamp: '2026-11-22T00:00:00Z' } });
    await until('made again', () => mirrors.identityOf(pod)?.uid === 'api-2');
  });
  test('tell what was shown of a static pod, but for its end: its file is there, so it starts anew', async () => {
    const pod = staticPod();
    mirrors.want([pod]);
    await until('created', () => api.pod !== undefined);
    const mirror = api.pod as Pod;
    mirrors.seen({ ...mirror, status: { phase: 'Running' } });
    assert.equal(mirrors.statusOf(pod)?.phase, 'Running');
    mirrors.seen({ ...mirror, status: { phase: 'Failed', reason: 'Terminated' } });
    assert.equal(mirrors.statusOf(pod), undefined);
  });
  test('go with their manifest', async () => {
    mirrors.want([staticPod()]);
    await until('created', () => api.pod !== undefined);
    mirrors.want([]);
    await until('gone', () => api.pod === undefined);
  });
  test('wait for the cloud and for the node to be registered', async () => {
    api.connected = false;
    nodeUid = undefined;
    const pod = staticPod();
    mirrors.want([pod]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(api.created, 0);
    api.connected = true;
    mirrors.poke();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(api.created, 0);
    nodeUid = 'node-1';
    mirrors.poke();
    await until('created', () => mirrors.identityOf(pod) !== undefined);
  });
});
