import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { CSIDriver, Node, PersistentVolume, VolumeAttachment } from '@kubeedge-ts/apis';
import { seededRandom, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { type FakeDriver, fakeDriver } from '../../testing/fake-csi.ts';
import { container } from '../../testing/pods.ts';
import { type VolumeBench, volumeBench } from '../../testing/volume-bench.ts';
import { volumePaths } from '../paths.ts';
import { createPodTokens } from '../tokens.ts';
import { type Csi, createCsi } from './csi.ts';
import { attachmentName, inlineHandle } from './names.ts';
import { Capability } from './requests.ts';

let b: VolumeBench;
let csi: Csi;
let driver: FakeDriver;
/** Edged's time: back-offs pass by setting it. */
let now: number;
const claimed = { name: 'data', persistentVolumeClaim: { claimName: 'c' } };
const UNIQUE = 'kubernetes.io/csi/disk.example.org^vol-1';

const clock = { ...systemClock, now: () => now };
const stageDir = () =>
  readdir(join(b.dir, 'plugins/kubernetes.io/csi/disk.example.org')).then(([hash = '']) =>
    join(b.dir, 'plugins/kubernetes.io/csi/disk.example.org', hash),
  );
const register = (socket = '/reg.sock') =>
  csi.handler.register(
    { name: 'disk.example.org', endpoint: '/csi.sock', versions: ['1.0.0'], socket },
    new AbortController().signal,
  );

function putVolume(
  source: Partial<NonNullable<NonNullable<PersistentVolume['spec']>['csi']>> = {},
  spec: Partial<NonNullable<PersistentVolume['spec']>> = {},
): void {
  b.meta.putObject('persistentvolumeclaim', 'default', 'c', {
    metadata: { name: 'c', namespace: 'default', uid: 'claim-1' },
    spec: { volumeName: 'pv-1' },
    status: { phase: 'Bound' },
  });
  b.meta.putObject('persistentvolume', undefined, 'pv-1', {
    metadata: { name: 'pv-1' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      claimRef: { uid: 'claim-1' },
      csi: { driver: 'disk.example.org', volumeHandle: 'vol-1', fsType: 'ext4', ...source },
      ...spec,
    },
  });
}
function attach(status: VolumeAttachment['status'] = { attached: true }): void {
  const name = attachmentName('vol-1', 'disk.example.org', 'edge-a');
  b.meta.putObject('volumeattachment', undefined, name, { metadata: { name }, status });
  const volumesAttached = status?.attached === true ? [{ name: UNIQUE, devicePath: '' }] : [];
  b.meta.nodes.set('edge-a', { metadata: { name: 'edge-a' }, status: { volumesAttached } } as Node);
}
const putDriver = (spec: CSIDriver['spec']) =>
  b.meta.putObject('csidriver', undefined, 'disk.example.org', { spec });
/** The pod waits for its volume to be named in the node's status; then it is. */
async function prepared(it = b.podWith([claimed])) {
  await b.prepare(it).catch(() => undefined);
  csi.reportedInUse(csi.volumesInUse());
  return b.prepare(it);
}

describe('volumes of CSI drivers', () => {
  beforeEach(async () => {
    now = Date.now();
    b = await volumeBench({
      csi: (base) => {
        csi = createCsi({
          nodeName: 'edge-a',
          paths: volumePaths(base.dir),
          meta: base.meta,
          mounts: base.mounts,
          blockDevices: base.blockDevices,
          connect: () => driver.client,
          tokens: createPodTokens({
            meta: base.meta,
            events: { pod: () => {} },
            clock,
            random: seededRandom(1),
            log: silentLogger,
          }),
          events: {
            pod: (_pod, type, reason, message) => void base.events.push(`${type} ${reason} ${message}`),
          },
          onInUse: () => {},
          clock,
          random: seededRandom(1),
          log: silentLogger,
        });
        return csi.plugin;
      },
    });
    driver = fakeDriver(b.mounts);
  });
  afterEach(() => b.close());

  test('a volume waits until it is reported in use and attached, then is staged and published as upstream does', async () => {
    const waits = async (pattern: RegExp) => {
      await assert.rejects(b.prepare(b.podWith([claimed])), pattern);
      assert.match(b.events.at(-1) ?? '', pattern);
    };
    await register();
    putVolume({ volumeAttributes: { tier: 'fast' } }, { mountOptions: ['noatime'] });
    await waits(
      /^Warning FailedMount MountVolume.WaitForAttach failed for volume "pv-1" : Volume has not been added to the list of VolumesInUse|VolumesInUse/,
    );
    assert.deepEqual(csi.volumesInUse(), [UNIQUE]);
    assert.equal(csi.reportedInUse([UNIQUE]), true, 'a pod waits for it');
    await waits(/no attachment csi-/);
    attach({ attached: false });
    await waits(/is not attached for volume attachment/);
    attach({ attached: false, attachError: { message: 'no such disk' } });
    await assert.rejects(b.prepare(b.podWith([claimed])), /no such disk/);
    assert.equal(
      b.events.at(-1),
      'Warning FailedAttachVolume AttachVolume.Attach failed for volume "pv-1" : no such disk',
    );
    attach({ attached: true, attachmentMetadata: { devicePath: '/dev/sdb' } });
    assert.equal(csi.attached([UNIQUE]), true);
    const { byName } = await b.prepare(b.podWith([claimed]));
    assert.equal(
      b.events.at(-1),
      'Normal SuccessfulAttachVolume AttachVolume.Attach succeeded for volume "pv-1"',
    );
    const target = join(b.pathOf('csi', 'pv-1'), 'mount');
    assert.deepEqual(byName.get('data')?.source, { kind: 'path', path: target });
    assert.deepEqual(driver.calls, ['stage', 'publish']);
    const volumeCapability = {
      mount: { fsType: 'ext4', mountFlags: ['noatime'] },
      accessMode: { mode: 1 },
    };
    const publishContext = { devicePath: '/dev/sdb' };
    const stagingTargetPath = join(await stageDir(), 'globalmount');
    assert.deepEqual(driver.staged[0], {
      volumeId: 'vol-1',
      publishContext,
      stagingTargetPath,
      volumeCapability,
      secrets: {},
      volumeContext: { tier: 'fast' },
    });
    assert.deepEqual(driver.published[0], {
      volumeId: 'vol-1',
      publishContext,
      stagingTargetPath,
      targetPath: target,
      volumeCapability,
      readonly: false,
      secrets: {},
      volumeContext: { tier: 'fast' },
    });
  });

  test('what lies on the disk is byte for byte what upstream writes', async () => {
    await register();
    putVolume();
    attach();
    await prepared();
    const attachmentID = attachmentName('vol-1', 'disk.example.org', 'edge-a');
    assert.equal(
      await b.read('csi', 'pv-1', 'vol_data.json'),
      `{"attachmentID":"${attachmentID}","driverName":"disk.example.org","nodeName":"edge-a","specVolID":"pv-1","volumeHandle":"vol-1","volumeLifecycleMode":"Persistent"}\n`,
    );
    const dir = await stageDir();
    assert.equal(
      await readFile(join(dir, 'vol_data.json'), 'utf8'),
      '{"driverName":"disk.example.org","volumeHandle":"vol-1"}\n',
    );
    assert.deepEqual((await readdir(dir)).sort(), ['globalmount', 'vol_data.json']);
    assert.equal((await stat(join(dir, 'globalmount'))).mode & 0o777, 0o750);
  });

  test('the last pod unstages; nothing is left; the node no longer has it in use', async () => {
    await register();
    putVolume();
    attach();
    await prepared();
    await prepared(b.podWith([claimed], {}, 'u2'));
    assert.deepEqual(driver.calls, ['stage', 'publish', 'publish']);
    await b.volumes.release('u1');
    assert.deepEqual(driver.calls.slice(3), ['unpublish']);
    await b.volumes.release('u2');
    assert.deepEqual(driver.calls.slice(4), ['unpublish', 'unstage']);
    assert.deepEqual(b.mounts.points, []);
    assert.deepEqual(await readdir(join(b.dir, 'plugins/kubernetes.io/csi/disk.example.org')), []);
    assert.deepEqual(csi.volumesInUse(), []);
  });

  test('after a restart of edgecore a mounted volume is left as it is, without its driver or the cloud', async () => {
    await register();
    putVolume();
    attach();
    await prepared();
    b.restart();
    await csi.open();
    assert.deepEqual(csi.volumesInUse(), [UNIQUE]);
    b.meta.connected = false;
    await b.prepare(b.podWith([claimed]));
    assert.deepEqual(driver.calls, ['stage', 'publish']);
  });

  test('after a reboot with the cloud away it is staged and published again, by what is stored', async () => {
    await register();
    putVolume();
    attach();
    await prepared();
    b.mounts.points.length = 0;
    b.meta.connected = false;
    b.meta.nodes.clear();
    b.restart();
    await assert.rejects(
      b.prepare(b.podWith([claimed])),
      /driver name disk.example.org not found in the list of registered CSI drivers/,
    );
    await register();
    now += 1_000;
    await b.prepare(b.podWith([claimed]));
    assert.deepEqual(driver.calls.slice(-2), ['stage', 'publish']);
  });

  test('a pod that a dead edgecore left is ended by what lies on the disk; a stage without users when its driver is back', async () => {
    await register();
    putVolume();
    attach();
    await prepared();
    b.restart();
    await assert.rejects(b.volumes.release('u1'), /not found in the list of registered CSI drivers/);
    assert.deepEqual(await b.volumes.directories(), ['u1']);
    // A crash between the two: the pod's directory is gone, the stage is there.
    await rm(join(b.dir, 'pods/u1'), { recursive: true });
    b.mounts.points.splice(1);
    await register();
    while (!driver.calls.includes('unstage')) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(b.mounts.points, []);
  });

  test('half a vol_data.json is no reason to stay: what is mounted is unmounted', async () => {
    await register();
    putVolume();
    attach();
    await prepared();
    await writeFile(join(b.pathOf('csi', 'pv-1'), 'vol_data.json'), '{"driverNa');
    await b.volumes.release('u1');
    assert.deepEqual(await b.volumes.directories(), []);
  });

  test('a refusal leaves nothing behind; an answer that never came is taken back when the pod ends', async () => {
    await register();
    putVolume();
    attach();
    driver.fail = (call) => (call === 'publish' ? 'INVALID_ARGUMENT' : undefined);
    await assert.rejects(prepared(), /rpc error: code = InvalidArgument desc = publish says no/);
    await assert.rejects(stat(b.pathOf('csi', 'pv-1')));
    now += 1_000;
    driver.fail = (call) => (call === 'publish' ? 'DEADLINE_EXCEEDED' : undefined);
    await assert.rejects(b.prepare(b.podWith([claimed])), /DeadlineExceeded/);
    driver.fail = () => undefined;
    await b.volumes.release('u1');
    assert.deepEqual(driver.calls.slice(-2), ['unpublish', 'unstage']);
    assert.deepEqual(b.mounts.points, []);
  });

  test('a driver that fails is left alone for a while, longer each time', async () => {
    await register();
    putVolume();
    attach();
    driver.fail = (call) => (call === 'stage' ? 'INTERNAL' : undefined);
    await assert.rejects(prepared(), /stage says no/);
    const tries = () => driver.calls.filter((call) => call === 'stage').length;
    for (let i = 0; i < 5; i++) await assert.rejects(b.prepare(b.podWith([claimed])), /stage says no/);
    assert.equal(tries(), 1);
    now += 501;
    await assert.rejects(b.prepare(b.podWith([claimed])), /stage says no/);
    now += 400;
    await assert.rejects(b.prepare(b.podWith([claimed])), /stage says no/);
    assert.equal(tries(), 2);
    assert.match(
      b.events.at(-1) ?? '',
      /^Warning FailedMount MountVolume.MountDevice failed for volume "pv-1" : rpc error: code = Internal desc/,
    );
  });

  test('a driver that needs no attachment is not waited for, where the cluster says so', async () => {
    await register();
    putVolume();
    putDriver({ attachRequired: false });
    await b.prepare(b.podWith([claimed]));
    assert.deepEqual(driver.calls, ['stage', 'publish']);
    assert.deepEqual(csi.volumesInUse(), []);
  });

  test('secrets, pod information and tokens reach the driver that asks for them', async () => {
    await register();
    b.meta.putObject('secret', 'store', 'stage', { data: { key: Buffer.from('s1').toString('base64') } });
    b.meta.putObject('secret', 'store', 'publish', { data: { key: Buffer.from('s2').toString('base64') } });
    putVolume({
      nodeStageSecretRef: { name: 'stage', namespace: 'store' },
      nodePublishSecretRef: { name: 'publish', namespace: 'store' },
    });
    const tokenRequests = [{ audience: 'vault', expirationSeconds: 600 }];
    putDriver({ attachRequired: false, podInfoOnMount: true, tokenRequests });
    await b.prepare(b.podWith([claimed]));
    assert.deepEqual(driver.staged[0]?.secrets, { key: 's1' });
    assert.deepEqual(driver.published[0]?.secrets, { key: 's2' });
    const context = driver.published[0]?.volumeContext ?? {};
    assert.equal(context['csi.storage.k8s.io/pod.uid'], 'u1');
    assert.equal(context['csi.storage.k8s.io/ephemeral'], 'false');
    const tokens = JSON.parse(context['csi.storage.k8s.io/serviceAccount.tokens'] ?? '') as object;
    assert.deepEqual(Object.keys(tokens), ['vault']);
    assert.deepEqual(driver.staged[0]?.volumeContext, {});
  });

  test('a missing secret is said, and nothing is published', async () => {
    await register();
    putVolume({ nodePublishSecretRef: { name: 'none', namespace: 'store' } });
    putDriver({ attachRequired: false });
    await assert.rejects(
      b.prepare(b.podWith([claimed])),
      /fetching NodePublishSecretRef store\/none failed: secret "none" not found/,
    );
    assert.deepEqual(driver.calls, ['stage']);
  });

  test('a driver that wants it so is published again and again', async () => {
    await register();
    putVolume();
    putDriver({ attachRequired: false, requiresRepublish: true });
    const { refreshAt = 0 } = await b.prepare(b.podWith([claimed]));
    assert.ok(refreshAt >= now + 60_000 && refreshAt <= now + 90_000);
    await b.prepare(b.podWith([claimed]));
    assert.deepEqual(driver.calls, ['stage', 'publish', 'publish']);
  });

  test('an inline volume needs a driver that takes such, and is gone with its pod', async () => {
    const inline = { name: 'i', csi: { driver: 'disk.example.org', volumeAttributes: { a: 'b' } } };
    await register();
    await assert.rejects(b.prepare(b.podWith([inline])), /volume mode "Ephemeral" not supported by driver/);
    putDriver({ volumeLifecycleModes: ['Persistent'] });
    await assert.rejects(b.prepare(b.podWith([inline])), /only supports \["Persistent"\]/);
    putDriver({ volumeLifecycleModes: ['Ephemeral'], podInfoOnMount: true });
    await b.prepare(b.podWith([inline]));
    assert.deepEqual(driver.calls, ['publish']);
    assert.equal(driver.published[0]?.volumeId, inlineHandle('u1', 'i'));
    assert.equal(driver.published[0]?.volumeContext?.['csi.storage.k8s.io/ephemeral'], 'true');
    await b.volumes.release('u1');
    assert.deepEqual(driver.calls, ['publish', 'unpublish']);
    putVolume();
    await assert.rejects(b.prepare(b.podWith([claimed])), /volume mode "Persistent" not supported/);
  });

  test("the pod's group is given by edged, or by a driver that can", async () => {
    await register();
    putVolume();
    putDriver({ attachRequired: false });
    const it = b.podWith([claimed], { securityContext: { fsGroup: 77 } });
    await b.prepare(it);
    assert.equal((await stat(join(b.pathOf('csi', 'pv-1'), 'mount'))).gid, 77);
    await b.volumes.release('u1');
    driver.capabilities = [Capability.VOLUME_MOUNT_GROUP];
    await register();
    await b.prepare(it);
    assert.equal(driver.published.at(-1)?.volumeCapability?.mount?.volumeMountGroup, '77');
    assert.equal((await stat(join(b.pathOf('csi', 'pv-1'), 'mount'))).gid, 0);
  });

  test('a block volume is published as a device; nothing is left of it', async () => {
    await register();
    putVolume({}, { volumeMode: 'Block' });
    putDriver({ attachRequired: false });
    driver.device = '/dev/loop0';
    const main = container('main', { volumeDevices: [{ name: 'data', devicePath: '/dev/xvda' }] });
    const it = b.podWith([claimed], { containers: [main] });
    const { byName } = await b.prepare(it);
    const link = join(b.dir, 'pods/u1/volumeDevices/kubernetes.io~csi/pv-1');
    assert.deepEqual(byName.get('data')?.source, { kind: 'device', path: link });
    assert.ok((await stat(link)).isBlockDevice());
    const devices = join(b.dir, 'plugins/kubernetes.io/csi/volumeDevices');
    assert.equal(driver.staged[0]?.stagingTargetPath, join(devices, 'staging/pv-1'));
    assert.equal(driver.published[0]?.targetPath, join(devices, 'publish/pv-1/u1'));
    assert.deepEqual(driver.published[0]?.volumeCapability, { block: {}, accessMode: { mode: 1 } });
    assert.equal(b.mounts.asked.get(join(devices, 'pv-1/dev/u1')), '/dev/loop0 bind');
    assert.match(await readFile(join(devices, 'pv-1/data/vol_data.json'), 'utf8'), /"specVolID":"pv-1"/);
    b.restart();
    await register();
    await b.volumes.release('u1');
    assert.deepEqual(driver.calls.slice(-2), ['unpublish', 'unstage']);
    assert.deepEqual(b.mounts.points, []);
    assert.deepEqual(await readdir(devices), ['publish', 'staging']);
    assert.deepEqual(await readdir(join(devices, 'publish')), []);
  });

  test('a block volume that is no device is refused', async () => {
    await register();
    putVolume({}, { volumeMode: 'Block' });
    putDriver({ attachRequired: false });
    const main = container('main', { volumeDevices: [{ name: 'data', devicePath: '/dev/xvda' }] });
    await assert.rejects(b.prepare(b.podWith([claimed], { containers: [main] })), /is not a block device/);
    assert.match(
      b.events.at(-1) ?? '',
      /^Warning FailedMapVolume MapVolume.MapPodDevice failed for volume "pv-1"/,
    );
  });

  test('drivers: versions, names, replacement by a newer one, and what the node is called', async () => {
    const info = { name: 'disk.example.org', endpoint: '/csi.sock', socket: '/a.sock' };
    const { signal } = new AbortController();
    const take = (plugin: object) =>
      csi.handler.register({ ...info, versions: ['1.0.0'], ...plugin }, signal);
    await assert.rejects(take({ versions: ['2.0.0'] }), /none of the versions \["2.0.0"\] is supported/);
    await assert.rejects(take({ name: '../x' }), /is not a driver's name/);
    driver.nodeId = '';
    await assert.rejects(take({}), /no name for this node/);
    driver.nodeId = 'node-1';
    await take({});
    await assert.rejects(take({ socket: '/b.sock' }), /already registered with version 1.0/);
    await take({ socket: '/b.sock', versions: ['1.1.0', '1.9.0'] });
    csi.handler.unregister('disk.example.org', '/a.sock');
    putVolume();
    putDriver({ attachRequired: false });
    await b.prepare(b.podWith([claimed]));
    csi.handler.unregister('disk.example.org', '/b.sock');
    await assert.rejects(b.prepare(b.podWith([claimed], {}, 'u2')), /not found in the list of registered/);
  });

  test('names of drivers and handles cannot leave their directory', async () => {
    putVolume({ driver: '../../etc', volumeHandle: '../..' });
    putDriver({});
    await assert.rejects(prepared(), /cannot be the name of a directory/);
    await mkdir(join(b.dir, 'plugins'), { recursive: true });
    assert.deepEqual(await readdir(join(b.dir, 'plugins')), []);
  });
});
