import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Node, Pod, TokenRequest } from '@kubeedge-ts/apis';
import { systemHost } from '../../apps/edgecore/src/edged/index.ts';
import type { MemoryMeta } from '../../apps/edgecore/src/edged/testing/memory-meta.ts';
import { attachmentName } from '../../apps/edgecore/src/edged/volumes/csi/names.ts';
import { EXPIRED_ANNOTATION } from '../../apps/edgecore/src/metamanager/index.ts';
import { type CsiDriver, startCsiDriver } from './lib/csi-driver.ts';
import { type DevicePlugin, startDevicePlugin } from './lib/device-plugin.ts';
import { createEdgedBed, type EdgedBed } from './lib/edged-bed.ts';
import { startEdgedProcess } from './lib/edged-process.ts';
import { type LoopDevice, loopDevice, podWith, putClaim, volumePods, withMounts } from './lib/volume-pods.ts';

let bed: EdgedBed;
let meta: MemoryMeta;
let host: string;
let socket: Server;
let driver: CsiDriver;
let plugin: DevicePlugin;
let disks: { readonly empty: LoopDevice; readonly raw: LoopDevice };

const ready = (name: string) => bed.until(`${name} runs`, () => bed.isReady(name));
const podDir = (it: Pod) => join(bed.dir, 'kubelet/pods', it.metadata.uid ?? '');
const said = (name: string, reason: string) =>
  meta.events.filter((event) => event.involvedObject.name === name && event.reason === reason);
const waits = (name: string) => meta.statusOf(name)?.containerStatuses?.[0]?.state?.waiting;

const byName = new Map<string, Pod>();

