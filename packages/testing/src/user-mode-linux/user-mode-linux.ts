import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const KERNEL = '/usr/bin/linux.uml';

/** Why nothing can run on another kernel here, for a test's title; undefined when it can. */
export const userModeLinuxMissing: string | undefined = existsSync(KERNEL)
  ? undefined
  : `skipped: ${KERNEL} is not installed (Debian package user-mode-linux)`;

export interface GuestRun {
  /** Of the command; undefined when the kernel ended before it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GuestOptions {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Default 512. */
  readonly memoryMiB?: number;
  /** A file of this machine that is the disk `/dev/ubda` of the guest. */
  readonly disk?: string;
}

/**
 * Runs a command as root on a Linux kernel of its own, a process of this machine (User-mode Linux, one CPU): its root
 * directory is this machine's, so that programs and files are where they are; `/run` is empty, the
 * cgroups are of version 2 with cpu, io, memory and pids, there is no network but `lo`. The end of the command, or the
 * time limit, ends everything in it. Output is kept as far as the disk allows and returned at the end.
 */
export async function runInUserModeLinux(options: GuestOptions): Promise<GuestRun> {
  const { argv, env = {}, timeoutMs, memoryMiB = 512, disk } = options;
  const dir = await mkdtemp(join(tmpdir(), 'kets-uml-'));
  try {
    const init = join(dir, 'init');
    await writeFile(init, initScript(dir, argv, env));
    await chmod(init, 0o700);
    const kernel = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', KERNEL, `mem=${memoryMiB}M`, 'rootfstype=hostfs', 'rootflags=/', 'rw'],
        ...(disk === undefined ? [] : [`ubd0=${disk}`]),
        ...[`init=${init}`, 'con=null', 'con0=null,null', 'ssl=null', 'quiet'],
      ],
      // Its memory is a file in TMPDIR; it is a process per process of the guest: all are one group.
      { detached: true, stdio: 'ignore', env: { ...process.env, TMPDIR: dir } },
    );
    const endAll = (): void => {
      try {
        if (kernel.pid !== undefined) process.kill(-kernel.pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    };
    const late = setTimeout(endAll, timeoutMs);
    await new Promise<void>((resolve, reject) => {
      kernel.once('error', reject);
      kernel.once('exit', () => resolve());
    });
    clearTimeout(late);
    endAll();
    const told = (name: string): Promise<string> => readFile(join(dir, name), 'utf8').catch(() => '');
    const code = (await told('exit')).trim();
    return {
      exitCode: code === '' ? undefined : Number(code),
      stdout: await told('stdout'),
      stderr: await told('stderr'),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function initScript(dir: string, argv: readonly string[], env: Readonly<Record<string, string>>): string {
  const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
  return [
    '#!/bin/sh',
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root',
    'mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev',
    'mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs run /run',
    'ip link set lo up',
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`),
    `${argv.map(quoted).join(' ')} >${dir}/stdout 2>${dir}/stderr </dev/null`,
    `echo $? >${dir}/exit`,
    'echo o >/proc/sysrq-trigger',
    // The kernel is about to end; without its first process it would panic instead.
    'while :; do sleep 1; done',
    '',
  ].join('\n');
}
