import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { runInUserModeLinux, userModeLinuxMissing } from '@kubeedge-ts/testing/user-mode-linux';
import { PROMISES } from './lib/cgroup-v2-promises.ts';

/** These machines have cgroup v1, bound at boot: edged's code runs on a kernel of its own that has v2. */
describe('cgroup v2 as Linux 6.1 has it (a kernel of its own, user-mode Linux)', {
  timeout: 180_000,
  skip: userModeLinuxMissing ?? false,
}, () => {
  const problems = new Map<string, string | undefined>();

  before(async () => {
    const guest = new URL('./lib/cgroup-v2-promises.ts', import.meta.url).pathname;
    const run = await runInUserModeLinux({ argv: [process.execPath, guest], timeoutMs: 150_000 });
    assert.equal(run.exitCode, 0, `the guest ended with ${run.exitCode}: ${run.stderr}${run.stdout}`);
    for (const line of run.stdout.trim().split('\n')) {
      const { name, problem } = JSON.parse(line) as { name: string; problem?: string };
      problems.set(name, problem);
    }
  });

  for (const name of Object.keys(PROMISES)) {
    test(name, () => {
      assert.ok(problems.has(name), 'it was not tried');
      assert.equal(problems.get(name), undefined);
    });
  }
});
