import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Layout, Network } from './config.ts';

const run = promisify(execFile);

/** Ends every shim of this containerd and every container process below them. */
export async function killShims(layout: Layout): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const processes = await listProcesses();
    const shims = processes.filter(({ argv }) => argv.includes('-address') && argv.includes(layout.socket));
    if (shims.length === 0) break;
    const doomed = new Set(shims.map(({ pid }) => pid));
    for (let grew = true; grew; ) {
      const before = doomed.size;
      for (const { pid, parent } of processes) if (doomed.has(parent)) doomed.add(pid);
      grew = doomed.size > before;
    }
    for (const pid of doomed) signal(pid);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await removeShimSockets(layout);
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function listProcesses(): Promise<{ pid: number; parent: number; argv: string[] }[]> {
  const found: { pid: number; parent: number; argv: string[] }[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [stat, command] = await Promise.all([
      readFile(`/proc/${entry}/stat`, 'utf8').catch(() => ''),
      readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => ''),
    ]);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (stat !== '') found.push({ pid: Number(entry), parent, argv: command.split('\0') });
  }
  return found;
}

/** A killed shim leaves its socket in /run/containerd/s; the bundle names it. */
async function removeShimSockets(layout: Layout): Promise<void> {
  const tasks = join(layout.state, 'io.containerd.runtime.v2.task', 'k8s.io');
  for (const id of await readdir(tasks).catch(() => [])) {
    const address = await readFile(join(tasks, id, 'address'), 'utf8').catch(() => '');
    if (address.startsWith('unix:///run/containerd/s/')) {
      await rm(address.slice('unix://'.length), { force: true });
    }
  }
}

/** Unmounts everything below `dir`, deepest first. */
export async function unmountBelow(dir: string): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const points = (await readFile('/proc/self/mountinfo', 'utf8'))
      .split('\n')
      .map((line) => (line.split(' ')[4] ?? '').replace(/\\040/g, ' '))
      .filter((point) => point === dir || point.startsWith(`${dir}/`))
      .sort((a, b) => b.length - a.length);
    if (points.length === 0) return;
    for (const point of points) await run('umount', ['-l', point]).catch(() => undefined);
  }
}

/** Removes the bridge and the port-mapping chains that a killed run could not remove itself. */
export async function removeNetwork(network: Network): Promise<void> {
  await run('ip', ['link', 'delete', network.bridge]).catch(() => undefined);
  const rules = await run('iptables-save', ['-t', 'nat']).catch(() => ({ stdout: '' }));
  for (const line of rules.stdout.split('\n')) {
    if (!line.startsWith('-A ') || !line.includes(`"${network.name}\\"`)) continue;
    const words = line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
    const rule = words.map((word) =>
      word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word,
    );
    await run('iptables', ['-w', '-t', 'nat', '-D', ...rule.slice(1)]).catch(() => undefined);
    const chain = rule[rule.indexOf('-j') + 1];
    if (chain?.startsWith('CNI-') && !/-(DNAT|MASQ|SETMARK)$/.test(chain)) {
      await run('iptables', ['-w', '-t', 'nat', '-F', chain]).catch(() => undefined);
      await run('iptables', ['-w', '-t', 'nat', '-X', chain]).catch(() => undefined);
    }
  }
}

/** Removes the cgroup `path` (below every v1 controller, or the v2 root) with all its children. */
export async function removeCgroup(path: string): Promise<void> {
  const roots = await readdir('/sys/fs/cgroup', { withFileTypes: true }).catch(() => []);
  for (const base of [
    '/sys/fs/cgroup',
    ...roots.filter((r) => r.isDirectory()).map((r) => join('/sys/fs/cgroup', r.name)),
  ]) {
    await removeTree(join(base, path));
  }
}

async function removeTree(dir: string): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(dir, entry.name));
  await run('rmdir', [dir]).catch(() => undefined);
}
