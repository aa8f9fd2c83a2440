import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import fc from 'fast-check';
import { writeAtomically } from './atomic-writer.ts';
import { checked, type Payload } from './payload.ts';

let dir: string;
const NOW = Date.parse('2026-11-22T14:08:49Z');

const files = (content: Record<string, string>, mode = 0o644): Payload =>
  new Map(Object.entries(content).map(([path, text]) => [path, { content: Buffer.from(text), mode }]));

const visible = async (): Promise<Record<string, string>> => {
  const found: Record<string, string> = {};
  const walk = async (path: string): Promise<void> => {
    for (const name of await readdir(join(dir, path))) {
      if (path === '' && name.startsWith('..')) continue;
      const below = join(path, name);
      if ((await stat(join(dir, below))).isDirectory()) await walk(below);
      else found[below] = await readFile(join(dir, below), 'utf8');
    }
  };
  await walk('');
  return found;
};

describe('the atomic writer', () => {
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-aw-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('files appear behind ..data, in a directory named after the time', async () => {
    assert.equal(await writeAtomically(dir, files({ a: '1', 'sub/b': '2' }), NOW), true);
    assert.deepEqual(await visible(), { a: '1', 'sub/b': '2' });
    assert.equal(await readlink(join(dir, 'a')), '..data/a');
    assert.match(await readlink(join(dir, '..data')), /^\.\.2026_11_22_14_08_49\.\d+$/);
  });

  test('the same content writes nothing; a change replaces all at once and leaves nothing old', async () => {
    await writeAtomically(dir, files({ a: '1', b: '1', 'sub/c': 'x' }), NOW);
    const before = await readlink(join(dir, '..data'));
    assert.equal(await writeAtomically(dir, files({ 'sub/c': 'x', b: '1', a: '1' }), NOW), false);
    assert.equal(await readlink(join(dir, '..data')), before);
    assert.equal(await writeAtomically(dir, files({ a: '2' }), NOW), true);
    assert.deepEqual(await visible(), { a: '2' });
    assert.equal((await readdir(dir)).length, 3);
  });

  test('modes are those of the payload, whatever the umask; a changed mode is a change', async () => {
    const umask = process.umask(0o077);
    try {
      await writeAtomically(dir, files({ a: '1' }, 0o444), NOW);
    } finally {
      process.umask(umask);
    }
    assert.equal((await stat(join(dir, 'a'))).mode & 0o777, 0o444);
    assert.equal(await writeAtomically(dir, files({ a: '1' }, 0o400), NOW), true);
  });

  test('a group owns everything when the pod has an fsGroup', async () => {
    await writeAtomically(dir, files({ 'sub/a': '1' }, 0o600), NOW, { gid: 4242 });
    const [file, parent] = await Promise.all([stat(join(dir, 'sub/a')), stat(join(dir, '..data/sub'))]);
    assert.deepEqual([file.gid, file.mode & 0o7777], [4242, 0o640]);
    assert.deepEqual([parent.gid, parent.mode & 0o7777], [4242, 0o2755]);
  });

  test('what a crash left behind is repaired', async () => {
    await writeAtomically(dir, files({ a: '1' }), NOW);
    await symlink('..nowhere', join(dir, '..data_tmp'));
    await writeFile(join(dir, 'stray'), 'x');
    await rm(join(dir, 'a'));
    assert.equal(await writeAtomically(dir, files({ a: '1' }), NOW), false);
    assert.equal((await visible())['a'], '1');
    await writeAtomically(dir, files({ a: '2' }), NOW);
    assert.deepEqual(await visible(), { a: '2' });
  });

  test('a reader never sees a mixture of two versions', async () => {
    await writeAtomically(dir, files({ a: '0', b: '0' }), NOW);
    let done = false;
    const reader = (async () => {
      let reads = 0;
      while (!done) {
        const version = await readlink(join(dir, '..data'));
        const [a, b] = await Promise.all(
          ['a', 'b'].map((name) => readFile(join(dir, version, name), 'utf8').catch(() => undefined)),
        );
        if (a !== undefined && b !== undefined) assert.equal(a, b);
        reads += 1;
      }
      return reads;
    })();
    for (let i = 1; i < 30; i++) await writeAtomically(dir, files({ a: String(i), b: String(i) }), NOW);
    done = true;
    assert.ok((await reader) > 0);
  });

  test('from any content to any other, exactly the other is visible', async () => {
    const name = fc.stringMatching(/^[a-z]{1,3}$/);
    const content = fc.dictionary(name, fc.string({ maxLength: 5 }), { maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(content, content, async (one, two) => {
        await writeAtomically(dir, files(one), NOW);
        await writeAtomically(dir, files(two), NOW);
        assert.deepEqual({ ...(await visible()) }, { ...two });
      }),
      { numRuns: 25 },
    );
  });
});

describe('paths in volumes', () => {
  test('that leave the volume or meet our own names are refused', () => {
    for (const path of [
      '',
      '/a',
      '../a',
      'a/../b',
      '..data/x',
      '..x',
      'a//b',
      './a',
      'a/.',
      'a\0b',
      'x'.repeat(256),
    ]) {
      assert.throws(
        () => checked('v', path),
        (error) => isKubeEdgeError(error, 'EDGED_VOLUME_PATH'),
        path,
      );
    }
    for (const path of ['a', 'a/b', '.hidden', 'a..b', 'a/..b']) assert.equal(checked('v', path), path);
  });
});
