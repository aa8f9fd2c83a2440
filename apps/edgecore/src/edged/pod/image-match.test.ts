import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { canonicalImage, imageChanged } from './image-match.ts';

describe('images', () => {
  test('short names mean Docker Hub, missing tags latest', () => {
    for (const [short, full] of [
      ['busybox', 'docker.io/library/busybox:latest'],
      ['busybox:1', 'docker.io/library/busybox:1'],
      ['me/app', 'docker.io/me/app:latest'],
      ['localhost/app', 'localhost/app:latest'],
      ['reg:5000/app', 'reg:5000/app:latest'],
      ['reg.io/a/b@sha256:00', 'reg.io/a/b@sha256:00'],
    ] as const) {
      assert.equal(canonicalImage(short), full);
    }
  });
  test('a container of ours is compared by what the spec said, one of others by what is certain', () => {
    const cases: [string, { image: string; specImage: string | undefined }, boolean][] = [
      ['busybox:1', { image: 'x', specImage: 'busybox:1' }, false],
      ['busybox:2', { image: 'x', specImage: 'busybox:1' }, true],
      ['busybox:1', { image: 'docker.io/library/busybox:1', specImage: undefined }, false],
      ['busybox:2', { image: 'docker.io/library/busybox:1', specImage: undefined }, true],
      ['busybox:2', { image: 'sha256:' + 'a'.repeat(64), specImage: undefined }, false],
      ['busybox:2', { image: 'docker.io/library/busybox@sha256:00', specImage: undefined }, false],
      ['busybox:2', { image: '', specImage: undefined }, false],
    ];
    for (const [wanted, has, changed] of cases)
      assert.equal(imageChanged(wanted, has), changed, wanted + has.image);
  });
});
