import { constants } from 'node:fs';
import { chmod, chown, type FileHandle, lstat, open, opendir } from 'node:fs/promises';
import { volumeProblem } from './problems.ts';

export interface FsGroupRequest {
  readonly volume: string;
  readonly gid: number;
  readonly readOnly?: boolean;
  /** `fsGroupChangePolicy: OnRootMismatch`: what is below the root is trusted when the root is right. */
  readonly onRootMismatch?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Node has no name for Linux' O_PATH: a handle to the very file, whatever its kind and rights. */
const O_PATH = 0o10000000;
const MAX_DEPTH = 400;
const CONCURRENT = 8;

/**
 * Gives a volume to the pod's group: every file and directory gets the group, its rights, and setgid on directories, so
 * that what is made there later belongs to it as well (spec/edged.md §12.2). The root comes last: when it is right, all
 * is. Containers of other pods may work in the volume meanwhile, so nothing is touched by name twice: each file is
 * opened without following links and changed through its handle. Links are left alone.
 * Resolves with how many were changed.
 */
export async function giveToGroup(dir: string, request: FsGroupRequest): Promise<number> {
  const { gid, readOnly = false } = request;
  if (request.onRootMismatch === true && (await isRight(dir, gid, readOnly))) return 0;
  const root = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  const { dev } = await root.stat();
  return walk(root, dev, 0, request);
}

/** Closes the handle, once nothing works below it any more. */
async function walk(
  dir: FileHandle,
  device: number,
  depth: number,
  request: FsGroupRequest,
): Promise<number> {
  const below = `/proc/self/fd/${dir.fd}`;
  const failures: unknown[] = [];
  const atWork = new Set<Promise<void>>();
  let changed = 0;
  const begin = (name: string): void => {
    const task = changeFile(`${below}/${name}`, request)
      .then((count) => {
        changed += count;
      })
      .catch((error: unknown) => void failures.push(error))
      .finally(() => atWork.delete(task));
    atWork.add(task);
  };
  try {
    if (depth > MAX_DEPTH) {
      throw volumeProblem(request.volume, `directories are nested deeper than ${MAX_DEPTH}`);
    }
    for await (const entry of await opendir(below)) {
      request.signal?.throwIfAborted();
      if (failures.length > 0) throw failures[0];
      if (entry.isSymbolicLink()) continue;
      if (entry.isDirectory()) {
        const inside = await enter(`${below}/${entry.name}`, device, depth + 1, request);
        changed += inside;
      } else begin(entry.name);
      if (atWork.size >= CONCURRENT) await Promise.race(atWork);
    }
    await Promise.all(atWork);
    if (failures.length > 0) throw failures[0];
    const own = await change(dir, request);
    return changed + own;
  } finally {
    await Promise.all(atWork);
    await dir.close();
  }
}

async function enter(path: string, device: number, depth: number, request: FsGroupRequest): Promise<number> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const next = await open(path, flags).catch(vanished);
  if (next === undefined) return 0;
  if ((await next.stat()).dev === device) return walk(next, device, depth, request);
  // Another file system mounted inside is not the volume.
  await next.close();
  return 0;
}

async function changeFile(path: string, request: FsGroupRequest): Promise<number> {
  const handle = await open(path, O_PATH | constants.O_NOFOLLOW).catch(vanished);
  if (handle === undefined) return 0;
  try {
    return await change(handle, request);
  } finally {
    await handle.close();
  }
}

async function change(handle: FileHandle, { gid, readOnly = false }: FsGroupRequest): Promise<number> {
  const stats = await handle.stat();
  if (stats.isSymbolicLink()) return 0;
  const mode = stats.mode & 0o7777;
  const wanted = mode | bits(stats.isDirectory(), readOnly);
  if (stats.gid === gid && mode === wanted) return 0;
  const self = `/proc/self/fd/${handle.fd}`;
  // A change of the group takes setuid and setgid away, so the mode comes after it.
  if (stats.gid !== gid) await chown(self, stats.uid, gid);
  await chmod(self, wanted);
  return 1;
}

function bits(directory: boolean, readOnly: boolean): number {
  const file = readOnly ? 0o440 : 0o660;
  return directory ? file | 0o2110 : file;
}

async function isRight(dir: string, gid: number, readOnly: boolean): Promise<boolean> {
  const stats = await lstat(dir);
  const wanted = bits(true, readOnly);
  return stats.isDirectory() && stats.gid === gid && (stats.mode & wanted) === wanted;
}

function vanished(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ELOOP') return undefined;
  throw error;
}
