import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Pod } from '@kubeedge-ts/apis';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { silentLogger, systemClock } from '@kubeedge-ts/runtime';
import { createManifestFolder } from './manifest-folder.ts';
import { createParseManifest } from './parse-manifest.ts';
import { staticPodOf } from './static-pod.ts';

const origin = { file: '/etc/kubeedge/manifests/web.yaml', nodeName: 'edge-a', seenAt: 1_764_000_000_000 };
const manifest = (fields: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', labels: { app: 'web' }, ...fields },
  spec: { containers: [{ name: 'main', image: 'busybox:1' }] },
});
const signal = new AbortController().signal;

describe('a static pod', () => {
  test('is bound to the node and named after it, with the annotations other kubelets set', () => {
    const { metadata, spec } = staticPodOf(manifest(), origin);
    assert.equal(metadata.name, 'web-edge-a');
    assert.equal(metadata.namespace, 'default');
    assert.match(metadata.uid ?? '', /^[0-9a-f]{32}$/);
    assert.equal(metadata.annotations?.['kubernetes.io/config.hash'], metadata.uid);
    assert.equal(metadata.annotations?.['kubernetes.io/config.source'], 'file');
    assert.equal(spec?.nodeName, 'edge-a');
    assert.deepEqual(spec?.tolerations, [{ operator: 'Exists', effect: 'NoExecute' }]);
    assert.equal(spec?.restartPolicy, 'Always');
  });
  test('is another pod when its content, its file or the node is another', () => {
    const uid = (value: object, at: object = {}) => staticPodOf(value, { ...origin, ...at }).metadata.uid;
    const base = uid(manifest());
    assert.equal(uid(manifest(), { seenAt: 1 }), base);
    for (const other of [
      uid(manifest({ labels: {} })),
      uid(manifest(), { file: '/x' }),
      uid(manifest(), { nodeName: 'b' }),
    ]) {
      assert.notEqual(other, base);
    }
  });
  test('keeps a uid and a namespace of its own', () => {
    const { metadata } = staticPodOf(manifest({ uid: 'mine', namespace: 'apps' }), origin);
    assert.deepEqual([metadata.uid, metadata.namespace], ['mine', 'apps']);
  });
  for (const [what, value] of [
    ['null', null],
    ['a list', []],
    ['a Deployment', { ...manifest(), kind: 'Deployment' }],
    ['a pod without a name', { ...manifest(), metadata: {} }],
    ['a name that is none', manifest({ name: '../x' })],
    ['a namespace that is none', manifest({ namespace: '../x' })],
    ['no containers', { ...manifest(), spec: {} }],
    ['a container without an image', { ...manifest(), spec: { containers: [{ name: 'a' }] } }],
    ['a container without a name', { ...manifest(), spec: { containers: [{ image: 'a' }] } }],
    ['a container that is no object', { ...manifest(), spec: { containers: [null] } }],
  ] as const) {
    test(`${what} is refused, and the file is named`, () => {
      assert.throws(
        () => staticPodOf(value, origin),
        (error) => isKubeEdgeError(error, 'EDGED_MANIFEST') && error.message.includes(origin.file),
      );
    });
  }
});

describe('the folder of manifests', () => {
  let dir: string;
  let stop: AbortController;
  let changes: (readonly Pod[])[];
  let errors: string[];
  const log = {
    ...silentLogger,
    error: (_fields: object, text: string) => errors.push(text),
  } as typeof silentLogger;

  const folder = (path = dir) =>
    createManifestFolder({
      dir: path,
      nodeName: 'edge-a',
      parse: createParseManifest(),
      clock: systemClock,
      log,
      onChange: (pods) => changes.push(pods),
    });
  const put = async (name: string, text: string): Promise<void> => {
    await writeFile(join(dir, `.${name}.new`), text);
    await rename(join(dir, `.${name}.new`), join(dir, name));
  };
  const names = (pods: readonly Pod[] | undefined) => pods?.map(({ metadata }) => metadata.name);
  const until = async (what: string, look: () => boolean): Promise<void> => {
    for (const deadline = Date.now() + 10_000; !look(); ) {
      if (Date.now() > deadline) assert.fail(`not reached: ${what}; ${JSON.stringify(changes.map(names))}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-static-'));
    stop = new AbortController();
    changes = [];
    errors = [];
  });
  afterEach(async () => {
    stop.abort();
    await rm(dir, { recursive: true, force: true });
  });

  test('JSON and YAML are read; hidden files, folders and what is no pod are not', async () => {
    await put('a.json', JSON.stringify(manifest({ name: 'a' })));
    await put(
      'b.yaml',
      'apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec:\n  containers:\n  - {name: c, image: i}\n',
    );
    await put('.hidden', JSON.stringify(manifest({ name: 'hidden' })));
    await put('broken.yaml', 'a: [');
    await put('list.json', '[]');
    await mkdir(join(dir, 'folder'));
    assert.deepEqual(names(await folder().read(signal)), ['a-edge-a', 'b-edge-a']);
    assert.equal(errors.length, 2);
  });
  test('YAML that grows without end is refused', async () => {
    const bomb = Array.from(
      { length: 12 },
      (_, i) =>
        `l${i + 1}: &l${i + 1} [${Array(9)
          .fill(i === 0 ? 'x' : `*l${i}`)
          .join()}]`,
    );
    await put('bomb.yaml', bomb.join('\n'));
    assert.deepEqual(await folder().read(signal), []);
    assert.equal(errors.length, 1);
  });
  test('a folder that is not there has no pods', async () => {
    assert.deepEqual(await folder(join(dir, 'none')).read(signal), []);
  });
  test('what is put in, changed and taken out is told; a file that turns bad leaves its pod as it was', async () => {
    const it = folder();
    await it.read(signal);
    const running = it.run(stop.signal);
    await put('web.json', JSON.stringify(manifest()));
    await until('appeared', () => names(changes.at(-1))?.[0] === 'web-edge-a');
    const uid = changes.at(-1)?.[0]?.metadata.uid;
    await put('web.json', JSON.stringify(manifest({ labels: { app: 'other' } })));
    await until(
      'changed',
      () => changes.at(-1)?.[0] !== undefined && changes.at(-1)?.[0]?.metadata.uid !== uid,
    );
    const count = changes.length;
    await put('web.json', 'broken: [');
    await until('complained', () => errors.length === 1);
    assert.equal(changes.length, count);
    await rm(join(dir, 'web.json'));
    await until('gone', () => changes.at(-1)?.length === 0);
    stop.abort();
    await running;
  });
  test('of two files with the same pod the first one counts', async () => {
    await put('a.json', JSON.stringify(manifest()));
    await put('b.json', JSON.stringify(manifest()));
    assert.equal((await folder().read(signal)).length, 1);
    assert.equal(errors.length, 1);
  });
});
