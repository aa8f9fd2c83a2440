import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { until } from '@kubeedge-ts/testing/site';

const root = new URL('../..', import.meta.url).pathname;

/** Processes of this namespace and those below whose command line or environment of mounts names `text`. */
function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(text) ? [`${pid} ${line}`] : [];
      } catch {
        return []; // it ended meanwhile
      }
    });
}

function cgroupsOf(name: string): string[] {
  return readdirSync('/sys/fs/cgroup').flatMap((controller) => {
    const path = join('/sys/fs/cgroup', controller, name);
    return existsSync(path) ? [path] : [];
  });
}

for (const signal of ['SIGKILL', 'SIGINT'] as const) {
  test(`bin/quickstart ended by ${signal} leaves no process, mount, directory, cgroup or link behind`, async () => {
    const linksBefore = readdirSync('/sys/class/net').sort();
    const child = spawn(join(root, 'bin/quickstart'), { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    const dir = await until(
      'pods are shown with their addresses',
      () => (/web-\S+ +1\/1/.test(output) ? /logs: +(\S+)/.exec(output)?.[1] : undefined),
      {
        timeoutMs: 90_000,
      },
    );
    assert.ok(processesWith(dir).length > 3, 'the site is running');
    child.kill(signal);
    const code = await exited;
    if (signal === 'SIGINT') assert.equal(code, 0);
    await until(
      'nothing is left',
      () => !existsSync(dir) && processesWith(dir).length === 0 && cgroupsOf(basename(dir)).length === 0,
      {
        timeoutMs: 30_000,
      },
    ).catch((error: unknown) => {
      throw new Error(
        `left: ${JSON.stringify([existsSync(dir), processesWith(dir), cgroupsOf(basename(dir))])}`,
        { cause: error },
      );
    });
    assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(dir));
    assert.deepEqual(readdirSync('/sys/class/net').sort(), linksBefore);
  });
}
