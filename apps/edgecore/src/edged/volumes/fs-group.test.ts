import assert from 'node:assert/strict';
import { chmod, chown, lstat, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { giveToGroup } from './fs-group.ts';

let dir: string;
const access = async (path = '.'): Promise<[number, string]> => {
  const { gid, mode } = await lstat(join(dir, path));
  return [gid, (mode & 0o7777).toString(8)];
};

describe('the group of a volume', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-group-'));
    await mkdir(join(dir, 'a/b'), { recursive: true });
    await writeFile(join(dir, 'a/file'), '', { mode: 0o600 });
    for (const sub of ['.', 'a', 'a/b']) await chmod(join(dir, sub), 0o755);
    await chmod(join(dir, 'a/file'), 0o600);
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('owns everything, may write, and inherits', async () => {
    assert.equal(await giveToGroup(dir, { volume: 'v', gid: 77 }), 4);
    assert.deepEqual(await access(), [77, '2775']);
    assert.deepEqual(await access('a/b'), [77, '2775']);
    assert.deepEqual(await access('a/file'), [77, '660']);
    await writeFile(join(dir, 'a/new'), '');
    assert.equal((await access('a/new'))[0], 77);
    assert.equal(await giveToGroup(dir, { volume: 'v', gid: 77 }), 1, 'only what is new is touched');
  });

  test('may only read what is read-only', async () => {
    await giveToGroup(dir, { volume: 'v', gid: 77, readOnly: true });
    assert.deepEqual(await access('a/file'), [77, '640']);
    assert.deepEqual(await access('a'), [77, '2755']);
  });

  test('OnRootMismatch trusts a root that is right', async () => {
    const request = { volume: 'v', gid: 77, onRootMismatch: true };
    await giveToGroup(dir, request);
    await chown(join(dir, 'a/file'), 0, 0);
    assert.equal(await giveToGroup(dir, request), 0);
    await chmod(dir, 0o755);
    assert.ok((await giveToGroup(dir, request)) >= 2);
    assert.equal((await access('a/file'))[0], 77);
  });

  test('links are not followed', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'kets-out-'));
    await writeFile(join(outside, 'file'), '', { mode: 0o600 });
    await symlink(outside, join(dir, 'link'));
    await symlink(join(outside, 'file'), join(dir, 'a/link'));
    await giveToGroup(dir, { volume: 'v', gid: 77 });
    const before = await stat(join(outside, 'file'));
    assert.deepEqual([before.gid, before.mode & 0o777], [0, 0o600]);
    await rm(outside, { recursive: true });
  });

  test('can be interrupted; the root is not right before all is', async () => {
    for (let i = 0; i < 50; i++) await writeFile(join(dir, `f${i}`), '');
    const abort = new AbortController();
    const giving = giveToGroup(dir, { volume: 'v', gid: 77, signal: abort.signal });
    abort.abort(new Error('pod is deleted'));
    await assert.rejects(giving, /pod is deleted/);
    assert.equal((await access())[0], 0);
    await giveToGroup(dir, { volume: 'v', gid: 77, onRootMismatch: true });
    assert.equal((await access('f49'))[0], 77);
  });

  test('directories nested without end are refused', async () => {
    let deep = dir;
    for (let i = 0; i < 410; i++) deep += '/d';
    await mkdir(deep, { recursive: true });
    await assert.rejects(giveToGroup(dir, { volume: 'v', gid: 77 }), /nested deeper than 400/);
  });
});