describe('volumes of edged on real containerd', { timeout: 180_000 }, () => {
  before(async () => {
    bed = await createEdgedBed({ name: 'volumes' });
    meta = bed.meta;
    host = join(bed.dir, 'host');
    await mkdir(join(host, 'dir'), { recursive: true });
    socket = createServer().listen(join(host, 'sock'));
    disks = {
      empty: await loopDevice(join(bed.dir, 'empty.img')),
      raw: await loopDevice(join(bed.dir, 'raw.img'), 'RAWDISK'),
    };
    meta.putObject('configmap', 'default', 'fixed', { immutable: true, data: { mode: 'one' } });
    meta.putObject('configmap', 'default', 'cfg', { data: { mode: 'one' } });
    meta.putObject('secret', 'default', 'sec', { data: { word: Buffer.from('s3cret').toString('base64') } });
    const terms = (value: string) => ({
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [value] }] },
          ],
        },
      },
    });
    putClaim(meta, 'dir', { local: { path: join(host, 'dir') } }, terms('edge-a'));
    putClaim(meta, 'disk', { local: { path: disks.empty.path, fsType: 'ext4' } });
    putClaim(meta, 'far', { local: { path: '/srv' } }, terms('edge-b'));
    putClaim(meta, 'raw', { local: { path: disks.raw.path } }, { volumeMode: 'Block' });
    putClaim(meta, 'vol-1', { csi: { driver: 'mem.example.org', volumeHandle: 'vol-1' } });
    putClaim(meta, 'vol-2', { csi: { driver: 'att.example.org', volumeHandle: 'vol-2' } });
    meta.putObject('csidriver', undefined, 'mem.example.org', { spec: { attachRequired: false } });
    driver = await startCsiDriver('mem.example.org', join(bed.dir, 'kubelet'), bed.dir);
    const attached = await startCsiDriver('att.example.org', join(bed.dir, 'kubelet'), bed.dir);
    const { close } = driver;
    driver.close = async () => {
      await close();
      await attached.close();
    };
    await bed.start();
    await bed.until('a node', () => meta.nodes.has('edge-a'));
    plugin = await startDevicePlugin(
      'vendor.example/fake',
      ['fake0', 'fake1', 'fake2'],
      join(bed.dir, 'kubelet'),
    );
    await bed.until(
      'devices',
      () => (meta.nodeStatuses.at(-1) as Node['status'])?.allocatable?.['vendor.example/fake'] === '3',
    );
    for (const made of volumePods({ host, rawDisk: disks.raw.path })) {
      byName.set(made.metadata.name, made);
      meta.putPod(made);
    }
  });
  after(async () => {
    await plugin?.close();
    await driver?.close();
    socket?.close();
    for (const { handle } of Object.values(disks ?? {})) await handle.close();
    await bed?.close();
  });

  test('a container sees what ConfigMaps, Secrets and the pod itself say, secrets in memory and closed to others', async () => {
    await ready('content');
    assert.equal(await bed.exec('content', 'cat', '/cfg/mode', '/sec/word'), 'ones3cret');
    assert.match(await bed.exec('content', 'mount'), / on \/sec type tmpfs /);
    assert.equal(await bed.exec('content', 'stat', '-L', '-c', '%a', '/sec/word'), '400\n');
    assert.equal(await bed.exec('content', 'ls', '/maybe'), '');
  });

  test('a changed ConfigMap, and an optional one that comes later, reach the container; an immutable one does not', async () => {
    await ready('content');
    meta.putObject('configmap', 'default', 'fixed', { immutable: true, data: { mode: 'two' } });
    meta.putObject('configmap', 'default', 'later', { data: { now: 'here' } });
    meta.putObject('configmap', 'default', 'cfg', { data: { mode: 'two' } });
    await bed.until('changed', async () => (await bed.exec('content', 'cat', '/cfg/mode')) === 'two');
    await bed.until('appeared', async () => (await bed.exec('content', 'ls', '/maybe')) === 'now\n');
    assert.equal(await bed.exec('content', 'cat', '/fixed/mode'), 'one');
  });

  test('a token that has expired while the cloud is away stays, is marked, and is renewed in the running container', async () => {
    await ready('content');
    const { getToken } = meta;
    const before = await bed.exec('content', 'cat', '/api/token');
    meta.getToken = async (namespace, account, request) => {
      if (meta.connected) return getToken(namespace, account, request);
      const status = { token: before, expirationTimestamp: '2020-01-01T00:00:00Z' };
      return {
        ...request,
        metadata: { annotations: { [EXPIRED_ANNOTATION]: 'true' } },
        status,
      } as TokenRequest;
    };
    meta.setConnected(false);
    meta.putObject('configmap', 'default', 'cfg', { data: { mode: 'three' } });
    await bed.until('marked', () => said('content', 'TokenExpired').length > 0);
    assert.equal(await bed.exec('content', 'cat', '/api/token'), before);
    meta.setConnected(true);
    await bed.until('renewed', async () => (await bed.exec('content', 'cat', '/api/token')) !== before);
    await bed.until('told', () => said('content', 'TokenRenewed').length > 0);
    assert.equal(meta.statusOf('content')?.containerStatuses?.[0]?.restartCount, 0);
    meta.getToken = getToken;
  });

  test('a volume in memory is as large as it may be, and no larger', async () => {
    await ready('scratch');
    assert.match(await bed.exec('scratch', 'df', '-k', '/mem'), /\s1024\s+\d+\s+\d+\s+\d+% \/mem/);
    await assert.rejects(
      bed.exec('scratch', 'dd', 'if=/dev/zero', 'of=/mem/big', 'bs=1k', 'count=2000'),
      /No space/,
    );
  });

  test("volumes belong to the pod's group, and so does what is made in them", async () => {
    await ready('scratch');
    assert.equal(await bed.exec('scratch', 'stat', '-c', '%g %a', '/disk', '/mem'), '2000 2777\n2000 2777\n');
    await bed.exec('scratch', 'touch', '/disk/new');
    assert.equal(await bed.exec('scratch', 'stat', '-c', '%u %g', '/disk/new'), '1000 2000\n');
  });

  test('sub paths are parts of the volume, made when missing, named by variables, files as well; read-only is', async () => {
    await ready('paths');
    await bed.exec('paths', 'touch', '/sub/a', '/expr/b');
    assert.equal(
      await bed.exec('paths', 'sh', '-c', 'ls /all/made/here /all/me'),
      '/all/made/here:\na\n\n/all/me:\nb\n',
    );
    assert.match(await bed.exec('paths', 'cat', '/one'), /^(one|two|three)$/);
    await assert.rejects(bed.exec('paths', 'touch', '/ro/x'), /Read-only/);
  });

  test('host paths of every type are checked, and made where the type says so', async () => {
    await ready('hosts');
    assert.ok((await stat(join(host, 'made'))).isDirectory());
    assert.ok((await stat(join(host, 'file'))).isFile());
    assert.equal(
      await bed.exec('hosts', 'stat', '-c', '%F', '/sock', '/null'),
      'socket\ncharacter special file\n',
    );
  });

  test('a host path of another type makes the pod wait, with the words of the kubelet', async () => {
    await bed.until('waits', () => waits('bad-host')?.reason === 'FailedMount');
    await bed.until('told', () => said('bad-host', 'FailedMount').length > 0);
    assert.equal(
      said('bad-host', 'FailedMount')[0]?.message,
      'MountVolume.SetUp failed for volume "v" : hostPath type check failed: /etc is not a file',
    );
  });

  test('mounts propagate to the host and from it, where the container asks for that', async () => {
    await ready('shared');
    const volume = join(podDir(byName.get('shared') as Pod), 'volumes/kubernetes.io~empty-dir/v');
    const inBoth = { pod: 'shared', container: 'both' };
    const inSees = { pod: 'shared', container: 'sees' };
    await bed.exec(inBoth, 'sh', '-c', 'mkdir /v/in && mount -t tmpfs t /v/in && echo -n hi > /v/in/file');
    assert.equal(await readFile(join(volume, 'in/file'), 'utf8'), 'hi');
    assert.equal(await bed.exec(inSees, 'cat', '/v/in/file'), 'hi');
    await mkdir(join(volume, 'out'));
    await systemHost.mounts.mount({ source: 't', target: join(volume, 'out'), type: 'tmpfs' });
    await writeFile(join(volume, 'out/file'), 'ho');
    assert.equal(await bed.exec(inBoth, 'cat', '/v/out/file'), 'ho');
    assert.equal(await bed.exec(inSees, 'cat', '/v/out/file'), 'ho');
    assert.equal(
      await bed.exec({ pod: 'shared', container: 'alone' }, 'ls', '/v/in', '/v/out'),
      '/v/in:\n\n/v/out:\n',
    );
  });

  test('a directory of this machine is used through a claim; an empty disk is formatted, mounted and used', async () => {
    await ready('local');
    await bed.exec('local', 'sh', '-c', 'echo -n kept > /dir/file; echo -n kept > /disk/file');
    assert.equal(await readFile(join(host, 'dir/file'), 'utf8'), 'kept');
    assert.match(await bed.exec('local', 'mount'), / on \/disk type ext4 /);
  });

  test('a claim of another node, and one that nobody knows, make their pods wait and say why', async () => {
    for (const [name, pattern] of [
      ['other-node', /no matching NodeSelectorTerms/],
      [
        'unbound',
        /PVC default\/none: failed to fetch PVC from API server: persistentvolumeclaim "none" not found/,
      ],
    ] as const) {
      await bed.until(`${name} waits`, () => waits(name)?.reason === 'FailedMount');
      assert.match(waits(name)?.message ?? '', pattern);
    }
  });

  test('a block volume is a device in the container', async () => {
    await ready('block');
    assert.equal(await bed.exec('block', 'dd', 'if=/dev/xvda', 'bs=7', 'count=1'), 'RAWDISK');
    assert.equal(await bed.exec('block', 'stat', '-c', '%F', '/dev/xvda'), 'block special file\n');
  });

  test('a CSI driver registers, stages once for two pods and publishes to each; the cluster learns what it calls the node', async () => {
    await ready('csi');
    await ready('csi-too');
    assert.deepEqual(driver.told[0], { pluginRegistered: true, error: '' });
    assert.deepEqual([...driver.calls].sort(), ['publish vol-1', 'publish vol-1', 'stage vol-1']);
    await bed.exec('csi', 'sh', '-c', 'echo -n shared > /vol-1/file');
    assert.equal(await bed.exec('csi-too', 'cat', '/vol-1/file'), 'shared');
    const node = await bed.until('node ids', () => {
      const { annotations, labels } = meta.nodes.get('edge-a')?.metadata ?? {};
      const ids = annotations?.['csi.volume.kubernetes.io/nodeid'];
      return ids?.includes('att.example.org') && ids.includes('mem.example.org')
        ? { ids, labels }
        : undefined;
    });
    assert.deepEqual(JSON.parse(node.ids), {
      'att.example.org': 'att.example.org-node',
      'mem.example.org': 'mem.example.org-node',
    });
    assert.equal(node.labels?.['mem.example.org/zone'], 'z1');
  });

  test('a volume that must be attached is reported in use and waited for; its pod runs at once when it is', async () => {
    await bed.until('reported', () =>
      (meta.nodeStatuses.at(-1) as Node['status'])?.volumesInUse?.includes(
        'kubernetes.io/csi/att.example.org^vol-2',
      ),
    );
    await bed.until('waits', () => waits('waiting')?.reason === 'FailedMount');
    const name = attachmentName('vol-2', 'att.example.org', 'edge-a');
    meta.putObject('volumeattachment', undefined, name, { metadata: { name }, status: { attached: true } });
    const volumesAttached = [{ name: 'kubernetes.io/csi/att.example.org^vol-2', devicePath: '' }];
    const attached = { ...(meta.nodes.get('edge-a') as Node), status: { volumesAttached } } as Node;
    meta.nodes.set('edge-a', attached);
    const told = performance.now();
    meta.sink?.nodeChanged(attached);
    await ready('waiting');
    assert.ok(performance.now() - told < 5_000, `${performance.now() - told} ms`);
    await bed.until('told', () => said('waiting', 'SuccessfulAttachVolume').length > 0);
  });

  test('an image volume waits and says so (containerd 1.6 cannot mount images)', async () => {
    await bed.until('waits', () => waits('image')?.reason === 'CreateContainerError');
  });

  test('a container gets the devices of a plugin, their variables, and the node counts them', async () => {
    await ready('device');
    const ids = (await bed.exec('device', 'sh', '-c', 'echo -n $FAKE_DEVICES')).split(',');
    assert.equal(ids.length, 2);
    for (const id of ids) {
      assert.equal(await bed.exec('device', 'stat', '-c', '%F', `/dev/${id}`), 'character special file\n');
    }
    const { capacity } = meta.nodeStatuses.at(-1) as NonNullable<Node['status']>;
    assert.equal(capacity?.['vendor.example/fake'], '3');
    const checkpoint = await readFile(
      join(bed.dir, 'kubelet/device-plugins/kubelet_internal_checkpoint'),
      'utf8',
    );
    assert.match(checkpoint, /"ResourceName":"vendor.example\/fake"/);
  });

  test('a restart of edged leaves every mount and device as it is', async () => {
    const before = (await bed.containerIds()).join();
    const calls = driver.calls.length;
    await bed.stop();
    bed.echoStatuses();
    await bed.start();
    meta.putPod(podWith('after', [{ name: 'cfg', configMap: { name: 'cfg' } }]));
    await ready('after');
    assert.equal(await bed.exec('csi-too', 'cat', '/vol-1/file'), 'shared');
    assert.equal(await bed.exec('local', 'cat', '/disk/file'), 'kept');
    assert.equal(driver.calls.length, calls);
    const now = await bed.containerIds();
    assert.deepEqual(
      before.split(',').filter((id) => !now.includes(id)),
      [],
    );
  });

  test('pods that end leave no mount, no stage, no device map and no directory', async () => {
    await bed.deleteAllPods();
    for (const one of [...meta.pods.values()]) meta.removePod(one);
    await bed.assertNothingLeft();
    assert.deepEqual(driver.calls.slice(-1), ['unstage vol-1']);
    const table = await systemHost.mounts.table();
    assert.deepEqual(
      table.filter(({ path }) => path.startsWith(`${bed.dir}/kubelet/plugins/`)),
      [],
    );
    const shared = join(bed.dir, 'kubelet/plugins/kubernetes.io');
    assert.deepEqual(await readdir(join(shared, 'local-volume/mounts')), []);
    assert.deepEqual(await readdir(join(shared, 'csi/mem.example.org')), []);
    assert.equal(await readFile(join(host, 'dir/file'), 'utf8'), 'kept', 'the volume itself stays');
  });

  test('edged killed between mounting and starting, its pod deleted meanwhile: no mount and no directory is left', async () => {
    await bed.stop();
    const doomed = withMounts(
      'doomed',
      [
        { name: 'mem', emptyDir: { medium: 'Memory' } },
        { name: 'cfg', configMap: { name: 'cfg' } },
      ],
      [
        { name: 'mem', mountPath: '/mem' },
        { name: 'mem', mountPath: '/sub', subPath: 'x' },
        { name: 'cfg', mountPath: '/cfg' },
      ],
    );
    const order = {
      endpoint: bed.containerd.endpoint,
      config: bed.config,
      pods: [doomed],
      objects: [{ type: 'configmap' as const, name: 'cfg', content: { data: { a: '1' } } }],
    };
    const killed = await startEdgedProcess(order, 'createContainer');
    await killed.ended();
    const left = (await systemHost.mounts.table()).filter(({ path }) => path.startsWith(podDir(doomed)));
    assert.equal(left.length, 2, 'memory and the sub path were mounted');
    const again = await startEdgedProcess({ ...order, pods: [] });
    await bed.until('nothing is left', () =>
      bed.assertNothingLeft().then(
        () => true,
        () => false,
      ),
    );
    await again.stop();
  });
});
