import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Container, Image } from '@kubeedge-ts/cri';
import { criErrors } from '@kubeedge-ts/errors';
import { silentLogger } from '@kubeedge-ts/runtime';
import { createManualClock, type ManualClock, until } from '../../edgehub/testing/manual-clock.ts';
import { edgedConfig } from '../testing/config.ts';
import { fakeHost } from '../testing/fake-host.ts';
import { createImageGc, type ImageGc, type ImageGcOptions } from './image-gc.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let dir: string;
let clock: ManualClock;
let images: Image[];
let containers: Partial<Container>[];
let wanted: string[] | undefined;
let total: number;
let inUse: () => number;
let told: string[];
let stubborn: Set<string>;
let stopping: AbortController;
let running: Promise<void>;

const image = (name: string, size = 10, more: Partial<Image> = {}): Image => ({
  id: `sha256:${name}`,
  repoTags: [`registry.example/${name}:1`],
  repoDigests: [`registry.example/${name}@sha256:d-${name}`],
  size,
  username: '',
  pinned: false,
  ...more,
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kets-image-gc-'));
  clock = createManualClock();
  images = [];
  containers = [];
  wanted = [];
  total = 100;
  inUse = () => images.reduce((sum, { size }) => sum + size, 0);
  told = [];
  stubborn = new Set();
  stopping = new AbortController();
  running = Promise.resolve();
});
afterEach(async () => {
  stopping.abort(new Error('done'));
  await running;
  await rm(dir, { recursive: true, force: true });
});

function start(more: Partial<ImageGcOptions['config']> = {}): ImageGc {
  const gc = createImageGc({
    cri: {
      listImages: async () => ({ images: [...images] }),
      listContainers: async () => ({ containers: containers as Container[] }),
      async removeImage(request) {
        const id = request.image?.image ?? '';
        if (stubborn.has(id))
          throw criErrors.create('CRI_FAILED', { method: 'RemoveImage', grpcCode: 9, problem: 'in use' });
        images = images.filter((one) => one.id !== id);
        return {};
      },
    },
    config: { ...edgedConfig({ rootDir: dir }), ...more },
    host: {
      ...fakeHost(),
      statfs: async () => ({ totalBytes: total, availableBytes: total - inUse(), inodes: 0, inodesFree: 0 }),
    },
    imageFs: async () => '/images',
    wanted: () => wanted,
    runtimeSandboxImage: () => 'registry.example/pause:1',
    events: { node: (type, reason) => void told.push(`${type} ${reason}`) },
    clock,
    log: silentLogger,
  });
  running = gc.run(stopping.signal);
  return gc;
}
/** The collector has done what was due and sleeps. */
const settle = (): Promise<void> => until(() => clock.pending > 0, 'the collector to sleep');
const pass = async (ms: number): Promise<void> => {
  await settle();
  for (let left = ms; left > 0; left -= MINUTE) {
    clock.advance(Math.min(MINUTE, left));
    await settle();
  }
};
const names = () => images.map(({ id }) => id.replace('sha256:', ''));
const container = (of: string): Partial<Container> => ({ imageRef: `sha256:${of}`, imageId: '' });

