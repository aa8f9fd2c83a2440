import assert from 'node:assert/strict';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { edgecoreErrors, isKubeEdgeError } from '@kubeedge-ts/errors';
import { container } from '../testing/pods.ts';
import { CONTEXT, type VolumeBench, volumeBench } from '../testing/volume-bench.ts';
import { nfsPlugin } from './nfs.ts';
import { volumePaths } from './paths.ts';
import type { Volume } from './plugin.ts';

let b: VolumeBench;

describe('volumes', () => {
  beforeEach(async () => {
    b = await volumeBench();
  });
  afterEach(() => b.close());

  test('lie where upstream has them; secrets in memory, ConfigMaps on disk, API content read-only', async () => {
    b.meta.putObject('configmap', 'default', 'app', { data: { a: '1' } });
    b.meta.putObject('secret', 'default', 's', { data: { b: Buffer.from('2').toString('base64') } });
    const { byName } = await b.prepare(
      b.podWith([
        { name: 'cm', configMap: { name: 'app' } },
        { name: 'sec', secret: { secretName: 's', defaultMode: 0o400 } },
        { name: 'empty', emptyDir: {} },
      ]),
    );
    assert.equal(await b.read('configmap', 'cm', 'a'), '1');
    assert.equal(await b.read('secret', 'sec', 'b'), '2');
    assert.equal((await stat(join(b.pathOf('secret', 'sec'), 'b'))).mode & 0o777, 0o400);
    assert.equal((await stat(b.pathOf('empty-dir', 'empty'))).mode & 0o777, 0o777);
    assert.deepEqual([...b.mounts.asked], [[b.pathOf('secret', 'sec'), 'tmpfs tmpfs noswap']]);
    assert.deepEqual(
      ['cm', 'sec', 'empty'].map((name) => byName.get(name)?.readOnly),
      [true, true, false],
    );
  });

  test('only what a container mounts is made', async () => {
    const it = b.podWith([{ name: 'cm', configMap: { name: 'none' } }]);
    it.spec!.containers[0]!.volumeMounts = [];
    assert.equal((await b.prepare(it)).byName.size, 0);
  });

  test('content follows the objects, keys can be chosen, and an optional one may be missing', async () => {
    b.meta.putObject('configmap', 'default', 'app', { data: { a: '1', b: '2' } });
    const it = b.podWith([
      { name: 'some', configMap: { name: 'app', items: [{ key: 'a', path: 'deep/x', mode: 0o600 }] } },
      { name: 'maybe', configMap: { name: 'none', optional: true } },
    ]);
    await b.prepare(it);
    assert.equal(await b.read('configmap', 'some', 'deep/x'), '1');
    b.meta.putObject('configmap', 'default', 'app', { data: { a: '9' } });
    b.meta.putObject('configmap', 'default', 'none', { data: { now: 'here' } });
    await b.prepare(it);
    assert.equal(await b.read('configmap', 'some', 'deep/x'), '9');
    assert.equal(await b.read('configmap', 'maybe', 'now'), 'here');
  });

  test('while the cloud is away an optional object that the store does not have is absent', async () => {
    b.meta.getReferenced = async () => {
      throw edgecoreErrors.create('EDGE_DISCONNECTED', { operation: 'query', resource: 'x' });
    };
    const optional = { name: 'v', configMap: { name: 'none', optional: true } };
    await b.prepare(b.podWith([optional]));
    await assert.rejects(
      b.prepare(b.podWith([{ name: 'v', configMap: { name: 'none' } }])),
      /configmap "none"/,
    );
  });

  test('an immutable object is read once in the life of a pod, also among others', async () => {
    b.meta.putObject('configmap', 'default', 'fixed', { immutable: true, data: { a: '1' } });
    b.meta.putObject('configmap', 'default', 'app', { data: { b: '1' } });
    const reads: string[] = [];
    const { getReferenced } = b.meta;
    b.meta.getReferenced = (type, namespace, name) => {
      reads.push(name);
      return getReferenced(type, namespace, name);
    };
    const sources = [{ configMap: { name: 'fixed' } }, { configMap: { name: 'app' } }];
    const it = b.podWith([{ name: 'all', projected: { sources } }]);
    await b.prepare(it);
    b.meta.putObject('configmap', 'default', 'fixed', { immutable: true, data: { a: '2' } });
    b.meta.putObject('configmap', 'default', 'app', { data: { b: '2' } });
    await b.prepare(it);
    assert.deepEqual(reads, ['fixed', 'app', 'app']);
    assert.equal((await b.read('projected', 'all', 'a')) + (await b.read('projected', 'all', 'b')), '12');
    await b.volumes.release('u1');
    await b.prepare(it);
    assert.equal(await b.read('projected', 'all', 'a'), '2');
  });

  test('one volume that fails does not keep the others from being made; each failure is an event', async () => {
    b.meta.putObject('configmap', 'default', 'app', { data: { a: '1' } });
    const it = b.podWith([
      { name: 'bad', configMap: { name: 'none' } },
      { name: 'good', configMap: { name: 'app' } },
    ]);
    await assert.rejects(b.prepare(it), /configmap "none" not found/);
    assert.equal(await b.read('configmap', 'good', 'a'), '1');
    assert.deepEqual(b.events, [
      'Warning FailedMount MountVolume.SetUp failed for volume "bad" : configmap "none" not found',
    ]);
  });

  test('memory volumes are limited by the smallest limit there is', async () => {
    const list: Volume[] = [
      { name: 'a', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      { name: 'b', emptyDir: { medium: 'Memory' } },
    ];
    await b.prepare(b.podWith(list));
    assert.equal(b.mounts.asked.get(b.pathOf('empty-dir', 'a')), 'tmpfs tmpfs size=1048576,noswap');
    assert.equal(b.mounts.asked.get(b.pathOf('empty-dir', 'b')), 'tmpfs tmpfs size=1073741824,noswap');
    const resources = { limits: { memory: '8Mi', cpu: '1' }, requests: { memory: '8Mi', cpu: '1' } };
    const limited = b.podWith(list, {}, 'u2');
    limited.spec!.containers[0]!.resources = resources;
    await b.prepare(limited);
    const target = b.pathOf('empty-dir', 'b', 'u2');
    assert.equal(b.mounts.asked.get(target), 'tmpfs tmpfs size=8388608,noswap');
  });

  test('an older kernel without noswap gets plain memory', async () => {
    b.mounts.refuse = ({ options }) =>
      options?.includes('noswap') === true ? 'Unknown parameter noswap' : undefined;
    await b.prepare(b.podWith([{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }]));
    assert.equal(b.mounts.asked.get(b.pathOf('empty-dir', 'm')), 'tmpfs tmpfs size=1048576');
  });

  test('huge pages of the size the pod requests', async () => {
    const requests = { 'hugepages-2Mi': '4Mi', 'hugepages-1Gi': '1Gi' };
    const list: Volume[] = [{ name: 'h', emptyDir: { medium: 'HugePages-2Mi' } }];
    const it = b.podWith(list);
    await assert.rejects(b.prepare(it), /no resource request for huge pages/);
    it.spec!.containers[0]!.resources = { requests };
    await b.prepare(it);
    const pages = 'hugetlbfs nodev pagesize=2097152';
    assert.equal(b.mounts.asked.get(b.pathOf('empty-dir', 'h')), pages);
    const any = b.podWith([{ name: 'any', emptyDir: { medium: 'HugePages' } }]);
    any.spec!.containers[0]!.resources = { requests };
    await assert.rejects(b.prepare(any), /multiple huge page sizes/);
    any.spec!.containers[0]!.resources = { requests: { 'hugepages-2Mi': '4Mi' } };
    await b.prepare(any);
    assert.equal(b.mounts.asked.get(b.pathOf('empty-dir', 'any')), pages);
  });

  test('scratch space keeps its content when edgecore starts again, and is made anew after a reboot', async () => {
    const it = b.podWith([
      { name: 'disk', emptyDir: {} },
      { name: 'mem', emptyDir: { medium: 'Memory' } },
    ]);
    await b.prepare(it);
    await writeFile(join(b.pathOf('empty-dir', 'disk'), 'file'), 'kept');
    b.restart();
    b.mounts.asked.clear();
    await b.prepare(it);
    assert.equal(await b.read('empty-dir', 'disk', 'file'), 'kept');
    assert.equal(b.mounts.asked.size, 0);
    b.mounts.points.length = 0;
    await b.prepare(it);
    assert.equal(b.mounts.points.length, 1);
  });

  test('where mounting is not permitted secrets are on disk; memory volumes are refused', async () => {
    b.mounts.refuse = () => 'mount: permission denied';
    b.meta.putObject('secret', 'default', 's', { data: { b: 'Mg==' } });
    await b.prepare(b.podWith([{ name: 'sec', secret: { secretName: 's' } }]));
    assert.equal(await b.read('secret', 'sec', 'b'), '2');
    const memory = b.podWith([{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }]);
    await assert.rejects(b.prepare(memory), (error) => isKubeEdgeError(error, 'EDGED_VOLUME'));
  });

  const refused: [string, Volume, RegExp][] = [
    ['a missing ConfigMap', { name: 'v', configMap: { name: 'none' } }, /configmap "none" not found/],
    [
      'a missing key',
      { name: 'v', configMap: { name: 'app', items: [{ key: 'x', path: 'x' }] } },
      /non-existent key: x/,
    ],
    [
      'a path outside',
      { name: 'v', configMap: { name: 'app', items: [{ key: 'a', path: '../x' }] } },
      /not allowed/,
    ],
    ['a name that is a path', { name: '../v', emptyDir: {} }, /cannot be the name of a directory/],
    ['a medium nobody knows', { name: 'v', emptyDir: { medium: 'Paper' } }, /unknown storage medium "Paper"/],
    [
      'a trust bundle',
      { name: 'v', projected: { sources: [{ clusterTrustBundle: { path: 'x' } }] } } as Volume,
      /clusterTrustBundle projection is not supported/,
    ],
    [
      'a kind nobody has',
      { name: 'v', gcePersistentDisk: { pdName: 'x' } },
      /type gcePersistentDisk are not supported/,
    ],
    [
      'a driver that this node does not have',
      { name: 'v', csi: { driver: 'x' } },
      /volumes of type csi are not supported/,
    ],
    ['a relative host path', { name: 'v', hostPath: { path: 'etc' } }, /not an absolute path/],
    [
      'a host path of another type',
      { name: 'v', hostPath: { path: '/etc', type: 'File' } },
      /\/etc is not a file/,
    ],
    [
      'a host path that is no device',
      { name: 'v', hostPath: { path: '/dev/null', type: 'BlockDevice' } },
      /\/dev\/null is not a block device/,
    ],
    [
      'a host path that is not there',
      { name: 'v', hostPath: { path: '/none', type: 'Directory' } },
      /\/none is not a directory/,
    ],
    [
      'an unknown host path type',
      { name: 'v', hostPath: { path: '/etc', type: 'SocketOrCreate' } },
      /SocketOrCreate is an invalid volume type/,
    ],
  ];
  for (const [title, volume, pattern] of refused) {
    test(`${title} is refused with FailedMount`, async () => {
      b.meta.putObject('configmap', 'default', 'app', { data: { a: '1' } });
      await assert.rejects(b.prepare(b.podWith([volume])), (error) => {
        assert.ok(isKubeEdgeError(error));
        assert.equal(error.details['reason'], 'FailedMount');
        assert.match(error.message, pattern);
        return true;
      });
      assert.equal(b.events.length, 1);
    });
  }

  test('host paths are made when asked to, and devices are known', async () => {
    const make = (path: string, type: string) =>
      b.prepare(b.podWith([{ name: 'v', hostPath: { path, type } }]));
    await make(join(b.dir, 'made/dir'), 'DirectoryOrCreate');
    await make(join(b.dir, 'made/file'), 'FileOrCreate');
    await make(join(b.dir, 'made/file'), 'File');
    await make('/dev/null', 'CharDevice');
    assert.ok((await stat(join(b.dir, 'made/dir'))).isDirectory());
    assert.ok((await stat(join(b.dir, 'made/file'))).isFile());
  });

  test('an image volume is left to the runtime, read-only (what it is asked: containerd 1.6 has none)', async () => {
    const image = { name: 'i', image: { reference: 'example.org/data:1', pullPolicy: 'Never' } };
    const { byName } = await b.prepare(b.podWith([image]));
    const source = { kind: 'image', reference: 'example.org/data:1', pullPolicy: 'Never' };
    assert.deepEqual(byName.get('i'), { source, readOnly: true, specName: 'i' });
  });

  test('NFS without its tools is refused with what is missing, and mounted with options where they are', async () => {
    const paths = volumePaths(b.dir);
    const volume = { name: 'n', nfs: { server: 'fd00::1', path: '/export', readOnly: true } };
    const request = {
      pod: b.podWith([volume]),
      volume,
      specName: 'n',
      pv: undefined,
      readOnly: false,
      block: false,
      context: CONTEXT,
      read: async () => undefined,
      signal: undefined,
    };
    const without = nfsPlugin(paths, b.mounts, [join(b.dir, 'none')]);
    await assert.rejects(without.prepare(request), /mount.nfs is missing/);
    await nfsPlugin(paths, b.mounts, ['/dev/null']).prepare(request);
    assert.equal(b.mounts.asked.get(b.pathOf('nfs', 'n')), 'nfs [fd00::1]:/export ro');
    const strange = {
      ...request,
      volume: { name: 'n2', nfs: { server: '-o x', path: '/e' } },
      specName: 'n2',
    };
    await assert.rejects(nfsPlugin(paths, b.mounts, ['/dev/null']).prepare(strange), /needs a server/);
  });

  test('devices and files are not mixed up', async () => {
    const it = b.podWith([{ name: 'v', emptyDir: {} }]);
    it.spec!.containers[0] = container('main', { volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] });
    await assert.rejects(b.prepare(it), /volumeMode Filesystem, but is specified in volumeDevices/);
  });
  test('a volume directory removed by hand is made again', async () => {
    const it = b.podWith([{ name: 'v', emptyDir: {} }]);
    await b.prepare(it);
    await rm(b.pathOf('empty-dir', 'v'), { recursive: true });
    await b.prepare(it);
    assert.ok((await stat(b.pathOf('empty-dir', 'v'))).isDirectory());
  });
});
