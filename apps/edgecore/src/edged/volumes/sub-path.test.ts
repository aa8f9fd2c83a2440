import assert from 'node:assert/strict';
import { chmod, chown, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { type FakeMounts, fakeMounts } from '../testing/fake-mounts.ts';
import { bindSubPath } from './sub-path.ts';

let dir: string;
let root: string;
let mounts: FakeMounts;

describe('sub paths', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-sub-'));
    root = join(dir, 'vol');
    await mkdir(join(root, 'in'), { recursive: true });
    await writeFile(join(root, 'file'), 'x');
    mounts = fakeMounts();
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  const target = () => join(dir, 'target');
  const bind = (subPath: string) => bindSubPath({ volume: 'v', root, subPath, target: target() }, mounts);

  test('the very file that was checked is bound, through its descriptor', async () => {
    assert.equal(await bind('in'), target());
    assert.match(mounts.asked.get(target()) ?? '', /^\/proc\/\d+\/fd\/\d+ bind$/);
    assert.ok((await stat(target())).isDirectory());
  });
  test('a file is bound to a file, and links inside the volume are followed', async () => {
    await symlink('file', join(root, 'link'));
    await bind('link');
    assert.ok((await stat(target())).isFile());
  });
  test('a missing directory is made with the rights of the volume, group and all', async () => {
    await chown(root, 0, 77);
    await chmod(root, 0o2777);
    await bind('new/deep');
    for (const path of ['new', 'new/deep']) {
      const { gid, mode } = await stat(join(root, path));
      assert.deepEqual([gid, mode & 0o7777], [77, 0o2777], path);
    }
  });
  test('what is bound to an older file of the volume is bound anew, not twice', async () => {
    await bind('file');
    await bind('file');
    assert.equal(mounts.points.length, 1);
  });
  test('nothing outside can be reached', async () => {
    await symlink('/etc', join(root, 'abs'));
    await symlink('../..', join(root, 'up'));
    for (const path of ['..', '../x', '/etc', 'in/../../x', 'abs', 'abs/passwd', 'up', 'up/vol', 'up/new']) {
      await assert.rejects(bind(path), (error) => isKubeEdgeError(error, 'EDGED_VOLUME_PATH'), path);
    }
    assert.equal(mounts.points.length, 0);
    await assert.rejects(stat(join(dir, '..', 'new')));
  });
});
