import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { seededRandom, silentLogger, systemClock } from '@kubeedge-ts/runtime';
import type { Mounts } from '../host.ts';
import { type MemoryMeta, memoryMeta } from '../testing/memory-meta.ts';
import { container, pod } from '../testing/pods.ts';
import type { Volume } from './build.ts';
import { bindSubPath } from './sub-path.ts';
import { createVolumes, type Volumes } from './volumes.ts';

interface FakeMounts extends Mounts {
  readonly points: Map<string, string>;
  refuse: boolean;
}

/** A mount table without mounts. */
function fakeMounts(): FakeMounts {
  const points = new Map<string, string>();
  const mounts: FakeMounts = {
    points,
    refuse: false,
    async tmpfs(dir, size) {
      if (mounts.refuse) throw new Error('mount: permission denied');
      points.set(dir, `tmpfs ${size ?? ''}`.trim());
    },
    async bind(source, target) {
      points.set(target, source);
    },
    async unmount(path) {
      points.delete(path);
    },
    list: async () => [...points.keys()],
  };
  return mounts;
}

let dir: string;
let meta: MemoryMeta;
let mounts: FakeMounts;
let volumes: Volumes;
const context = {
  addresses: { hostIPs: ['192.0.2.1'], podIPs: ['10.0.0.2'] },
  allocatable: { memory: '1Gi' },
};

const withVolumes = (list: Volume[], spec: Partial<NonNullable<Pod['spec']>> = {}): Pod =>
  pod(
    'web',
    {
      volumes: list,
      containers: [
        container('main', { volumeMounts: list.map(({ name }) => ({ name, mountPath: `/${name}` })) }),
      ],
      ...spec,
    },
    { uid: 'u1' },
  );
const pathOf = (plugin: string, name: string): string =>
  join(dir, 'pods/u1/volumes', `kubernetes.io~${plugin}`, name);
const read = (plugin: string, name: string, file: string) =>
  readFile(join(pathOf(plugin, name), file), 'utf8');

