import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../edgehub/testing/manual-clock.ts';
import { pod } from '../testing/pods.ts';
import { createVolumeOfClaim } from './claimed-volumes.ts';
import { volumeDirectories } from './volume-directories.ts';

test('each volume of a pod has its directory; what is on the node’s disk counts as the pod’s own use', () => {
  const web = pod('web', {
    volumes: [
      { name: 'scratch', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory' } },
      { name: 'config', configMap: { name: 'c' } },
      { name: 'keys', secret: { secretName: 's' } },
      { name: 'api', projected: { sources: [] } },
      { name: 'host', hostPath: { path: '/' } },
      { name: 'inline', csi: { driver: 'd' } },
      { name: 'data', persistentVolumeClaim: { claimName: 'claim' } },
      { name: 'own', ephemeral: {} },
      { name: 'unbound', persistentVolumeClaim: { claimName: 'other' } },
      { name: '../../etc', emptyDir: {} },
    ],
  });
  const volumes = volumeDirectories('/k', web, (claim) => (claim === 'other' ? undefined : `pv-of-${claim}`));
  const dir = `/k/pods/${web.metadata.uid}/volumes`;
  assert.deepEqual(
    volumes.map(({ name, paths, ephemeral, claim }) => [name, paths[0], ephemeral, claim]),
    [
      ['scratch', `${dir}/kubernetes.io~empty-dir/scratch`, true, undefined],
      ['memory', `${dir}/kubernetes.io~empty-dir/memory`, false, undefined],
      ['config', `${dir}/kubernetes.io~configmap/config`, true, undefined],
      ['keys', `${dir}/kubernetes.io~secret/keys`, false, undefined],
      ['api', `${dir}/kubernetes.io~projected/api`, false, undefined],
      ['inline', `${dir}/kubernetes.io~csi/inline/mount`, false, undefined],
      ['data', `${dir}/kubernetes.io~csi/pv-of-claim/mount`, false, 'claim'],
      ['own', `${dir}/kubernetes.io~csi/pv-of-web-own/mount`, false, 'web-own'],
    ],
  );
});

test('the volume of a claim is asked for in the background, and again after a while', async () => {
  const clock = createManualClock();
  let volume = 'pv-1';
  let asked = 0;
  const volumeOf = createVolumeOfClaim(async () => {
    asked += 1;
    return { spec: { volumeName: volume } };
  }, clock);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  assert.equal(volumeOf('ns', 'c'), undefined);
  assert.equal(volumeOf('ns', 'c'), undefined);
  await settle();
  assert.equal(volumeOf('ns', 'c'), 'pv-1');
  assert.equal(asked, 1);
  volume = 'pv-2';
  clock.advance(600_000);
  assert.equal(volumeOf('ns', 'c'), 'pv-1');
  await settle();
  assert.equal(volumeOf('ns', 'c'), 'pv-2');
});

test('a claim that cannot be had stays unknown and harms nothing', async () => {
  for (const answer of [
    Promise.reject(new Error('no')),
    Promise.resolve(null),
    Promise.resolve({ spec: { volumeName: 5 } }),
  ]) {
    const volumeOf = createVolumeOfClaim(() => answer, createManualClock());
    volumeOf('ns', 'c');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(volumeOf('ns', 'c'), undefined);
  }
});
