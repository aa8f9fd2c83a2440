import assert from 'node:assert/strict';
import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isFailed, type Subject, type TestPod, until } from './subject.ts';

const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z (stdout|stderr) ([FP]) (.*)$/;

interface Entry {
  readonly stream: string | undefined;
  readonly tag: string | undefined;
  readonly text: string;
}

function entriesOf(log: string): Entry[] {
  return log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, stream, tag, text = ''] = LINE.exec(line) ?? assert.fail(`no log line: ${line}`);
      return { stream, tag, text };
    });
}

export function logPromises(subject: Subject): void {
  const logOf = (pod: TestPod, name = 'main'): string => join(pod.config.logDirectory ?? '', name, '3.log');
  const read = async (path: string): Promise<Entry[]> =>
    entriesOf(await readFile(path, 'utf8').catch(() => ''));

  test('what it prints is in its log, by stream, whole lines as F, the rest as P; directories are made', async () => {
    await subject.withPod(async (pod) => {
      await subject.exited(await pod.run('echo out; echo err >&2; printf "un"; printf "finished"'));
      const entries = await until('the log is written', async () => {
        const found = await read(logOf(pod));
        return found.length >= 3 ? found : undefined;
      });
      assert.deepEqual(
        entries.filter(({ stream }) => stream === 'stdout'),
        [
          { stream: 'stdout', tag: 'F', text: 'out' },
          { stream: 'stdout', tag: 'P', text: 'unfinished' },
        ],
      );
      assert.deepEqual(
        entries.filter(({ stream }) => stream === 'stderr'),
        [{ stream: 'stderr', tag: 'F', text: 'err' }],
      );
    });
  });

  test('a log that was moved away is gone on with in a new file, from the next line on', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('while true; do echo tick; sleep 0.05; done');
      const log = logOf(pod);
      await until('it prints', async () => ((await read(log)).length > 0 ? true : undefined));
      await rename(log, `${log}.moved`);
      await subject.client.reopenContainerLog({ containerId });
      await until('the new file', async () => ((await read(log)).length > 1 ? true : undefined));
      const moved = (await read(`${log}.moved`)).length;
      await until('more', async () => ((await read(log)).length > 3 ? true : undefined));
      assert.equal((await read(`${log}.moved`)).length, moved);
      assert.deepEqual((await readdir(join(log, '..'))).sort(), ['3.log', '3.log.moved']);
    });
  });

  test('a container that has ended has no log to go on with', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('true');
      await subject.exited(containerId);
      await assert.rejects(subject.client.reopenContainerLog({ containerId }), isFailed);
    });
  });

  test('a container without a log path prints into nothing', async () => {
    await subject.withPod(async (pod) => {
      const containerId = await pod.run('echo out; sleep 1000', { logPath: '' });
      assert.equal((await subject.statusOf(containerId)).logPath, '');
    });
  });
}
