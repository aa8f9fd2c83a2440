import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { edgedErrors } from '@kubeedge-ts/errors';
import type { Mounts } from '../host.ts';
import { isAtOrBelow } from '../mount-table.ts';
import { isMountPoint, unmountBelow } from './mount-points.ts';
import { removeTree } from './remove-tree.ts';

export interface SubPathRequest {
  readonly volume: string;
  /** Directory of the volume on the host. */
  readonly root: string;
  readonly subPath: string;
  /** Where the bind mount goes: `volume-subpaths/<name of the volume>/<container>/<index>`. */
  readonly target: string;
}

/**
 * A path inside a volume as a mount of its own. The container may own the volume and swap a directory for a link at
 * any time, so what is mounted is the very file that was checked: opened step by step without following links, and
 * bound through its descriptor (spec/edged.md §12.2).
 */
export async function bindSubPath(request: SubPathRequest, mounts: Mounts): Promise<string> {
  const { volume, root, subPath, target } = request;
  const refuse: Refuse = (problem) => {
    throw edgedErrors.create('EDGED_VOLUME_PATH', {
      volume,
      path: subPath,
      problem,
      reason: 'CreateContainerConfigError',
    });
  };
  const parts = elements(subPath);
  if (subPath.startsWith('/') || parts.includes('..')) refuse('leaves the volume');
  const base = await realpath(root);
  const wanted = await makeInside(base, parts, refuse);
  const handle = await openBelow(base, elements(relative(base, wanted)), refuse);
  try {
    if (await isMountPoint(mounts, target)) {
      if (await isSameFile(handle, target)) return target;
      // An older file of an updated volume: a container that starts anew gets the one that is there now.
      await unmountBelow(mounts, target);
      await removeTree(target, mounts);
    }
    await prepareTarget(target, (await handle.stat()).isDirectory(), mounts);
    await mounts.mount({ source: `/proc/${process.pid}/fd/${handle.fd}`, target, options: ['bind'] });
    return target;
  } finally {
    await handle.close();
  }
}

/**
 * Follows links, which must stay inside, and makes what is missing with the rights of the volume's root, so that
 * whoever may write there may write here.
 */
async function makeInside(base: string, parts: readonly string[], refuse: Refuse): Promise<string> {
  let at = base;
  for (const part of parts) {
    const next = join(at, part);
    if ((await lstat(next).catch(() => undefined)) === undefined) await makeDirectory(base, at, part, refuse);
    at = await realpath(next);
    if (!isAtOrBelow(at, base)) refuse('leaves the volume through a link');
  }
  return at;
}

async function makeDirectory(base: string, at: string, name: string, refuse: Refuse): Promise<void> {
  const { mode } = await stat(base);
  const parent = await openBelow(base, elements(relative(base, at)), refuse);
  try {
    const path = `/proc/self/fd/${parent.fd}/${name}`;
    await mkdir(path, { mode: 0o700 });
    const made = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    await made.chmod(mode & 0o2777).finally(() => made.close());
  } finally {
    await parent.close();
  }
}

async function openBelow(base: string, parts: readonly string[], refuse: Refuse): Promise<FileHandle> {
  let handle = await open(base, constants.O_RDONLY | constants.O_DIRECTORY);
  for (const part of parts) {
    try {
      const next = await open(
        `/proc/self/fd/${handle.fd}/${part}`,
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
      await handle.close();
      handle = next;
    } catch (error) {
      await handle.close();
      return refuse(`cannot be opened: ${(error as Error).message}`);
    }
  }
  return handle;
}

async function isSameFile(handle: FileHandle, path: string): Promise<boolean> {
  const [a, b] = await Promise.all([handle.stat(), stat(path)]);
  return a.dev === b.dev && a.ino === b.ino;
}

async function prepareTarget(target: string, directory: boolean, mounts: Mounts): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  const present = await stat(target).catch(() => undefined);
  if (present?.isDirectory() === directory) return;
  await removeTree(target, mounts);
  if (directory) await mkdir(target, { mode: 0o750 });
  else await writeFile(target, '', { mode: 0o640 });
}

type Refuse = (problem: string) => never;

const elements = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');
