import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

// The command lines of the daemons, through their launchers (spec/keadm-and-config.md §1).

const root = new URL('../..', import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), 'kets-cli-'));
after(() => rmSync(dir, { recursive: true, force: true }));

function run(program: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(join(root, 'bin', program), args, {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

function withConfig(program: string, yaml: string) {
  const file = join(dir, `${program}-${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(file, yaml);
  return run(program, '--config', file);
}

for (const program of ['cloudcore', 'edgecore']) {
  describe(program, () => {
    test('--help names its flags', () => {
      const { status, stdout } = run(program, '--help');
      assert.equal(status, 0);
      for (const flag of ['--config', '--minconfig', '--defaultconfig', '--version'])
        assert.ok(stdout.includes(flag), flag);
    });

    test('--version prints the version', () => {
      assert.match(run(program, '--version').stdout, /^kubeedge-ts v\d+\.\d+\.\d+\n$/);
      assert.match(run(program, '--version=raw').stdout, /"kubeEdge":"v1\.23/);
    });

    test('--minconfig and --defaultconfig print YAML of their kind', () => {
      for (const flag of ['--minconfig', '--defaultconfig']) {
        const { status, stdout } = run(program, flag);
        assert.equal(status, 0);
        assert.match(stdout, program === 'cloudcore' ? /^kind: CloudCore$/m : /^kind: EdgeCore$/m);
      }
    });

    test('a field no release ever knew ends the start with exit 2 and the path', () => {
      const { status, stderr } = withConfig(program, 'modules:\n  metaManger:\n    enable: true\n');
      assert.equal(status, 2);
      assert.match(stderr, /modules\.metaManger/);
    });

    test('a missing file ends the start with exit 2, the path, the cause once and what to do', () => {
      const file = join(dir, 'missing.yaml');
      const { status, stderr } = run(program, '--config', file);
      assert.equal(status, 2);
      assert.match(stderr, new RegExp(`cannot read the configuration ${file}: `));
      assert.equal(stderr.split('ENOENT').length - 1, 1);
      assert.match(stderr, /--minconfig/);
    });

    test('a wrong type ends the start with exit 2 and the path', () => {
      const { status, stderr } = withConfig(program, 'featureGates: 7\n');
      assert.equal(status, 2);
      assert.match(stderr, /featureGates/);
    });

    test('a missing file and an unknown flag end with exit 2', () => {
      assert.equal(run(program, '--config', join(dir, 'absent.yaml')).status, 2);
      assert.equal(run(program, '--no-such-flag').status, 2);
    });
  });
}