describe('volumes', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-vol-'));
    meta = memoryMeta();
    mounts = fakeMounts();
    const log = silentLogger;
    volumes = createVolumes({ rootDir: dir, meta, mounts, clock: systemClock, random: seededRandom(1), log });
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('lie where upstream has them; secrets in memory, ConfigMaps on disk, API content read-only', async () => {
    meta.putObject('configmap', 'default', 'app', { data: { a: '1' } });
    meta.putObject('secret', 'default', 's', { data: { b: Buffer.from('2').toString('base64') } });
    const { byName } = await volumes.prepare(
      withVolumes([
        { name: 'cm', configMap: { name: 'app' } },
        { name: 'sec', secret: { secretName: 's', defaultMode: 0o400 } },
        { name: 'empty', emptyDir: {} },
      ]),
      context,
    );
    assert.equal(await read('configmap', 'cm', 'a'), '1');
    assert.equal(await read('secret', 'sec', 'b'), '2');
    assert.equal((await stat(join(pathOf('secret', 'sec'), 'b'))).mode & 0o777, 0o400);
    assert.equal((await stat(pathOf('empty-dir', 'empty'))).mode & 0o777, 0o777);
    assert.deepEqual([...mounts.points], [[pathOf('secret', 'sec'), 'tmpfs']]);
    assert.deepEqual(
      ['cm', 'sec', 'empty'].map((name) => byName.get(name)?.readOnly),
      [true, true, false],
    );
  });

  test('only what a container mounts is made', async () => {
    const it = withVolumes([{ name: 'cm', configMap: { name: 'none' } }]);
    it.spec!.containers[0]!.volumeMounts = [];
    assert.equal((await volumes.prepare(it, context)).byName.size, 0);
  });

  test('content follows the objects, keys can be chosen, and an optional one may be missing', async () => {
    meta.putObject('configmap', 'default', 'app', { data: { a: '1', b: '2' } });
    const it = withVolumes([
      { name: 'some', configMap: { name: 'app', items: [{ key: 'a', path: 'deep/x', mode: 0o600 }] } },
      { name: 'maybe', configMap: { name: 'none', optional: true } },
    ]);
    await volumes.prepare(it, context);
    assert.equal(await read('configmap', 'some', 'deep/x'), '1');
    meta.putObject('configmap', 'default', 'app', { data: { a: '9' } });
    meta.putObject('configmap', 'default', 'none', { data: { now: 'here' } });
    await volumes.prepare(it, context);
    assert.equal(await read('configmap', 'some', 'deep/x'), '9');
    assert.equal(await read('configmap', 'maybe', 'now'), 'here');
  });

  test('a projected volume merges its sources, later ones over earlier ones, and says when its token is due', async () => {
    meta.putObject('configmap', 'default', 'ca', { data: { 'ca.crt': 'PEM', token: 'overridden' } });
    const before = Date.now();
    const it = withVolumes([
      {
        name: 'api',
        projected: {
          defaultMode: 0o644,
          sources: [
            { configMap: { name: 'ca' } },
            { serviceAccountToken: { path: 'token', expirationSeconds: 3607, audience: 'x' } },
            { downwardAPI: { items: [{ path: 'ns', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
          ],
        },
      },
    ]);
    const { refreshAt = 0 } = await volumes.prepare(it, context);
    assert.equal(await read('projected', 'api', 'token'), 'token-default-1');
    assert.equal(await read('projected', 'api', 'ca.crt'), 'PEM');
    assert.equal(await read('projected', 'api', 'ns'), 'default');
    const life = 3_607_000;
    assert.ok(refreshAt >= before + 0.8 * life - 1_000 && refreshAt <= Date.now() + 0.8 * life + 10_000);
    assert.deepEqual(meta.tokenRequests[0], {
      metadata: { creationTimestamp: null },
      spec: {
        audiences: ['x'],
        expirationSeconds: 3607,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'web', uid: 'u1' },
      },
      status: { token: '', expirationTimestamp: null },
    });
  });

  test('an expired token (the cloud is away) is kept and asked for again within 90 s', async () => {
    meta.tokenSeconds = -10;
    const sources = [{ serviceAccountToken: { path: 'token' } }];
    const { refreshAt = 0 } = await volumes.prepare(
      withVolumes([{ name: 'api', projected: { sources } }]),
      context,
    );
    assert.ok(refreshAt > Date.now() && refreshAt < Date.now() + 91_000);
    assert.match(await read('projected', 'api', 'token'), /^token/);
  });

  test('a token is for the one user of the pod', async () => {
    const sources = [{ serviceAccountToken: { path: 'token' } }];
    const it = withVolumes([{ name: 'api', projected: { sources } }], {
      securityContext: { runAsUser: 4242 },
    });
    await volumes.prepare(it, context);
    const { uid, mode } = await stat(join(pathOf('projected', 'api'), 'token'));
    assert.deepEqual([uid, mode & 0o777], [4242, 0o600]);
  });

  test('memory volumes are limited by the smallest limit there is', async () => {
    await volumes.prepare(
      withVolumes([
        { name: 'a', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        { name: 'b', emptyDir: { medium: 'Memory' } },
      ]),
      context,
    );
    assert.equal(mounts.points.get(pathOf('empty-dir', 'a')), 'tmpfs 1048576');
    assert.equal(mounts.points.get(pathOf('empty-dir', 'b')), 'tmpfs 1073741824');
  });

  test('where mounting is not permitted secrets are on disk; memory volumes are refused', async () => {
    mounts.refuse = true;
    meta.putObject('secret', 'default', 's', { data: { b: 'Mg==' } });
    await volumes.prepare(withVolumes([{ name: 'sec', secret: { secretName: 's' } }]), context);
    assert.equal(await read('secret', 'sec', 'b'), '2');
    const memory = withVolumes([{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }]);
    await assert.rejects(volumes.prepare(memory, context), (error) => isKubeEdgeError(error, 'EDGED_VOLUME'));
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
    [
      'a claim',
      { name: 'v', persistentVolumeClaim: { claimName: 'c' } },
      /type persistentVolumeClaim are not supported/,
    ],
    ['a relative host path', { name: 'v', hostPath: { path: 'etc' } }, /not an absolute path/],
    [
      'a host path of another type',
      { name: 'v', hostPath: { path: '/etc', type: 'File' } },
      /\/etc is not a File/,
    ],
    [
      'a host path that is not there',
      { name: 'v', hostPath: { path: '/none', type: 'Directory' } },
      /\/none is not a Directory/,
    ],
    [
      'an unknown host path type',
      { name: 'v', hostPath: { path: '/etc', type: 'Nope' } },
      /type Nope is unknown/,
    ],
  ];
  for (const [title, volume, pattern] of refused) {
    test(`${title} is refused with FailedMount`, async () => {
      meta.putObject('configmap', 'default', 'app', { data: { a: '1' } });
      await assert.rejects(volumes.prepare(withVolumes([volume]), context), (error) => {
        assert.ok(isKubeEdgeError(error));
        assert.equal(error.details['reason'], 'FailedMount');
        assert.match(error.message, pattern);
        return true;
      });
    });
  }

  test('host paths are made when asked to', async () => {
    const make = (path: string, type: string) =>
      volumes.prepare(withVolumes([{ name: 'v', hostPath: { path: join(dir, path), type } }]), context);
    await make('made/dir', 'DirectoryOrCreate');
    await make('made/file', 'FileOrCreate');
    assert.ok((await stat(join(dir, 'made/dir'))).isDirectory());
    assert.ok((await stat(join(dir, 'made/file'))).isFile());
  });

  test('release unmounts and removes all of the pod, and nothing of others', async () => {
    meta.putObject('secret', 'default', 's', { data: { b: 'Mg==' } });
    const it = withVolumes([{ name: 'sec', secret: { secretName: 's' } }]);
    await volumes.prepare(it, context);
    await volumes.prepare({ ...it, metadata: { ...it.metadata, uid: 'u11' } }, context);
    assert.deepEqual([...(await volumes.directories())].sort(), ['u1', 'u11']);
    await volumes.release('u1');
    assert.deepEqual(await volumes.directories(), ['u11']);
    assert.equal(mounts.points.size, 1);
    await volumes.release('u1');
    await volumes.prepare(it, context);
    assert.equal(await read('secret', 'sec', 'b'), '2');
  });

  test('a mount that cannot be undone keeps its files', async () => {
    meta.putObject('secret', 'default', 's', { data: { b: 'Mg==' } });
    await volumes.prepare(withVolumes([{ name: 'sec', secret: { secretName: 's' } }]), context);
    mounts.unmount = async () => {
      throw new Error('busy');
    };
    await assert.rejects(volumes.release('u1'), /busy/);
    assert.equal(await read('secret', 'sec', 'b'), '2');
  });
});

describe('sub paths', () => {
  let root: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-sub-'));
    root = join(dir, 'vol');
    await mkdir(join(root, 'in'), { recursive: true });
    await writeFile(join(root, 'file'), 'x');
    mounts = fakeMounts();
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  const bind = (subPath: string) =>
    bindSubPath({ volume: 'v', root, subPath, target: join(dir, 'target') }, mounts);

  test('the very file that was checked is bound, through its descriptor', async () => {
    assert.equal(await bind('in'), join(dir, 'target'));
    assert.match(mounts.points.get(join(dir, 'target')) ?? '', /^\/proc\/\d+\/fd\/\d+$/);
    assert.ok((await stat(join(dir, 'target'))).isDirectory());
  });
  test('a file is bound to a file, and links inside the volume are followed', async () => {
    await symlink('file', join(root, 'link'));
    await bind('link');
    assert.ok((await stat(join(dir, 'target'))).isFile());
  });
  test('a missing directory is made, closed to others', async () => {
    await bind('new/deep');
    assert.equal((await stat(join(root, 'new/deep'))).mode & 0o777, 0o750);
  });
  test('nothing outside can be reached', async () => {
    await symlink('/etc', join(root, 'abs'));
    await symlink('../..', join(root, 'up'));
    for (const path of ['..', '../x', '/etc', 'in/../../x', 'abs', 'abs/passwd', 'up', 'up/vol']) {
      await assert.rejects(bind(path), (error) => isKubeEdgeError(error, 'EDGED_VOLUME_PATH'), path);
    }
    assert.equal(mounts.points.size, 0);
  });
});
