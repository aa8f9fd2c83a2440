import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommanderError } from 'commander';
import { parseCommandLine } from './cli.ts';

/** Parses and keeps what would be printed. */
function outcome(...args: string[]): { text: string; exitCode: number } {
  let text = '';
  const write = (chunk: string): void => {
    text += chunk;
  };
  try {
    parseCommandLine(args, '1.2.3', { writeOut: write, writeErr: write });
    return { text, exitCode: -1 };
  } catch (error) {
    assert.ok(error instanceof CommanderError);
    return { text, exitCode: error.exitCode };
  }
}

test('every option arrives where it belongs', () => {
  const argv =
    '--data-dir /d --bind-address 0.0.0.0 --secure-port 0 --write-kubeconfig /k --advertise-address 10.0.0.1 --tls-san a --tls-san b --log-level debug';
  assert.deepEqual(parseCommandLine(argv.split(' '), '1.2.3'), {
    dataDir: '/d',
    bindAddress: '0.0.0.0',
    port: 0,
    kubeconfig: '/k',
    advertiseAddress: '10.0.0.1',
    tlsSans: ['a', 'b'],
    logLevel: 'debug',
  });
});

test('only the data directory is required', () => {
  assert.deepEqual(parseCommandLine(['--data-dir', '/d'], '1.2.3'), {
    dataDir: '/d',
    bindAddress: '127.0.0.1',
    port: 6443,
    tlsSans: [],
    logLevel: 'info',
  });
});

const mistakes: readonly [args: string[], message: RegExp][] = [
  [[], /required option '--data-dir <dir>' not specified/],
  [['--data-dir', '/d', '--secure-port', '70000'], /a port is a number from 0 to 65535/],
  [['--data-dir', '/d', '--secure-port', 'x'], /a port is a number from 0 to 65535/],
  [['--data-dir', '/d', '--log-level', 'loud'], /one of debug, info, warn, error/],
  [['--data-dir', '/d', '--nonsense'], /unknown option '--nonsense'/],
  [['--data-dir', '/d', 'more'], /too many arguments/],
];
for (const [args, message] of mistakes) {
  test(`"${args.join(' ')}" is refused with what is wrong`, () => {
    const { text, exitCode } = outcome(...args);
    assert.match(text, message);
    assert.notEqual(exitCode, 0);
  });
}

test('--version and --help answer', () => {
  assert.deepEqual(outcome('--version'), { text: '1.2.3\n', exitCode: 0 });
  const help = outcome('--help');
  assert.equal(help.exitCode, 0);
  for (const option of ['--data-dir', '--bind-address', '--secure-port', '--write-kubeconfig', '--tls-san']) {
    assert.ok(help.text.includes(option), option);
  }
});
