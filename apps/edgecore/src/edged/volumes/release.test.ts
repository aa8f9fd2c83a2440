import assert from 'node:assert/strict';
import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { type VolumeBench, volumeBench } from '../testing/volume-bench.ts';
import type { Volume } from './plugin.ts';
import { removeTree } from './remove-tree.ts';

let b: VolumeBench;
const secret: Volume = { name: 'sec', secret: { secretName: 's' } };
const point = (path: string) => ({
  path,
  device: '0:9',
  root: '/',
  type: 'tmpfs',
  source: 'tmpfs',
  shared: false,
});

describe('the end of a pod', () => {
  beforeEach(async () => {
    b = await volumeBench();
    b.meta.putObject('secret', 'default', 's', { data: { b: 'Mg==' } });
  });
  afterEach(() => b.close());

  test('unmounts and removes all of it, and nothing of others; twice is once', async () => {
    await b.prepare(b.podWith([secret, { name: 'e', emptyDir: {} }]));
    await b.prepare(b.podWith([secret], {}, 'u11'));
    assert.deepEqual([...(await b.volumes.directories())].sort(), ['u1', 'u11']);
    await b.volumes.release('u1');
    assert.deepEqual(await b.volumes.directories(), ['u11']);
    assert.equal(b.mounts.points.length, 1);
    await b.volumes.release('u1');
    await b.prepare(b.podWith([secret]));
    assert.equal(await b.read('secret', 'sec', 'b'), '2');
  });

  test('goes by what lies on the disk: an earlier run may have ended anywhere', async () => {
    await b.prepare(b.podWith([secret, { name: 'e', emptyDir: { medium: 'Memory' } }]));
    const pod = join(b.dir, 'pods/u1');
    // As an upstream kubelet or a run before leaves them: sub paths, a mount inside a volume, an unknown plugin.
    const subPath = join(pod, 'volume-subpaths/e/main/0');
    await mkdir(subPath, { recursive: true });
    await mkdir(join(pod, 'volumes/vendor~flex/x'), { recursive: true });
    await mkdir(join(b.pathOf('empty-dir', 'e'), 'inner'), { recursive: true });
    for (const path of [
      subPath,
      join(b.pathOf('empty-dir', 'e'), 'inner'),
      join(pod, 'volumes/vendor~flex/x'),
    ]) {
      b.mounts.points.push(point(path));
    }
    b.restart();
    await b.volumes.release('u1');
    assert.deepEqual(b.mounts.points, []);
    assert.deepEqual(await b.volumes.directories(), []);
  });

  test('a mount that cannot be undone keeps its files, others are gone; the next try goes on', async () => {
    await b.prepare(b.podWith([secret, { name: 'a', emptyDir: {} }]));
    const { unmount } = b.mounts;
    b.mounts.unmount = async () => {
      throw new Error('target is busy');
    };
    await assert.rejects(b.volumes.release('u1'), (error) => {
      assert.ok(isKubeEdgeError(error, 'EDGED_UNMOUNT'));
      assert.match(error.message, /kubernetes.io~secret\/sec could not be unmounted/);
      return true;
    });
    assert.equal(await b.read('secret', 'sec', 'b'), '2');
    await assert.rejects(stat(b.pathOf('empty-dir', 'a')));
    b.mounts.unmount = unmount;
    await b.volumes.release('u1');
    assert.deepEqual(await b.volumes.directories(), []);
  });

  test('a mount that is lied about is not deleted through', async () => {
    await b.prepare(b.podWith([{ name: 'a', emptyDir: {} }]));
    const inside = join(b.pathOf('empty-dir', 'a'), 'disk');
    await mkdir(inside);
    await writeFile(join(inside, 'precious'), 'x');
    b.mounts.points.push(point(inside));
    b.mounts.unmount = async () => {};
    await assert.rejects(b.volumes.release('u1'), (error) => isKubeEdgeError(error, 'EDGED_UNMOUNT'));
    assert.deepEqual(await readdir(inside), ['precious']);
  });

  test('another file system is not entered even when no mount table knows of it', async () => {
    const tree = join(b.dir, 'tree');
    await mkdir(tree);
    await writeFile(join(tree, 'file'), '');
    await symlink('/proc', join(tree, 'link'));
    await removeTree(tree, b.mounts);
    await assert.rejects(stat(tree));
    // /proc/self/task is of another file system than /proc's parent: entering it from `/` must be refused.
    await assert.rejects(removeTree('/proc', { table: async () => [point('/proc/sys')] }), (error) =>
      isKubeEdgeError(error, 'EDGED_REMOVE'),
    );
  });
});
