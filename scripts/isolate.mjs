// Runs a command in pid, mount and network namespaces of its own, with a directory and a cgroup of its own. Whatever
// ends the caller, kill -9 included, ends everything inside and removes what it left.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const here = new URL('.', import.meta.url).pathname;

/**
 * Starts `argv` isolated; the child finds its directory in KUBEEDGE_TS_RUN_DIR (also TMPDIR) and its cgroup's name in
 * KUBEEDGE_TS_CGROUP. Resolves with the exit code once everything inside has ended and is cleaned up.
 *
 * @param {string[]} argv
 * @param {{ env?: Record<string, string>, stdio?: import('node:child_process').StdioOptions, onStart?: (run: { dir: string, running: () => boolean, signal: (signal: NodeJS.Signals) => void }) => void }} [options]
 * @returns {Promise<number>}
 */
export async function runIsolated(argv, options = {}) {
  if (process.getuid?.() !== 0) throw new Error('namespaces and containers need root: run as root');
  const id = randomBytes(3).toString('hex');
  const dir = join('/tmp', `kets-${id}`); // short: unix socket paths end at 107 bytes
  const cgroup = `kets-${id}`;
  mkdirSync(dir, { mode: 0o700 });
  const janitor = spawn('sh', [join(here, 'janitor.sh'), dir, cgroup], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      'unshare',
      '--mount',
      '--pid',
      '--net',
      '--fork',
      '--kill-child',
      '--mount-proc',
      'sh',
      '-c',
      // the shell stays: as process 1 it reaps what containers leave behind
      // containerd's shims keep their sockets in /run/containerd, whatever its configuration says
      'trap : INT TERM; ip link set lo up && mkdir -p /run/containerd && mount -t tmpfs tmpfs /run/containerd && "$@"; exit $?',
      'sh',
      ...argv,
    ],
    {
      stdio: options.stdio ?? 'inherit',
      // a group of its own: unshare swallows signals, so they are sent to the whole group
      detached: true,
      env: {
        ...process.env,
        ...options.env,
        TMPDIR: dir,
        KUBEEDGE_TS_RUN_DIR: dir,
        KUBEEDGE_TS_CGROUP: cgroup,
      },
    },
  );
  const running = () => child.exitCode === null && child.signalCode === null;
  options.onStart?.({
    dir,
    running,
    signal: (signal) => {
      if (running() && child.pid !== undefined) process.kill(-child.pid, signal);
    },
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve(status ?? (signal ? 128 : 1)));
  });
  const cleaned = new Promise((resolve) => janitor.once('exit', resolve));
  janitor.stdin.end();
  if ((await cleaned) !== 0) console.error(`could not remove ${dir} or cgroup ${cgroup}`);
  return code;
}
