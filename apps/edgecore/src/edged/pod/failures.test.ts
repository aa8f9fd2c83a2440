import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { edgedErrors } from '@kubeedge-ts/errors';
import { seededRandom } from '@kubeedge-ts/runtime';
import { createFailures } from './failures.ts';

describe('failed starts', () => {
  const imageError = (image: string, reason = 'ErrImagePull') =>
    edgedErrors.create('EDGED_IMAGE', { reason, problem: 'no such image', image });
  test('pulls back off 10 s doubling to 5 min per image; another image starts anew', () => {
    const failures = createFailures(seededRandom(1));
    const delays = Array.from({ length: 7 }, () => failures.record('c', 'a:1', imageError('a:1'), 0).retryAt);
    assert.deepEqual(delays, [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    assert.equal(failures.record('c', 'a:2', imageError('a:2'), 0).retryAt, 10_000);
    assert.deepEqual(failures.current.get('c')?.later, {
      reason: 'ImagePullBackOff',
      message: 'Back-off pulling image "a:2": ErrImagePull: no such image',
    });
    failures.succeeded('c');
    assert.equal(failures.current.size, 0);
    assert.equal(failures.record('c', 'a:1', imageError('a:1'), 0).retryAt, 10_000);
  });
  test('what the runtime says of a failed pull may change, the back-off goes on', () => {
    const failures = createFailures(seededRandom(1));
    const reasons = ['ErrImagePull', 'RegistryUnavailable', 'SignatureValidationFailed'];
    const delays = reasons.map((reason) => failures.record('c', 'a:1', imageError('a:1', reason), 0).retryAt);
    assert.deepEqual(delays, [10_000, 20_000, 40_000]);
    assert.match(
      failures.current.get('c')?.later?.message ?? '',
      /: SignatureValidationFailed: no such image$/,
    );
  });
  test('the image of a volume is told apart from the container’s', () => {
    const failures = createFailures(seededRandom(1));
    failures.record('c', 'a:1', imageError('a:1'), 0);
    const { retryAt, later } = failures.record('c', 'a:1', imageError('models:2'), 0);
    assert.equal(retryAt, 10_000);
    assert.match(later?.message ?? '', /^Back-off pulling image "models:2"/);
  });
  test('other errors wait 1 s doubling to 20 s with jitter, and an event may cut that short', () => {
    const failures = createFailures(seededRandom(1));
    const config = edgedErrors.create('EDGED_CONTAINER_CONFIG', {
      reason: 'CreateContainerConfigError',
      problem: 'p',
    });
    for (let i = 0; i < 10; i++) {
      const { retryAt } = failures.record('c', 'a', config, 0);
      const full = Math.min(20_000, 1_000 * 2 ** i);
      assert.ok(retryAt > full / 2 - 1 && retryAt <= full, `${i}: ${retryAt}`);
    }
    failures.retryNow((reason) => reason === 'CreateContainerConfigError');
    assert.equal(failures.current.get('c')?.retryAt, 0);
    assert.equal(failures.current.get('c')?.message, 'p');
  });
});
