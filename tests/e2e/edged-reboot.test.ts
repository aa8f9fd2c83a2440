import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { container, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';

const PODS = 30;
let bed: EdgedBed;

describe('a reboot of a busy node with the cloud away', { timeout: 180_000 }, () => {
  before(async () => {
    bed = await createEdgedBed({ name: 'reboot' });
    await bed.start();
  });
  after(() => bed?.close());

  test(`${PODS} of ${PODS} pods run again from the store, with their volumes and tokens, though the tokens have expired`, async () => {
    const { meta } = bed;
    meta.putObject('configmap', 'default', 'app', { data: { mode: 'edge' } });
    meta.putObject('secret', 'default', 'pass', { data: { word: Buffer.from('s3cret').toString('base64') } });
    const names = Array.from({ length: PODS }, (_, index) => `pod-${index}`);
    const mounts = [
      { name: 'cfg', mountPath: '/cfg' },
      { name: 'pass', mountPath: '/pass' },
      { name: 'token', mountPath: '/token' },
      { name: 'fast', mountPath: '/fast' },
    ];
    for (const name of names) {
      meta.putPod(
        pod(name, {
          initContainers: [
            container('prepare', { command: ['cp', '/cfg/mode', '/fast/mode'], volumeMounts: mounts }),
          ],
          containers: [container('main', { volumeMounts: mounts })],
          volumes: [
            { name: 'cfg', configMap: { name: 'app' } },
            { name: 'pass', secret: { secretName: 'pass' } },
            {
              name: 'token',
              projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3607 } }] },
            },
            { name: 'fast', emptyDir: { medium: 'Memory' } },
          ],
        }),
      );
    }
    await bed.until('all run', () => names.every(bed.isReady), 60_000);
    await bed.powerOff();
    bed.echoStatuses();
    meta.connected = false;
    meta.statuses.clear();
    await bed.start();
    await bed.containerd.startDaemon();
    await bed.until('all run again', () => names.every(bed.isReady), 60_000);
    for (const name of [names[0], names.at(-1)] as string[]) {
      assert.equal(await bed.exec(name, 'cat', '/fast/mode'), 'edge');
      assert.equal(await bed.exec(name, 'cat', '/pass/word'), 's3cret');
      assert.match(await bed.exec(name, 'cat', '/token/token'), /^token-default-/);
    }
    const restarts = names.map((name) => meta.statusOf(name)?.containerStatuses?.[0]?.restartCount);
    assert.deepEqual([...new Set(restarts)], [1]);
    await bed.deleteAllPods();
    await bed.assertNothingLeft();
  });
});
