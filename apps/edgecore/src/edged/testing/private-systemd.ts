import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SYSTEMD = '/lib/systemd/systemd';

/** What it needs: Debian's systemd and dbus-daemon, and cgroup v1. */
export const hasSystemd =
  [SYSTEMD, '/usr/bin/busctl', '/usr/bin/dbus-daemon'].every((path) => existsSync(path)) &&
  existsSync('/sys/fs/cgroup/systemd');

/** A systemd of our own: process 1 of its own namespaces, its units in a cgroup of its own. */
export interface PrivateSystemd {
  /** Like `/sys/fs/cgroup`, with its cgroup in the place of the root. */
  readonly cgroups: string;
  /** Of the process that holds its namespaces; systemd is its child. */
  readonly pid: number;
  /** Address of its message bus. */
  readonly bus: string;
  busctl(argv: readonly string[]): Promise<unknown>;
  stop(): Promise<void>;
}

const CONTROLLERS = ['cpu', 'cpuacct', 'blkio', 'memory', 'devices', 'pids'];
/** All that systemd would make directories in. */
const HIERARCHIES = [...CONTROLLERS, 'systemd', 'unified'];
const UNITS: Readonly<Record<string, string>> = {
  'dbus.service': `[Unit]
DefaultDependencies=no
Requires=dbus.socket
[Service]
ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation
`,
};
const onlyTarget = (services: readonly string[]): string =>
  `[Unit]\nDefaultDependencies=no\nWants=${['dbus.service', ...services].join(' ')}\n`;
/** Joins the cgroup first; the namespace that begins there shows it as the root. */
const OUTER = `set -e
group=$1; shift
for one in ${HIERARCHIES.join(' ')}; do echo $$ > /sys/fs/cgroup/$one/$group/cgroup.procs; done
exec unshare --cgroup --pid --fork --mount --uts --ipc --kill-child "$@"
`;
const INNER = `set -e
units=$1
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/systemd/system
mount -t tmpfs tmpfs /etc/systemd/system
cp "$units"/* /etc/systemd/system
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
for one in ${CONTROLLERS.join(' ')}; do
  mkdir /sys/fs/cgroup/$one; mount -t cgroup -o $one cgroup /sys/fs/cgroup/$one
done
mkdir /sys/fs/cgroup/systemd; mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
mkdir /sys/fs/cgroup/unified; mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
mount -t proc proc /proc
exec env -i container=test PATH="$PATH" ${SYSTEMD} --system --unit=only.target --log-level=err
`;

const PING = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.DBus.Peer', 'Ping'];
const run = promisify(execFile);

export interface PrivateSystemdOptions {
  /** Services it runs besides the bus, by name: the content of their unit files. */
  readonly services?: Readonly<Record<string, string>>;
}

export async function startPrivateSystemd(options: PrivateSystemdOptions = {}): Promise<PrivateSystemd> {
  const group = join(process.env['KUBEEDGE_TS_CGROUP'] ?? 'kets', `systemd-${process.pid}`);
  const dir = await mkdtemp(join(tmpdir(), 'kets-sd-'));
  const cgroups = join(dir, 'cgroup');
  const units = join(dir, 'units');
  await mkdir(units);
  await mkdir(cgroups);
  for (const name of HIERARCHIES) {
    await mkdir(join('/sys/fs/cgroup', name, group), { recursive: true });
    await symlink(join('/sys/fs/cgroup', name, group), join(cgroups, name));
  }
  const socket = join(dir, 'bus');
  const listen = `[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\nListenStream=${socket}\n`;
  const { services = {} } = options;
  const target = { 'only.target': onlyTarget(Object.keys(services)) };
  for (const [name, text] of Object.entries({ ...UNITS, ...services, ...target, 'dbus.socket': listen })) {
    await writeFile(join(units, name), text);
  }
  await writeFile(join(dir, 'outer.sh'), OUTER);
  await writeFile(join(dir, 'inner.sh'), INNER);
  const argv = [join(dir, 'outer.sh'), group, 'sh', join(dir, 'inner.sh'), units];
  const child = spawn('sh', argv, { stdio: 'ignore', detached: true });

  const systemd: PrivateSystemd = {
    cgroups,
    pid: child.pid ?? 0,
    bus: `unix:path=${socket}`,
    busctl: (words) => run('busctl', [`--address=unix:path=${socket}`, ...words]),
    async stop() {
      await ended(child);
      // In the test tier's namespaces the rest is removed with the run's own cgroup.
      await rm(dir, { recursive: true, force: true });
    },
  };
  try {
    await untilItAnswers(systemd, child);
  } catch (error) {
    await systemd.stop();
    throw error;
  }
  return systemd;
}

async function untilItAnswers(systemd: PrivateSystemd, child: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + 20_000; ; ) {
    try {
      await systemd.busctl(['call', ...PING]);
      return;
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** With its process 1 everything in the namespace ends. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}
