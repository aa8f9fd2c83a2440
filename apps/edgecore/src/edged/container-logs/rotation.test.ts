import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Pod } from '@kubeedge-ts/apis';
import { type Clock, silentLogger } from '@kubeedge-ts/runtime';
import { pod } from '../testing/pods.ts';
import { createLogRotation } from './rotation.ts';

const live = new AbortController().signal;
let root: string;
let dir: string;
let now: number;
let pods: Pod[];
let reopened: string[];
let refuse: boolean;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kets-rotate-'));
  now = new Date(2026, 0, 1).getTime();
  reopened = [];
  refuse = false;
  pods = [running('web', 'c1')];
  dir = join(root, `default_web_${pods[0]?.metadata.uid}`, 'main');
  await mkdir(dir, { recursive: true });
});
afterEach(() => rm(root, { recursive: true, force: true }));

function running(name: string, id: string, state: object = { running: { startedAt: '' } }): Pod {
  const status = {
    containerStatuses: [{ name: 'main', containerID: `containerd://${id}`, restartCount: 2, state }],
  };
  return { ...pod(name), status } as unknown as Pod;
}

function rotation(config: Partial<{ maxBytes: number; maxFiles: number }> = {}) {
  const clock: Clock = { now: () => now, monotonic: () => now, after: () => () => undefined };
  return createLogRotation({
    config: { maxBytes: 10, maxFiles: 4, maxWorkers: 2, intervalMs: 10_000, ...config },
    podLogsDir: root,
    pods: () => pods,
    cri: {
      async reopenContainerLog({ containerId }) {
        if (refuse) throw new Error('no');
        reopened.push(containerId ?? '');
        await writeFile(join(dir, '2.log'), '', { flag: 'a', mode: 0o640 });
        return {};
      },
    },
    clock,
    log: silentLogger,
  });
}

const fill = (text = 'x'.repeat(10)) => writeFile(join(dir, '2.log'), text, { mode: 0o640 });
const names = async () => (await readdir(dir)).sort();

describe('rotation of container logs', () => {
  test('a log below the size is left alone, and the runtime is not asked', async () => {
    await fill('x'.repeat(9));
    await rotation().check(live);
    assert.deepEqual(await names(), ['2.log']);
    assert.deepEqual(reopened, []);
  });

  test('a full one is renamed and the runtime is told; older ones are compressed; the oldest goes', async () => {
    const it = rotation();
    for (let turn = 0; turn < 5; turn++) {
      now = new Date(2026, 0, 1, 0, 0, turn * 20).getTime();
      await fill(`turn ${turn}`.padEnd(10));
      await it.check(live);
    }
    assert.deepEqual(await names(), [
      '2.log',
      '2.log.20260101-000040.gz',
      '2.log.20260101-000100.gz',
      '2.log.20260101-000120',
    ]);
    assert.equal(gunzipSync(await readFile(join(dir, '2.log.20260101-000040.gz'))).toString(), 'turn 2    ');
    assert.equal((await stat(join(dir, '2.log.20260101-000040.gz'))).mode & 0o777, 0o640);
    assert.equal(reopened.length, 5);
  });

  test('when the runtime refuses, the log has its name again, and is tried later, not at once', async () => {
    const it = rotation();
    await fill();
    refuse = true;
    await it.check(live);
    assert.deepEqual(await names(), ['2.log']);
    refuse = false;
    now += 9_000;
    await it.check(live);
    assert.deepEqual(reopened, []);
    now += 2_000;
    await it.check(live);
    assert.deepEqual(reopened, ['c1']);
  });

  test('a log that is missing after an interrupted rotation is made again', async () => {
    await rotation().check(live);
    assert.deepEqual(await names(), ['2.log']);
    assert.deepEqual(reopened, ['c1']);
  });

  test('containers that do not run keep their logs', async () => {
    await fill();
    pods = [running('web', 'c1', { terminated: {} }), { ...pod('new') }];
    await rotation().check(live);
    assert.deepEqual(await names(), ['2.log']);
  });

  test('a log of another run of the container is not touched', async () => {
    await fill();
    await writeFile(join(dir, '1.log'), 'x'.repeat(100));
    await writeFile(join(dir, '22.log'), 'x'.repeat(100));
    await rotation({ maxFiles: 2 }).check(live);
    assert.deepEqual(await names(), ['1.log', '2.log', '2.log.20260101-000000', '22.log']);
  });

  test('a negative size switches it off', async () => {
    await fill();
    await rotation({ maxBytes: -1 }).run(live);
    assert.deepEqual(await names(), ['2.log']);
  });
});
