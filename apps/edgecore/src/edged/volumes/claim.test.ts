import assert from 'node:assert/strict';
import { chmod, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { container } from '../testing/pods.ts';
import { type VolumeBench, volumeBench } from '../testing/volume-bench.ts';

let b: VolumeBench;
let disk: string;
const claimed = { name: 'data', persistentVolumeClaim: { claimName: 'c' } };

function put(
  pv: Partial<PersistentVolume['spec'] & object>,
  claim: Partial<PersistentVolumeClaim> = {},
): void {
  b.meta.putObject('persistentvolumeclaim', 'default', 'c', {
    metadata: { name: 'c', namespace: 'default', uid: 'claim-1' },
    spec: { volumeName: 'pv-1' },
    status: { phase: 'Bound' },
    ...claim,
  });
  b.meta.putObject('persistentvolume', undefined, 'pv-1', {
    metadata: { name: 'pv-1' },
    spec: { accessModes: ['ReadWriteOnce'], claimRef: { uid: 'claim-1' }, ...pv },
  });
}
const on = (values: string[]) => ({
  required: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }] }],
  },
});

describe('claims', () => {
  beforeEach(async () => {
    b = await volumeBench();
    disk = join(b.dir, 'disk');
    await mkdir(disk);
  });
  afterEach(() => b.close());

  test('a directory of this machine is bound into the pod, where upstream has it, and given to the group once', async () => {
    put({ local: { path: disk }, nodeAffinity: on(['edge-a']), mountOptions: ['noexec'] });
    await writeFile(join(disk, 'file'), '', { mode: 0o600 });
    const it = b.podWith([claimed], { securityContext: { fsGroup: 77 } });
    const { byName } = await b.prepare(it);
    const dir = b.pathOf('local-volume', 'pv-1');
    assert.deepEqual(byName.get('data'), {
      source: { kind: 'path', path: dir },
      readOnly: false,
      specName: 'pv-1',
    });
    assert.equal(b.mounts.asked.get(dir), `${disk} bind,noexec`);
    assert.equal((await stat(join(disk, 'file'))).gid, 77);
    // A second pod with another group does not take the volume from the first.
    const second = b.podWith([claimed], { securityContext: { fsGroup: 88 } }, 'u2');
    await b.prepare(second);
    assert.equal((await stat(join(disk, 'file'))).gid, 77);
    await b.volumes.release('u1');
    assert.deepEqual(
      b.mounts.points.map(({ path }) => path),
      [b.pathOf('local-volume', 'pv-1', 'u2')],
    );
    assert.ok((await stat(join(disk, 'file'))).isFile());
  });

  test('read-only claims are mounted so, and the group is not let in', async () => {
    put({ local: { path: disk } });
    await chmod(disk, 0o700);
    const claim = { name: 'data', persistentVolumeClaim: { claimName: 'c', readOnly: true } };
    const { byName } = await b.prepare(b.podWith([claim], { securityContext: { fsGroup: 77 } }));
    assert.equal(b.mounts.asked.get(b.pathOf('local-volume', 'pv-1')), `${disk} bind,ro`);
    assert.equal(byName.get('data')?.readOnly, true);
    assert.equal((await stat(disk)).gid, 0);
  });

  test('a host path behind a claim is that path', async () => {
    put({ hostPath: { path: disk, type: 'Directory' } });
    const { byName } = await b.prepare(b.podWith([claimed]));
    assert.deepEqual(byName.get('data')?.source, { kind: 'path', path: disk });
  });

  test('a disk is mounted once for all pods and unmounted after the last, also when a crash came in between', async () => {
    put({ local: { path: '/dev/loop0', fsType: 'xfs' } });
    b.blockDevices.content.set('/dev/loop0', 'xfs');
    await b.prepare(b.podWith([claimed]));
    await b.prepare(b.podWith([claimed], {}, 'u2'));
    const shared = join(b.dir, 'plugins/kubernetes.io/local-volume/mounts/pv-1');
    assert.equal(b.mounts.asked.get(shared), 'xfs /dev/loop0');
    assert.deepEqual(b.blockDevices.calls, ['check /dev/loop0']);
    await b.volumes.release('u1');
    assert.ok(b.mounts.points.some(({ path }) => path === shared));
    await b.volumes.release('u2');
    assert.deepEqual(b.mounts.points, []);
    // The same with an end in between: the pod's directory is gone, the disk's mount is not.
    await b.prepare(b.podWith([claimed]));
    b.mounts.points.splice(1);
    await rm(join(b.dir, 'pods/u1'), { recursive: true });
    b.restart();
    await b.volumes.open();
    assert.deepEqual(
      b.mounts.points.map(({ path }) => path).filter((path) => path !== b.dir),
      [],
    );
  });

  test('an empty disk is formatted; one that holds something else is left alone', async () => {
    put({ local: { path: '/dev/loop0' } });
    await b.prepare(b.podWith([claimed]));
    assert.deepEqual(b.blockDevices.calls, ['format /dev/loop0 ext4']);
    await b.volumes.release('u1');
    b.blockDevices.content.set('/dev/loop0', 'a partition table');
    await assert.rejects(b.prepare(b.podWith([claimed])), /holds a partition table, not ext4/);
    assert.deepEqual(b.mounts.points, []);
  });

  test('a block volume is a device for the container, through a link where upstream has it', async () => {
    put({ local: { path: '/dev/loop0' }, volumeMode: 'Block' });
    const main = container('main', { volumeDevices: [{ name: 'data', devicePath: '/dev/xvda' }] });
    const it = b.podWith([claimed], { containers: [main] });
    const { byName } = await b.prepare(it);
    const link = join(b.dir, 'pods/u1/volumeDevices/kubernetes.io~local-volume/pv-1');
    assert.deepEqual(byName.get('data')?.source, { kind: 'device', path: link });
    assert.ok((await stat(link)).isBlockDevice());
    const map = join(b.dir, 'plugins/kubernetes.io/local-volume/volumeDevices/pv-1/u1');
    assert.equal(b.mounts.asked.get(map), '/dev/loop0 bind');
    await assert.rejects(
      b.prepare(b.podWith([claimed], {}, 'u2')),
      /Block, but is specified in volumeMounts/,
    );
    await b.volumes.release('u2');
    await b.volumes.release('u1');
    assert.deepEqual(b.mounts.points, []);
    await assert.rejects(stat(map));
  });

  test('a generic ephemeral volume has the claim made for the pod, and no other', async () => {
    const volume = { name: 'data', ephemeral: { volumeClaimTemplate: { spec: {} } } };
    const metadata = {
      name: 'web-data',
      namespace: 'default',
      uid: 'claim-1',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'u1', controller: true }],
    };
    put({ local: { path: disk } });
    const claim = { metadata, spec: { volumeName: 'pv-1' }, status: { phase: 'Bound' } };
    b.meta.putObject('persistentvolumeclaim', 'default', 'web-data', claim);
    await b.prepare(b.podWith([volume]));
    await assert.rejects(b.prepare(b.podWith([volume], {}, 'u2')), /was not created for pod default\/web/);
  });

  test('the group of a volume is said, so that containers get it', async () => {
    put({ local: { path: disk } });
    b.meta.putObject('persistentvolume', undefined, 'pv-1', {
      metadata: { name: 'pv-1', annotations: { 'pv.beta.kubernetes.io/gid': '4711' } },
      spec: { local: { path: disk }, claimRef: { uid: 'claim-1' } },
    });
    assert.deepEqual((await b.prepare(b.podWith([claimed]))).supplementalGroups, [4711]);
  });

  test('a volume for one pod is refused to a second', async () => {
    put({ local: { path: disk }, accessModes: ['ReadWriteOncePod'] });
    await b.prepare(b.podWith([claimed]));
    await assert.rejects(b.prepare(b.podWith([claimed], {}, 'u2')), /already in use by another pod/);
    await b.prepare(b.podWith([claimed]));
  });

  test('a running pod goes on when its claim cannot be read any more', async () => {
    put({ local: { path: disk } });
    await b.prepare(b.podWith([claimed]));
    b.meta.getObject = async () => undefined;
    await b.prepare(b.podWith([claimed]));
  });

  const refused: [string, Parameters<typeof put>, RegExp, RegExp][] = [
    [
      'is not bound',
      [{}, { status: { phase: 'Pending' } }],
      /PVC is not bound/,
      /^Warning FailedMount Unable to attach or mount volumes: unmounted volumes=\[data\], unattached volumes=\[\], failed to process volumes=\[data\]: error processing PVC default\/c: PVC is not bound$/,
    ],
    [
      'is being deleted',
      [{}, { metadata: { name: 'c', uid: 'claim-1', deletionTimestamp: '2026-01-01T00:00:00Z' } }],
      /PVC is being deleted/,
      /PVC is being deleted/,
    ],
    ['has a volume of another', [{ claimRef: { uid: 'other' } }], /does not point to claim.UID/, /claim-1/],
    [
      'has a volume of another node',
      [{ local: { path: '/srv' }, nodeAffinity: on(['edge-b']) }],
      /no matching NodeSelectorTerms/,
      /^Warning FailedMount MountVolume.NodeAffinity check failed for volume "data" : no matching NodeSelectorTerms$/,
    ],
    [
      'has a volume nobody has',
      [{ awsElasticBlockStore: { volumeID: 'x' } }],
      /type awsElasticBlockStore/,
      /aws/,
    ],
    [
      'has a path that is not there',
      [{ local: { path: '/none' } }],
      /\/none: ENOENT/,
      /volume "pv-1" : local/,
    ],
    ['has a path that climbs', [{ local: { path: '/srv/../etc' } }], /not an absolute path/, /pv-1/],
    ['has a file', [{ local: { path: '/etc/passwd' } }], /only directory and block device/, /pv-1/],
  ];
  for (const [title, objects, pattern, event] of refused) {
    test(`a claim that ${title} makes the pod wait and says why`, async () => {
      put(...objects);
      await assert.rejects(b.prepare(b.podWith([claimed])), (error) => {
        assert.ok(isKubeEdgeError(error));
        assert.match(error.message, pattern);
        return true;
      });
      assert.match(b.events[0] ?? '', event);
    });
  }
  test('a claim that nobody knows makes the pod wait and says so', async () => {
    await assert.rejects(b.prepare(b.podWith([claimed])), /persistentvolumeclaim "c" not found/);
  });
});