describe('image collection', () => {
  test('rests below the high threshold', async () => {
    images = [image('a', 40), image('b', 44)];
    start();
    await pass(30 * MINUTE);
    assert.deepEqual(names(), ['a', 'b']);
  });

  test('above it removes down to the low one, the longest unused first', async () => {
    images = [image('old', 10), image('older', 10), image('used', 10), image('big', 56)];
    containers = ['old', 'used', 'big'].map(container);
    start();
    await pass(6 * MINUTE);
    containers = ['used', 'big'].map(container);
    await pass(6 * MINUTE);
    assert.deepEqual(names(), ['old', 'used', 'big']);
    images.push(image('new', 15));
    await pass(10 * MINUTE);
    assert.deepEqual(names(), ['used', 'big', 'new']);
  });

  test('keeps what runs, what a pod waits to run, what is pinned, and the sandbox images', async () => {
    images = [
      image('runs'),
      image('by-name'),
      image('by-digest'),
      image('pinned', 10, { pinned: true }),
      image('pause'),
      image('configured', 10, { repoTags: ['docker.io/kubeedge/pause:3.6'] }),
      image('free', 35),
    ];
    containers = [
      container('runs'),
      { imageRef: 'registry.example/by-digest@sha256:d-by-digest', imageId: '' },
    ];
    wanted = ['registry.example/by-name:1'];
    start();
    await pass(10 * MINUTE);
    assert.deepEqual(names(), ['runs', 'by-name', 'by-digest', 'pinned', 'pause', 'configured']);
  });

  test('leaves images alone that came a moment ago, and everything until the pods are known', async () => {
    wanted = undefined;
    images = [image('a', 95)];
    start();
    await pass(10 * MINUTE);
    assert.deepEqual(names(), ['a']);
    wanted = [];
    await pass(5 * MINUTE);
    assert.deepEqual(names(), ['a'], 'seen for the first time');
    await pass(5 * MINUTE);
    assert.deepEqual(names(), []);
  });

  test('says when what it may remove is not enough, from the second time on that it failed', async () => {
    images = [image('runs', 90), image('free', 5)];
    containers = [container('runs')];
    start();
    await pass(12 * MINUTE);
    assert.deepEqual(names(), ['runs']);
    assert.deepEqual(told, [
      'Warning FreeDiskSpaceFailed',
      'Warning FreeDiskSpaceFailed',
      'Warning ImageGCFailed',
      'Warning FreeDiskSpaceFailed',
      'Warning ImageGCFailed',
    ]);
  });

  test('goes on after an image that cannot be removed', async () => {
    images = [image('stubborn', 50), image('free', 45)];
    stubborn.add('sha256:stubborn');
    start();
    await pass(10 * MINUTE);
    assert.deepEqual(names(), ['stubborn']);
  });

  test('a disk without a size is said to be wrong', async () => {
    total = 0;
    start();
    await pass(2 * MINUTE);
    assert.deepEqual(told, ['Warning InvalidDiskCapacity']);
  });

  test('removes images that were unused for too long, also with room to spare', async () => {
    images = [image('runs'), image('unused')];
    containers = [container('runs')];
    start({ imageGc: { highPercent: 85, lowPercent: 80, minAgeMs: 120_000, maxAgeMs: HOUR } });
    await pass(59 * MINUTE);
    assert.deepEqual(names(), ['runs', 'unused']);
    await pass(10 * MINUTE);
    assert.deepEqual(names(), ['runs']);
  });

  test('removes everything unused when the node is short of disk', async () => {
    images = [image('runs'), image('a'), image('b')];
    containers = [container('runs')];
    const gc = start();
    await pass(2 * MINUTE);
    clock.advance(MINUTE);
    await gc.removeUnused(stopping.signal);
    assert.deepEqual(names(), ['runs']);
  });
});

describe('the use of images is remembered across a restart', () => {
  const restart = async (): Promise<void> => {
    stopping.abort(new Error('done'));
    await running;
    stopping = new AbortController();
    start();
  };

  test('an image unused for long goes before one that was used until the restart', async () => {
    images = [image('a', 40), image('b', 40)];
    containers = [container('a'), container('b')];
    start();
    await pass(6 * MINUTE);
    containers = [container('b')];
    await pass(6 * MINUTE);
    containers = [];
    await restart();
    images.push(image('c', 10));
    await pass(2 * MINUTE);
    assert.deepEqual(names(), ['b', 'c']);
  });

  test('a note that is damaged, foreign or odd is as good as none', async () => {
    for (const text of [
      '{',
      'null',
      '[]',
      '{"version":2}',
      '{"version":1,"images":[null,1,{"id":1},{"id":"x","firstSeen":"y"}]}',
    ]) {
      await writeFile(join(dir, 'image_use_state'), text);
      images = [image('a', 95)];
      await restart();
      await pass(7 * MINUTE);
      assert.deepEqual(names(), [], text);
    }
  });

  test('it is written only when the set of images or of those in use changes', async () => {
    images = [image('a', 10)];
    start();
    await pass(2 * MINUTE);
    const path = join(dir, 'image_use_state');
    const first = await readFile(path, 'utf8');
    await rm(path);
    await pass(20 * MINUTE);
    await assert.rejects(readFile(path), /ENOENT/);
    containers = [container('a')];
    await pass(5 * MINUTE);
    assert.notEqual(await readFile(path, 'utf8'), first);
  });
});

describe('images in the status of the node', () => {
  test('the largest ones, with five names each', async () => {
    images = [
      image('small', 1),
      image('many', 30, { repoTags: ['t:1', 't:2', 't:3', 't:4', 't:5', 't:6'], repoDigests: ['d'] }),
      image('medium', 20),
    ];
    const gc = start({ statusMaxImages: 2 });
    await pass(MINUTE);
    assert.deepEqual(gc.shown, [
      { names: ['d', 't:1', 't:2', 't:3', 't:4'], sizeBytes: 30 },
      { names: ['registry.example/medium@sha256:d-medium', 'registry.example/medium:1'], sizeBytes: 20 },
    ]);
  });
  test('none unless asked for, all when asked for all', async () => {
    images = [image('a'), image('b')];
    const none = start();
    await pass(MINUTE);
    assert.deepEqual(none.shown, []);
    stopping.abort(new Error('done'));
    await running;
    stopping = new AbortController();
    const all = start({ statusMaxImages: -1 });
    await pass(1);
    assert.equal(all.shown.length, 2);
  });
});
