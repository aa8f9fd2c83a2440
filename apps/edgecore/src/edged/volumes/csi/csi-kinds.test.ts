import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CLAIMED, type CsiBench, csiBench } from '../../testing/csi-bench.ts';
import { container } from '../../testing/pods.ts';
import type { VolumeBench } from '../../testing/volume-bench.ts';
import { inlineHandle } from './names.ts';
import { Capability } from './requests.ts';

let c: CsiBench;
let b: VolumeBench;

describe('kinds of volumes of CSI drivers, and the drivers themselves', () => {
  beforeEach(async () => {
    c = await csiBench();
    b = c.volumes;
  });
  afterEach(() => b.close());

  test('an inline volume needs a driver that takes such, and is gone with its pod', async () => {
    const inline = { name: 'i', csi: { driver: 'disk.example.org', volumeAttributes: { a: 'b' } } };
    await c.register();
    await assert.rejects(b.prepare(b.podWith([inline])), /volume mode "Ephemeral" not supported by driver/);
    c.putDriver({ volumeLifecycleModes: ['Persistent'] });
    await assert.rejects(b.prepare(b.podWith([inline])), /only supports \["Persistent"\]/);
    c.putDriver({ volumeLifecycleModes: ['Ephemeral'], podInfoOnMount: true });
    await b.prepare(b.podWith([inline]));
    assert.deepEqual(c.driver.calls, ['publish']);
    assert.equal(c.driver.published[0]?.volumeId, inlineHandle('u1', 'i'));
    assert.equal(c.driver.published[0]?.volumeContext?.['csi.storage.k8s.io/ephemeral'], 'true');
    await b.volumes.release('u1');
    assert.deepEqual(c.driver.calls, ['publish', 'unpublish']);
    c.putVolume();
    await assert.rejects(b.prepare(b.podWith([CLAIMED])), /volume mode "Persistent" not supported/);
  });

  test("the pod's group is given by edged, or by a driver that can", async () => {
    await c.register();
    c.putVolume();
    c.putDriver({ attachRequired: false });
    const it = b.podWith([CLAIMED], { securityContext: { fsGroup: 77 } });
    await b.prepare(it);
    assert.equal((await stat(join(b.pathOf('csi', 'pv-1'), 'mount'))).gid, 77);
    await b.volumes.release('u1');
    c.driver.capabilities = [Capability.VOLUME_MOUNT_GROUP];
    await c.register();
    await b.prepare(it);
    assert.equal(c.driver.published.at(-1)?.volumeCapability?.mount?.volumeMountGroup, '77');
    assert.equal((await stat(join(b.pathOf('csi', 'pv-1'), 'mount'))).gid, 0);
  });

  test('a block volume is published as a device; nothing is left of it', async () => {
    await c.register();
    c.putVolume({}, { volumeMode: 'Block' });
    c.putDriver({ attachRequired: false });
    c.driver.device = '/dev/loop0';
    const main = container('main', { volumeDevices: [{ name: 'data', devicePath: '/dev/xvda' }] });
    const it = b.podWith([CLAIMED], { containers: [main] });
    const { byName } = await b.prepare(it);
    const link = join(b.dir, 'pods/u1/volumeDevices/kubernetes.io~csi/pv-1');
    assert.deepEqual(byName.get('data')?.source, { kind: 'device', path: link });
    assert.ok((await stat(link)).isBlockDevice());
    const devices = join(b.dir, 'plugins/kubernetes.io/csi/volumeDevices');
    assert.equal(c.driver.staged[0]?.stagingTargetPath, join(devices, 'staging/pv-1'));
    assert.equal(c.driver.published[0]?.targetPath, join(devices, 'publish/pv-1/u1'));
    assert.deepEqual(c.driver.published[0]?.volumeCapability, { block: {}, accessMode: { mode: 1 } });
    assert.equal(b.mounts.asked.get(join(devices, 'pv-1/dev/u1')), '/dev/loop0 bind');
    assert.match(await readFile(join(devices, 'pv-1/data/vol_data.json'), 'utf8'), /"specVolID":"pv-1"/);
    b.restart();
    await c.register();
    await b.volumes.release('u1');
    assert.deepEqual(c.driver.calls.slice(-2), ['unpublish', 'unstage']);
    assert.deepEqual(b.mounts.points, []);
    assert.deepEqual(await readdir(devices), ['publish', 'staging']);
    assert.deepEqual(await readdir(join(devices, 'publish')), []);
  });

  test('a block volume that is no device is refused', async () => {
    await c.register();
    c.putVolume({}, { volumeMode: 'Block' });
    c.putDriver({ attachRequired: false });
    const main = container('main', { volumeDevices: [{ name: 'data', devicePath: '/dev/xvda' }] });
    await assert.rejects(b.prepare(b.podWith([CLAIMED], { containers: [main] })), /is not a block device/);
    assert.match(
      b.events.at(-1) ?? '',
      /^Warning FailedMapVolume MapVolume.MapPodDevice failed for volume "pv-1"/,
    );
  });

  test('drivers: versions, names, replacement by a newer one, and what the node is called', async () => {
    const info = { name: 'disk.example.org', endpoint: '/c.csi.sock', socket: '/a.sock' };
    const { signal } = new AbortController();
    const take = (plugin: object) =>
      c.csi.handler.register({ ...info, versions: ['1.0.0'], ...plugin }, signal);
    await assert.rejects(take({ versions: ['2.0.0'] }), /none of the versions \["2.0.0"\] is supported/);
    await assert.rejects(take({ name: '../x' }), /is not a driver's name/);
    c.driver.nodeId = '';
    await assert.rejects(take({}), /no name for this node/);
    c.driver.nodeId = 'node-1';
    await take({});
    await assert.rejects(take({ socket: '/b.sock' }), /already registered with version 1.0/);
    await take({ socket: '/b.sock', versions: ['1.1.0', '1.9.0'] });
    c.csi.handler.unregister('disk.example.org', '/a.sock');
    c.putVolume();
    c.putDriver({ attachRequired: false });
    await b.prepare(b.podWith([CLAIMED]));
    c.csi.handler.unregister('disk.example.org', '/b.sock');
    await assert.rejects(b.prepare(b.podWith([CLAIMED], {}, 'u2')), /not found in the list of registered/);
  });

  test('names of drivers and handles cannot leave their directory', async () => {
    c.putVolume({ driver: '../../etc', volumeHandle: '../..' });
    c.putDriver({});
    await assert.rejects(c.prepared(), /cannot be the name of a directory/);
    await mkdir(join(b.dir, 'plugins'), { recursive: true });
    assert.deepEqual(await readdir(join(b.dir, 'plugins')), []);
  });
});
