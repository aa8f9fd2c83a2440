import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '@kubeedge-ts/runtime';
import { type CgroupLimits, filesV1, filesV2 } from './cgroup-limits.ts';

/** The control group file system; paths begin with `/` at its mount point. */
export interface CgroupTree {
  readonly version: 1 | 2;
  /** Makes the directory and writes the limits whose controller this machine has. */
  write(path: string, limits: CgroupLimits): Promise<void>;
  /** Names of the directories in it, of all hierarchies together. */
  list(path: string): Promise<readonly string[]>;
  /** Processes in it or below, of all hierarchies together, as far as this pid namespace sees them. */
  processes(path: string): Promise<readonly number[]>;
  /** Ends what still runs in it and removes it. False: something did not go. */
  remove(path: string): Promise<boolean>;
}

/** What a pod may be limited by; a kernel need not have all of them. */
const WANTED = ['cpu', 'cpuset', 'memory', 'pids', 'hugetlb'];
/** What is left after that is only an empty directory of the kernel's. */
const BUSY_TRIES = 10;
const BUSY_MS = 100;

export interface CgroupTreeOptions {
  readonly clock: Clock;
  /** Default `/sys/fs/cgroup`. */
  readonly mountPoint?: string;
  readonly kill?: (pid: number) => void;
}

export async function openCgroupTree(options: CgroupTreeOptions): Promise<CgroupTree> {
  const { clock, mountPoint = '/sys/fs/cgroup', kill = killNow } = options;
  const names: readonly string[] = await readdir(mountPoint).catch(() => []);
  const version = names.includes('cgroup.controllers') ? 2 : 1;
  const controllers = version === 2 ? await wordsOf(join(mountPoint, 'cgroup.controllers')) : names;
  const known = WANTED.filter((name) => controllers.includes(name));
  // Runtimes make directories in every hierarchy of version 1, those without a controller too.
  const roots = version === 2 ? [mountPoint] : names.map((name) => join(mountPoint, name));
  const below = async (path: string): Promise<readonly number[]> => {
    const lists = await Promise.all(roots.map((root) => processesIn(join(root, path))));
    return [...new Set(lists.flat())];
  };

  /** Version 2: a directory has the files of those controllers only that its parent hands down. */
  const handDown = async (path: string): Promise<void> => {
    let dir = mountPoint;
    for (const part of path.split('/').filter((word) => word !== '')) {
      const enabled = await wordsOf(join(dir, 'cgroup.subtree_control'));
      const missing = known.filter((name) => !enabled.includes(name)).map((name) => `+${name}`);
      if (missing.length > 0) await writeFile(join(dir, 'cgroup.subtree_control'), missing.join(' '));
      dir = join(dir, part);
      await mkdir(dir, { recursive: true });
    }
  };

  return {
    version,
    async write(path, limits) {
      if (version === 2) await handDown(path);
      const files = (version === 2 ? filesV2(limits) : filesV1(limits)).filter(({ controller }) =>
        known.includes(controller),
      );
      const failures: unknown[] = [];
      for (const { controller, name, value } of files) {
        const dir = join(mountPoint, version === 2 ? '' : controller, path);
        try {
          await mkdir(dir, { recursive: true });
          await writeFile(join(dir, name), value);
        } catch (error) {
          // One limit that is refused is no reason to go without the others.
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    },
    async list(path) {
      const lists = await Promise.all(roots.map((root) => directoriesIn(join(root, path))));
      return [...new Set(lists.flat())];
    },
    processes: below,
    async remove(path) {
      const dirs = roots.map((root) => join(root, path));
      for (let tries = 0; ; tries++) {
        const gone = await Promise.all(dirs.map(removeTree));
        if (gone.every(Boolean)) return true;
        if (tries === BUSY_TRIES) return false;
        for (const pid of await below(path)) kill(pid);
        await sleep(clock, BUSY_MS);
      }
    },
  };
}

async function wordsOf(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split(/\s+/).filter((word) => word !== '');
}

async function directoriesIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Of the whole tree; a process of another pid namespace shows as 0 and is none of ours. */
async function processesIn(dir: string): Promise<readonly number[]> {
  const own = (await wordsOf(join(dir, 'cgroup.procs')).catch(() => [])).map(Number);
  const below = await Promise.all((await directoriesIn(dir)).map((name) => processesIn(join(dir, name))));
  return [...own, ...below.flat()].filter((pid) => pid > 1 && pid !== process.pid);
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Cgroup directories go only empty. False: a process has not quite left yet. */
async function removeTree(dir: string): Promise<boolean> {
  let empty = true;
  for (const name of await directoriesIn(dir)) {
    if (!(await removeTree(join(dir, name)))) empty = false;
  }
  if (!empty) return false;
  try {
    await rmdir(dir);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return true;
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return false;
    throw error;
  }
}
