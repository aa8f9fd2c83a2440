import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '@kubeedge-ts/kube/testing';
import { silentLogger } from '@kubeedge-ts/runtime';
import { createClusterVersion } from './cluster-version.ts';

function world(...answers: (readonly [status: number, body: string] | Error)[]) {
  const clock = createVirtualClock();
  const paths: string[] = [];
  const kube = {
    async request({ path }: { path: string }) {
      paths.push(path);
      const answer = answers.shift() ?? new Error('no more answers');
      if (answer instanceof Error) throw answer;
      return { status: answer[0], headers: {}, body: Buffer.from(answer[1]) };
    },
  };
  return { clock, paths, version: createClusterVersion({ kube, clock, log: silentLogger }) };
}
const told = (gitVersion: unknown) => [200, JSON.stringify({ major: '1', gitVersion })] as const;

test('is read from the API server', async () => {
  const { version, paths } = world(told('v1.31.2-eks-1'));
  await version.read();
  assert.deepEqual([version.value, paths], ['v1.31.2-eks-1', ['/version']]);
});

for (const answer of [
  [403, '{"kind":"Status"}'],
  [200, '<html>'],
  [200, 'null'],
  told(7),
  told('v1.31\r\nSet-Cookie: a'),
] as const) {
  test(`${JSON.stringify(answer)} tells no version and harms nothing`, async () => {
    const { version } = world(answer);
    await version.read();
    assert.equal(version.value, undefined);
  });
}

test('is read again while cloudcore runs, failures leave what is known, and the end ends it', async () => {
  const { version, clock, paths } = world(told('v1.30.1'), new Error('away'), told('v1.31.0'));
  await version.read();
  await version.module.start(new AbortController().signal);
  await clock.advance(600_000);
  assert.equal(version.value, 'v1.30.1');
  await clock.advance(600_000);
  assert.equal(version.value, 'v1.31.0');
  await version.module.stop();
  await clock.advance(6_000_000);
  assert.equal(paths.length, 3);
});
