import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ANNOTATION } from './labels.ts';
import { readLogTail, readTerminationLog, tailOfLog, terminationMessageOf } from './termination-message.ts';

const AT = '2026-11-22T00:00:00.000000001Z';
type Status = Parameters<typeof terminationMessageOf>[0];

describe('what an ended container had to say', () => {
  let dir = '';
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kets-term-'));
    await writeFile(join(dir, 'said'), 'out of paper');
    await writeFile(join(dir, 'silent'), '');
    await writeFile(join(dir, 'log'), `${AT} stdout F starting\n${AT} stderr F no paper\n`);
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const of = (file: string, fields: Partial<Status> & { policy?: string; path?: string } = {}) => {
    const { policy = 'File', path = '/dev/termination-log', ...rest } = fields;
    const mount = { containerPath: '/dev/termination-log', hostPath: join(dir, file) };
    return terminationMessageOf({
      annotations: {
        [ANNOTATION.terminationMessagePath]: path,
        [ANNOTATION.terminationMessagePolicy]: policy,
      },
      mounts: [mount as Status['mounts'][number]],
      message: '',
      reason: 'Error',
      exitCode: 3,
      logPath: join(dir, 'log'),
      ...rest,
    });
  };
  const fallback = { policy: 'FallbackToLogsOnError' };
  const log = 'starting\nno paper\n';

  const cases: [string, () => Promise<string>, string][] = [
    ['its file', () => of('said'), 'out of paper'],
    ['after what the runtime says', () => of('said', { message: 'oom' }), 'oom: out of paper'],
    ['nothing', () => of('silent'), ''],
    ['a file that is gone', () => of('gone'), ''],
    ['the end of its log, if the policy wants it', () => of('silent', fallback), log],
    ['also when the file is gone', () => of('gone', fallback), log],
    ['not where there is a message', () => of('said', fallback), 'out of paper'],
    ['not after success', () => of('silent', { ...fallback, exitCode: 0 }), ''],
    ['not when it never ran', () => of('silent', { ...fallback, reason: 'ContainerCannotRun' }), ''],
    [
      'a relative path is one from the root',
      () => of('said', { path: 'dev/termination-log' }),
      'out of paper',
    ],
    ['no path at all', () => of('said', { path: '' }), ''],
  ];
  for (const [title, look, expected] of cases) test(title, async () => assert.equal(await look(), expected));

  test('4 KiB of the file at most, no character cut in two', async () => {
    await writeFile(join(dir, 'long'), `${'x'.repeat(4094)}€€`);
    assert.equal(await readTerminationLog(join(dir, 'long')), 'x'.repeat(4094));
    await writeFile(join(dir, 'long'), `${'x'.repeat(4093)}€€`);
    assert.equal(await readTerminationLog(join(dir, 'long')), `${'x'.repeat(4093)}€`);
    await writeFile(join(dir, 'long'), 'y'.repeat(5000));
    assert.equal((await readTerminationLog(join(dir, 'long'))).length, 4096);
  });

  test('a directory, a link and a pipe in the place of the file are told, not followed and not waited for', async () => {
    await mkdir(join(dir, 'folder'));
    await symlink('/etc/hostname', join(dir, 'link'));
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    for (const name of ['folder', 'link', 'pipe']) {
      assert.match(await of(name), new RegExp(`^Error on reading termination log ${join(dir, name)}: `));
    }
  });

  test('a log that cannot be read is told', async () => {
    assert.match(await readLogTail(dir), /^Error on reading termination message from logs: /);
    assert.equal(await readLogTail(join(dir, 'none')), '');
  });
});

describe('the last words of a log', () => {
  test('partial lines are joined; what is no line of a log is not', () => {
    assert.equal(tailOfLog(`${AT} stdout P ab\n${AT} stderr F c\nnonsense\n${AT} stdout F d\n`), 'abc\nd\n');
    assert.equal(tailOfLog(''), '');
  });
  test('80 lines, 2 KiB, no character cut in two', () => {
    const many = Array.from({ length: 100 }, (_, i) => `${AT} stdout F ${i}`).join('\n');
    assert.equal(tailOfLog(many).split('\n')[0], '20');
    assert.equal(tailOfLog(`${AT} stdout F ${'x'.repeat(5000)}`).length, 2048);
    const wide = tailOfLog(`${AT} stdout F ${'€'.repeat(1000)}`);
    assert.ok(!wide.includes('\ufffd') && wide.startsWith('€') && Buffer.byteLength(wide) <= 2048);
  });
});
