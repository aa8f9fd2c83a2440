import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Registry, startRegistry } from '@kubeedge-ts/testing/containerd';
import { container, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';

// Images from a registry that wants to know who asks, pulled by real containerd.

const CREDENTIALS = { username: 'site', password: 'let-me-in' };

describe('images of a private registry, with real containerd', { timeout: 120_000 }, () => {
  let bed: EdgedBed;
  let registry: Registry;

  const user = (name: string, fields: object = {}, spec: object = {}) =>
    pod(name, {
      containers: [
        container('main', {
          image: registry.image,
          command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'],
          ...fields,
        }),
      ],
      ...spec,
    });
  const putSecret = (name: string, password: string): void => {
    const auths = { [registry.host]: { ...CREDENTIALS, password } };
    bed.meta.putObject('secret', 'default', name, {
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
    });
  };
  const waitingReason = (name: string) => bed.meta.statusOf(name)?.containerStatuses?.[0]?.state?.waiting;

  before(async () => {
    registry = await startRegistry(CREDENTIALS);
    bed = await createEdgedBed({ name: 'images' });
    await bed.start();
  });
  after(async () => {
    await bed?.close();
    await registry?.close();
  });

  test('without a secret, and with a wrong one, the pod waits with back-off and the registry’s words', async () => {
    putSecret('wrong', 'guess');
    bed.meta.putPod(user('stranger'));
    bed.meta.putPod(user('guesser', {}, { imagePullSecrets: [{ name: 'wrong' }] }));
    for (const name of ['stranger', 'guesser']) {
      const waiting = await bed.until(`${name} backs off`, () => {
        const state = waitingReason(name);
        return state?.reason === 'ImagePullBackOff' ? state : undefined;
      });
      assert.match(waiting.message ?? '', /Back-off pulling image .*private\/busybox:1/);
    }
    assert.equal(registry.asked.right, 0);
    assert.ok(registry.asked.wrong >= 2);
  });

  test('with the right one it runs; a secret put right lets the waiting one run at its next try', async () => {
    putSecret('right', CREDENTIALS.password);
    bed.meta.putPod(user('friend', {}, { imagePullSecrets: [{ name: 'missing' }, { name: 'right' }] }));
    await bed.until('friend runs', () => bed.isReady('friend'));
    assert.equal(registry.asked.right > 0, true);
    putSecret('wrong', CREDENTIALS.password);
    await bed.until('guesser runs', () => bed.isReady('guesser'), 60_000);
  });

  test('IfNotPresent asks no registry for what is there; Always asks at every start', async () => {
    const spec = { imagePullSecrets: [{ name: 'right' }] };
    const before = registry.asked.right;
    bed.meta.putPod(user('content', { imagePullPolicy: 'IfNotPresent' }, spec));
    await bed.until('content runs', () => bed.isReady('content'));
    assert.equal(registry.asked.right, before);
    bed.meta.putPod(user('eager', { imagePullPolicy: 'Always' }, spec));
    await bed.until('eager runs', () => bed.isReady('eager'));
    assert.ok(registry.asked.right > before);
    const once = registry.asked.right;
    await bed.exec('eager', 'kill', '1');
    await bed.until(
      'eager runs again',
      () => bed.meta.statusOf('eager')?.containerStatuses?.[0]?.restartCount === 1,
    );
    assert.ok(registry.asked.right > once);
  });
});

describe('containers that have ended, with real containerd', { timeout: 120_000 }, () => {
  test('go when there are more than the node keeps, the oldest first, with their logs', async (t) => {
    const bed = await createEdgedBed({
      name: 'dead',
      config: { maxDeadContainers: 2, containerGcMs: 500 },
    });
    t.after(() => bed.close());
    await bed.start();
    const names = ['first', 'second', 'third', 'fourth'];
    for (const name of names) {
      bed.meta.putPod(
        pod(name, {
          restartPolicy: 'Never',
          containers: [container('main', { command: ['sh', '-c', `echo ${name}`] })],
        }),
      );
      await bed.until(`${name} is over`, () => bed.phaseOf(name) === 'Succeeded');
    }
    const left = async () => {
      const { containers } = await bed.cri.listContainers({});
      return containers.map(({ labels }) => labels['io.kubernetes.pod.name']).sort();
    };
    await bed.until('two are left', async () => (await left()).length === 2);
    assert.deepEqual(await left(), ['fourth', 'third']);
    const logs = await readdir(join(bed.dir, 'pod-logs'), { recursive: true });
    const kept = logs
      .filter((path) => path.endsWith('.log'))
      .map((path) => path.split('_')[1])
      .sort();
    assert.deepEqual(kept, ['fourth', 'third']);
    assert.deepEqual(
      names.map((name) => bed.phaseOf(name)),
      new Array(4).fill('Succeeded'),
      'what became of the pods stays known',
    );
  });
});
