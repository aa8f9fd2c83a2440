import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Container } from '@kubeedge-ts/apis';
import { type FakeMounts, fakeMounts } from '../testing/fake-mounts.ts';
import { container } from '../testing/pods.ts';
import type { PreparedVolume } from '../volumes/volumes.ts';
import { blockDevicesOf, containerMounts, type MountContext } from './container-mounts.ts';

let dir: string;
let mounts: FakeMounts;
type VolumeMount = NonNullable<Container['volumeMounts']>[number];

const prepared = (kind: 'path' | 'device', path: string, readOnly = false): PreparedVolume => ({
  specName: 'spec',
  source: { kind, path },
  readOnly,
});

const mountsOf = (mount: Partial<VolumeMount>, volume: PreparedVolume, context: Partial<MountContext> = {}) =>
  containerMounts(
    container('main', {
      volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }],
      terminationMessagePath: '',
    }),
    {
      podDir: join(dir, 'pods/u1'),
      volumes: new Map([['v', volume]]),
      environment: new Map([['WHO', 'me']]),
      hosts: undefined,
      terminationId: '00000000',
      mounts,
      ...context,
    },
  );

describe("a container's volumes", () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-mounts-'));
    mounts = fakeMounts();
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('are mounted as the volume and the mount say', async () => {
    const [plain] = await mountsOf({}, prepared('path', '/host'));
    assert.deepEqual(plain, {
      hostPath: '/host',
      containerPath: '/v',
      readonly: false,
      recursiveReadOnly: false,
      propagation: 0,
    });
    const [shared] = await mountsOf({ mountPropagation: 'Bidirectional' }, prepared('path', '/h', true));
    assert.deepEqual([shared?.readonly, shared?.propagation], [true, 2]);
    const [seen] = await mountsOf(
      { mountPropagation: 'HostToContainer', mountPath: 'v' },
      prepared('path', '/h'),
    );
    assert.deepEqual([seen?.containerPath, seen?.propagation], ['/v', 1]);
  });

  test('sub paths lie under the name of the volume, which is that of the claimed one, and may use variables', async () => {
    await mkdir(join(dir, 'vol/me'), { recursive: true });
    const [mount] = await mountsOf({ subPathExpr: '$(WHO)' }, prepared('path', join(dir, 'vol')));
    const target = join(dir, 'pods/u1/volume-subpaths/spec/main/0');
    assert.equal(mount?.hostPath, target);
    assert.ok(mounts.asked.has(target));
    await assert.rejects(
      mountsOf({ subPathExpr: '$(NONE)' }, prepared('path', dir)),
      /missing value for NONE/,
    );
  });

  test('read-only reaches what is mounted below where the runtime can do so, and is refused where it must', async () => {
    const volume = prepared('path', '/h');
    const asked = { readOnly: true, recursiveReadOnly: 'IfPossible' };
    const recursive = async (mount: object, able: boolean) =>
      (await mountsOf(mount, volume, { recursiveReadOnly: able }))[0]?.recursiveReadOnly;
    assert.equal(await recursive(asked, false), false);
    assert.equal(await recursive(asked, true), true);
    const always = { ...asked, recursiveReadOnly: 'Enabled' };
    assert.equal(await recursive(always, true), true);
    await assert.rejects(recursive(always, false), /not supported by the runtime/);
    await assert.rejects(recursive({ recursiveReadOnly: 'Enabled' }, true), /it is not read-only/);
    const propagated = { ...always, mountPropagation: 'HostToContainer' };
    await assert.rejects(recursive(propagated, true), /not compatible with propagation/);
    await assert.rejects(recursive({ ...asked, recursiveReadOnly: 'Maybe' }, true), /unknown recursive/);
  });

  test('an image is mounted by the runtime, as it was pulled (fake: containerd 1.6 cannot)', async () => {
    const source = { kind: 'image', reference: 'data:1', pullPolicy: undefined } as const;
    const volume = { specName: 'v', source, readOnly: true };
    const [mount] = await mountsOf({}, volume, { images: new Map([['v', 'sha256:1']]) });
    assert.deepEqual(
      [mount?.image, mount?.hostPath, mount?.readonly],
      [{ image: 'sha256:1' }, undefined, true],
    );
    await assert.rejects(mountsOf({ subPath: 'x' }, volume), /it has no subPath/);
  });

  test('block volumes are devices, and nothing else is', async () => {
    const main = container('main', { volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] });
    const devices = (volume: PreparedVolume) => blockDevicesOf(main, new Map([['v', volume]]));
    const device = { hostPath: '/link', containerPath: '/dev/x' };
    assert.deepEqual(devices(prepared('device', '/link')), [{ ...device, permissions: 'mrw' }]);
    assert.deepEqual(devices(prepared('device', '/link', true)), [{ ...device, permissions: 'r' }]);
    assert.throws(() => devices(prepared('path', '/h')), /not a block device/);
    await assert.rejects(mountsOf({}, prepared('device', '/link')), /cannot be mounted/);
  });

  test('what is not in the pod, and a propagation nobody knows, keep the container waiting', async () => {
    await assert.rejects(
      mountsOf({ name: 'other' }, prepared('path', '/h')),
      /volume other is not in the pod/,
    );
    await assert.rejects(mountsOf({ mountPropagation: 'Sideways' }, prepared('path', '/h')), /"Sideways"/);
  });
});
