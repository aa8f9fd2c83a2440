import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKubeEdgeError } from '@kubeedge-ts/errors';
import { isFailed, isNotFound, type Subject } from './subject.ts';

export function execPromises(subject: Subject): void {
  const run = async (containerId: string, cmd: string[], timeout = 10) => {
    const { stdout, stderr, exitCode } = await subject.client.execSync({ containerId, cmd, timeout });
    return [Buffer.from(stdout).toString(), Buffer.from(stderr).toString(), exitCode];
  };

  test('a command in a container answers with its output and its exit code', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('sleep 1000');
      assert.deepEqual(await run(containerId, ['sh', '-c', 'echo o; echo e >&2; exit 3']), ['o\n', 'e\n', 3]);
      assert.deepEqual(await run(containerId, ['true']), ['', '', 0]);
      assert.deepEqual((await run(containerId, ['cat', '/none']))[2], 1);
      await run(containerId, ['touch', '/tmp/healthy']);
      assert.deepEqual(await run(containerId, ['test', '-f', '/tmp/healthy']), ['', '', 0]);
    });
  });

  test('a command that does not exist, and none, are refused', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('sleep 1000');
      await assert.rejects(
        run(containerId, ['nothere']),
        (error) => isFailed(error) && String(error).includes('nothere'),
      );
      await assert.rejects(run(containerId, []), isFailed);
    });
  });

  test('a command that takes too long is ended', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('sleep 1000');
      const asked = performance.now();
      const call = run(containerId, ['sleep', '100'], 1);
      if (subject.differs('exec-timeout-answers')) assert.deepEqual((await call)[2], -1);
      else {
        await assert.rejects(
          call,
          (error) =>
            isKubeEdgeError(error, 'CRI_FAILED') && error.details['grpcCode'] === 'DEADLINE_EXCEEDED',
        );
      }
      assert.ok(performance.now() - asked < 8_000);
    });
  });

  test('nothing is run in a container that has ended, or never ran', async () => {
    await subject.withPod(async (pod) => {
      const ended = await pod.run('true');
      await subject.exited(ended);
      const refused = subject.differs('exec-exited-is-not-found') ? isNotFound : isFailed;
      await assert.rejects(run(ended, ['true']), refused);
      await assert.rejects(subject.client.exec({ containerId: ended, cmd: ['true'], stdout: true }), refused);
      await assert.rejects(subject.client.attach({ containerId: ended, stdout: true }), refused);
    });
  });
}
