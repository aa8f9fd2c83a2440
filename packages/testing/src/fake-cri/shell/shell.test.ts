import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startFakeProcess } from './fake-process.ts';
import { createFakeFiles } from './files.ts';

async function sh(script: string, env: Record<string, string> = {}): Promise<[string, string, number]> {
  const said = { stdout: '', stderr: '' };
  const process = startFakeProcess({
    argv: ['sh', '-c', script],
    env,
    uid: 0,
    hostname: 'h',
    files: createFakeFiles([]),
    hurry: 100,
    stdin: false,
    output: (stream, bytes) => {
      said[stream] += bytes.toString();
    },
  });
  const exitCode = await process.exited;
  return [said.stdout, said.stderr, exitCode];
}

describe("the fake's shell", () => {
  const cases: [string, [string, string, number]][] = [
    ['echo a; echo b >&2; exit 3; echo c', ['a\n', 'b\n', 3]],
    ['false && echo no || echo yes', ['yes\n', '', 0]],
    ['true && false; echo $', ['$\n', '', 0]],
    ['echo "$A b"; echo \'$A\'; echo $A$A', ['1 b\n$A\n11\n', '', 0]],
    ['echo one > /tmp/f; echo two >> /tmp/f; cat /tmp/f; rm /tmp/f; test -e /tmp/f', ['one\ntwo\n', '', 1]],
    ['touch /s; while test -f /s; do echo x; rm /s; done', ['x\n', '', 0]],
    ['printf "%s-%s\\n" a b', ['a-b\n', '', 0]],
    ['nothere; echo $A', ['1\n', 'sh: nothere: not found\n', 0]],
    ['sh -c "exit 4" || sleep 0.1; hostname', ['h\n', '', 0]],
    ['[ a = a ] && [ a != b ] && [ -n x ]', ['', '', 0]],
    ['cat /none', ['', "cat: can't open '/none': No such file or directory\n", 1]],
  ];
  for (const [script, wanted] of cases) {
    test(script, async () => {
      assert.deepEqual(await sh(script, { A: '1' }), wanted);
    });
  }

  test('what it cannot read is an error of the command, not of the fake', async () => {
    assert.equal((await sh('echo "open'))[2], 1);
    assert.equal((await sh('while true; do true'))[2], 1);
  });
});
