import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CLAIMED, type CsiBench, csiBench, UNIQUE } from '../../testing/csi-bench.ts';
import type { VolumeBench } from '../../testing/volume-bench.ts';
import { attachmentName } from './names.ts';

let c: CsiBench;
let b: VolumeBench;

describe('volumes of CSI drivers', () => {
  beforeEach(async () => {
    c = await csiBench();
    b = c.volumes;
  });
  afterEach(() => b.close());

  test('a volume waits until it is reported in use and attached, then is staged and published as upstream does', async () => {
    const waits = async (pattern: RegExp) => {
      await assert.rejects(b.prepare(b.podWith([CLAIMED])), pattern);
      assert.match(b.events.at(-1) ?? '', pattern);
    };
    await c.register();
    c.putVolume({ volumeAttributes: { tier: 'fast' } }, { mountOptions: ['noatime'] });
    await waits(
      /^Warning FailedMount MountVolume.WaitForAttach failed for volume "pv-1" : Volume has not been added to the list of VolumesInUse|VolumesInUse/,
    );
    assert.deepEqual(c.csi.volumesInUse(), [UNIQUE]);
    assert.equal(c.csi.reportedInUse([UNIQUE]), true, 'a pod waits for it');
    await waits(/no attachment csi-/);
    c.attach({ attached: false });
    await waits(/is not attached for volume attachment/);
    c.attach({ attached: false, attachError: { message: 'no such disk' } });
    await assert.rejects(b.prepare(b.podWith([CLAIMED])), /no such disk/);
    assert.equal(
      b.events.at(-1),
      'Warning FailedAttachVolume AttachVolume.Attach failed for volume "pv-1" : no such disk',
    );
    c.attach({ attached: true, attachmentMetadata: { devicePath: '/dev/sdb' } });
    assert.equal(c.csi.attached([UNIQUE]), true);
    const { byName } = await b.prepare(b.podWith([CLAIMED]));
    assert.equal(
      b.events.at(-1),
      'Normal SuccessfulAttachVolume AttachVolume.Attach succeeded for volume "pv-1"',
    );
    const target = join(b.pathOf('csi', 'pv-1'), 'mount');
    assert.deepEqual(byName.get('data')?.source, { kind: 'path', path: target });
    assert.deepEqual(c.driver.calls, ['stage', 'publish']);
    const volumeCapability = {
      mount: { fsType: 'ext4', mountFlags: ['noatime'] },
      accessMode: { mode: 1 },
    };
    const publishContext = { devicePath: '/dev/sdb' };
    const stagingTargetPath = join(await c.stageDir(), 'globalmount');
    assert.deepEqual(c.driver.staged[0], {
      volumeId: 'vol-1',
      publishContext,
      stagingTargetPath,
      volumeCapability,
      secrets: {},
      volumeContext: { tier: 'fast' },
    });
    assert.deepEqual(c.driver.published[0], {
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
    await c.register();
    c.putVolume();
    c.attach();
    await c.prepared();
    const attachmentID = attachmentName('vol-1', 'disk.example.org', 'edge-a');
    assert.equal(
      await b.read('csi', 'pv-1', 'vol_data.json'),
      `{"attachmentID":"${attachmentID}","driverName":"disk.example.org","nodeName":"edge-a","specVolID":"pv-1","volumeHandle":"vol-1","volumeLifecycleMode":"Persistent"}\n`,
    );
    const dir = await c.stageDir();
    assert.equal(
      await readFile(join(dir, 'vol_data.json'), 'utf8'),
      '{"driverName":"disk.example.org","volumeHandle":"vol-1"}\n',
    );
    assert.deepEqual((await readdir(dir)).sort(), ['globalmount', 'vol_data.json']);
    assert.equal((await stat(join(dir, 'globalmount'))).mode & 0o777, 0o750);
  });

  test('the last pod unstages; nothing is left; the node no longer has it in use', async () => {
    await c.register();
    c.putVolume();
    c.attach();
    await c.prepared();
    await c.prepared(b.podWith([CLAIMED], {}, 'u2'));
    assert.deepEqual(c.driver.calls, ['stage', 'publish', 'publish']);
    await b.volumes.release('u1');
    assert.deepEqual(c.driver.calls.slice(3), ['unpublish']);
    await b.volumes.release('u2');
    assert.deepEqual(c.driver.calls.slice(4), ['unpublish', 'unstage']);
    assert.deepEqual(b.mounts.points, []);
    assert.deepEqual(await readdir(join(b.dir, 'plugins/kubernetes.io/csi/disk.example.org')), []);
    assert.deepEqual(c.csi.volumesInUse(), []);
  });

  test('after a restart of edgecore a mounted volume is left as it is, without its driver or the cloud', async () => {
    await c.register();
    c.putVolume();
    c.attach();
    await c.prepared();
    b.restart();
    await c.csi.open();
    assert.deepEqual(c.csi.volumesInUse(), [UNIQUE]);
    b.meta.connected = false;
    await b.prepare(b.podWith([CLAIMED]));
    assert.deepEqual(c.driver.calls, ['stage', 'publish']);
  });

  test('after a reboot with the cloud away it is staged and published again, by what is stored', async () => {
    await c.register();
    c.putVolume();
    c.attach();
    await c.prepared();
    b.mounts.points.length = 0;
    b.meta.connected = false;
    b.meta.nodes.clear();
    b.restart();
    await assert.rejects(
      b.prepare(b.podWith([CLAIMED])),
      /driver name disk.example.org not found in the list of registered CSI drivers/,
    );
    await c.register();
    c.now += 1_000;
    await b.prepare(b.podWith([CLAIMED]));
    assert.deepEqual(c.driver.calls.slice(-2), ['stage', 'publish']);
  });

  test('a pod that a dead edgecore left is ended by what lies on the disk; a stage without users when its driver is back', async () => {
    await c.register();
    c.putVolume();
    c.attach();
    await c.prepared();
    b.restart();
    await assert.rejects(b.volumes.release('u1'), /not found in the list of registered CSI drivers/);
    assert.deepEqual(await b.volumes.directories(), ['u1']);
    // A crash between the two: the pod's directory is gone, the stage is there.
    await rm(join(b.dir, 'pods/u1'), { recursive: true });
    b.mounts.points.splice(1);
    await c.register();
    while (!c.driver.calls.includes('unstage')) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(b.mounts.points, []);
  });

  test('half a vol_data.json is no reason to stay: what is mounted is unmounted', async () => {
    await c.register();
    c.putVolume();
    c.attach();
    await c.prepared();
    await writeFile(join(b.pathOf('csi', 'pv-1'), 'vol_data.json'), '{"driverNa');
    await b.volumes.release('u1');
    assert.deepEqual(await b.volumes.directories(), []);
  });

  test('files that a driver leaves behind where it had published are not deleted', async () => {
    await c.register();
    c.putVolume();
    c.attach();
    await c.prepared();
    const file = join(b.pathOf('csi', 'pv-1'), 'mount/precious');
    await writeFile(file, 'x');
    await assert.rejects(b.volumes.release('u1'), /is not removed: it is not empty/);
    assert.equal(await readFile(file, 'utf8'), 'x');
    await rm(file);
    await b.volumes.release('u1');
    assert.deepEqual(await b.volumes.directories(), []);
  });

  test('a refusal leaves nothing behind; an answer that never came is taken back when the pod ends', async () => {
    await c.register();
    c.putVolume();
    c.attach();
    c.driver.fail = (call) => (call === 'publish' ? 'INVALID_ARGUMENT' : undefined);
    await assert.rejects(c.prepared(), /rpc error: code = InvalidArgument desc = publish says no/);
    await assert.rejects(stat(b.pathOf('csi', 'pv-1')));
    c.now += 1_000;
    c.driver.fail = (call) => (call === 'publish' ? 'DEADLINE_EXCEEDED' : undefined);
    await assert.rejects(b.prepare(b.podWith([CLAIMED])), /DeadlineExceeded/);
    c.driver.fail = () => undefined;
    await b.volumes.release('u1');
    assert.deepEqual(c.driver.calls.slice(-2), ['unpublish', 'unstage']);
    assert.deepEqual(b.mounts.points, []);
  });

  test('a driver that fails is left alone for a while, longer each time', async () => {
    await c.register();
    c.putVolume();
    c.attach();
    c.driver.fail = (call) => (call === 'stage' ? 'INTERNAL' : undefined);
    await assert.rejects(c.prepared(), /stage says no/);
    const tries = () => c.driver.calls.filter((call) => call === 'stage').length;
    for (let i = 0; i < 5; i++) await assert.rejects(b.prepare(b.podWith([CLAIMED])), /stage says no/);
    assert.equal(tries(), 1);
    c.now += 501;
    await assert.rejects(b.prepare(b.podWith([CLAIMED])), /stage says no/);
    c.now += 400;
    await assert.rejects(b.prepare(b.podWith([CLAIMED])), /stage says no/);
    assert.equal(tries(), 2);
    assert.match(
      b.events.at(-1) ?? '',
      /^Warning FailedMount MountVolume.MountDevice failed for volume "pv-1" : rpc error: code = Internal desc/,
    );
  });

  test('a driver that needs no attachment is not waited for, where the cluster says so', async () => {
    await c.register();
    c.putVolume();
    c.putDriver({ attachRequired: false });
    await b.prepare(b.podWith([CLAIMED]));
    assert.deepEqual(c.driver.calls, ['stage', 'publish']);
    assert.deepEqual(c.csi.volumesInUse(), []);
  });

  test('secrets, pod information and tokens reach the driver that asks for them', async () => {
    await c.register();
    b.meta.putObject('secret', 'store', 'stage', { data: { key: Buffer.from('s1').toString('base64') } });
    b.meta.putObject('secret', 'store', 'publish', { data: { key: Buffer.from('s2').toString('base64') } });
    c.putVolume({
      nodeStageSecretRef: { name: 'stage', namespace: 'store' },
      nodePublishSecretRef: { name: 'publish', namespace: 'store' },
    });
    const tokenRequests = [{ audience: 'vault', expirationSeconds: 600 }];
    c.putDriver({ attachRequired: false, podInfoOnMount: true, tokenRequests });
    await b.prepare(b.podWith([CLAIMED]));
    assert.deepEqual(c.driver.staged[0]?.secrets, { key: 's1' });
    assert.deepEqual(c.driver.published[0]?.secrets, { key: 's2' });
    const context = c.driver.published[0]?.volumeContext ?? {};
    assert.equal(context['csi.storage.k8s.io/pod.uid'], 'u1');
    assert.equal(context['csi.storage.k8s.io/ephemeral'], 'false');
    const tokens = JSON.parse(context['csi.storage.k8s.io/serviceAccount.tokens'] ?? '') as object;
    assert.deepEqual(Object.keys(tokens), ['vault']);
    assert.deepEqual(c.driver.staged[0]?.volumeContext, {});
  });

  test('a missing secret is said, and nothing is published', async () => {
    await c.register();
    c.putVolume({ nodePublishSecretRef: { name: 'none', namespace: 'store' } });
    c.putDriver({ attachRequired: false });
    await assert.rejects(
      b.prepare(b.podWith([CLAIMED])),
      /fetching NodePublishSecretRef store\/none failed: secret "none" not found/,
    );
    assert.deepEqual(c.driver.calls, ['stage']);
  });

  test('a driver that wants it so is published again and again', async () => {
    await c.register();
    c.putVolume();
    c.putDriver({ attachRequired: false, requiresRepublish: true });
    const { refreshAt = 0 } = await b.prepare(b.podWith([CLAIMED]));
    assert.ok(refreshAt >= c.now + 60_000 && refreshAt <= c.now + 90_000);
    await b.prepare(b.podWith([CLAIMED]));
    assert.deepEqual(c.driver.calls, ['stage', 'publish', 'publish']);
  });
});
