import assert from 'node:assert/strict';
import { link, lstat, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createManualClock } from '../../edgehub/testing/manual-clock.ts';
import { createDiskMeter } from './disk-meter.ts';
import { measureDirectory } from './measure-directory.ts';

const live = new AbortController().signal;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kets-du-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the size of a directory', () => {
  test('counts blocks and inodes, each file once, and follows no link', async () => {
    const blocksOf = async (path: string) => (await lstat(join(dir, path))).blocks * 512;
    await mkdir(join(dir, 'a/b'), { recursive: true });
    await writeFile(join(dir, 'a/one'), Buffer.alloc(100_000, 1));
    await writeFile(join(dir, 'a/b/two'), Buffer.alloc(10_000, 1));
    await link(join(dir, 'a/one'), join(dir, 'a/b/same'));
    await symlink('/', join(dir, 'a/root'));
    const { bytes, inodes } = await measureDirectory(join(dir, 'a'), live);
    // a, b, one, two and the link itself
    assert.equal(inodes, 5);
    const parts = await Promise.all(['a', 'a/b', 'a/one', 'a/b/two', 'a/root'].map(blocksOf));
    assert.equal(
      bytes,
      parts.reduce((sum, part) => sum + part, 0),
    );
  });

  test('of a directory that is not there is an error; of one that goes, what was seen', async () => {
    await assert.rejects(measureDirectory(join(dir, 'none'), live), { code: 'ENOENT' });
    await assert.rejects(measureDirectory(dir, AbortSignal.abort(new Error('stop'))), /stop/);
  });
});

describe('the disk meter', () => {
  const rig = (took = 0) => {
    const clock = createManualClock();
    const measured: string[] = [];
    let running = 0;
    const state = { bytes: 1, most: 0 };
    const meter = createDiskMeter({
      clock,
      periodMs: 60_000,
      async measure(path) {
        running += 1;
        state.most = Math.max(state.most, running);
        measured.push(path);
        clock.advance(took);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        if (path === '/broken') throw new Error('no');
        return { bytes: state.bytes, inodes: 1 };
      },
    });
    return { clock, meter, measured, state };
  };

  test('measures each once within the period, one at a time, and shares what is under way', async () => {
    const { clock, meter, measured, state } = rig();
    assert.equal(meter.get('/a'), undefined);
    await Promise.all([meter.refresh(['/a', '/b', '/broken']), meter.refresh(['/a', '/b'])]);
    assert.deepEqual(measured, ['/a', '/b', '/broken']);
    assert.equal(state.most, 1);
    assert.equal(meter.get('/a')?.bytes, 1);
    assert.equal(meter.get('/broken'), undefined);
    clock.advance(59_000);
    await meter.refresh(['/a']);
    assert.equal(measured.length, 3);
    state.bytes = 2;
    clock.advance(1_000);
    await meter.refresh(['/a']);
    assert.equal(meter.get('/a')?.bytes, 2);
  });

  test('what takes long to measure is measured less often', async () => {
    const { clock, meter, measured } = rig(30_000);
    await meter.refresh(['/a']);
    clock.advance(600_000);
    await meter.refresh(['/a']);
    assert.equal(measured.length, 1, 'thirty seconds of work are not due again after ten minutes');
    clock.advance(1_000_000);
    await meter.refresh(['/a']);
    assert.equal(measured.length, 2);
  });

  test('forgets what nobody asks for any more', async () => {
    const { meter } = rig();
    await meter.refresh(['/a', '/b']);
    meter.retain(new Set(['/b']));
    assert.equal(meter.get('/a'), undefined);
    assert.equal(meter.get('/b')?.bytes, 1);
  });
});
