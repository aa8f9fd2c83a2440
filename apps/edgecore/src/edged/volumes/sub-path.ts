import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { edgedErrors } from '@kubeedge-ts/errors';
import type { Mounts } from '../host.ts';

export interface SubPathRequest {
  readonly volume: string;
  /** Directory of the volume on the host. */
  readonly root: string;
  readonly subPath: string;
  /** Where the bind mount goes: `volume-subpaths/<volume>/<container>/<index>`. */
  readonly target: string;
}

/**
 * A path inside a volume as a mount of its own. The container may own the volume and swap a directory for a link at
 * any time, so what is mounted is the very file that was checked: opened step by step without following links, and
 * bound through its descriptor (spec/edged.md §12.2).
 */
export async function bindSubPath(request: SubPathRequest, mounts: Mounts): Promise<string> {
  const { volume, root, subPath, target } = request;
  const refuse = (problem: string): never => {
    throw edgedErrors.create('EDGED_VOLUME_PATH', {
      volume,
      path: subPath,
      problem,
      reason: 'CreateContainerConfigError',
    });
  };
  const parts = subPath.split('/').filter((part) => part !== '' && part !== '.');
  if (subPath.startsWith('/') || parts.includes('..')) refuse('leaves the volume');
  const base = await realpath(root);
  const wanted = await makeInside(base, parts, refuse);
  const inside = relative(base, wanted);
  if (inside === '..' || inside.startsWith('../')) refuse('leaves the volume through a link');
  const handle = await openBelow(
    base,
    inside.split('/').filter((part) => part !== ''),
    refuse,
  );
  try {
    if ((await mounts.list()).includes(target)) {
      if (await isSameFile(handle, target)) return target;
      // An older file of an updated volume: a container that starts anew gets the one that is there now.
      await mounts.unmount(target);
      await rm(target, { recursive: true, force: true });
    }
    await prepareTarget(target, (await handle.stat()).isDirectory());
    await mounts.bind(`/proc/${process.pid}/fd/${handle.fd}`, target);
    return target;
  } finally {
    await handle.close();
  }
}

/** Creates missing directories (0750) and resolves links; what exists must be inside. */
async function makeInside(
  base: string,
  parts: readonly string[],
  refuse: (problem: string) => never,
): Promise<string> {
  let at = base;
  for (const part of parts) {
    const next = join(at, part);
    const exists = await lstat(next).catch(() => undefined);
    if (exists === undefined) await mkdir(next, { mode: 0o750 });
    at = await realpath(next);
    if (at !== base && !at.startsWith(`${base}/`)) refuse('leaves the volume through a link');
  }
  return at;
}

async function openBelow(
  base: string,
  parts: readonly string[],
  refuse: (problem: string) => never,
): Promise<FileHandle> {
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

async function prepareTarget(target: string, directory: boolean): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  const present = await stat(target).catch(() => undefined);
  if (present?.isDirectory() === directory) return;
  await rm(target, { recursive: true, force: true });
  if (directory) await mkdir(target, { mode: 0o750 });
  else await writeFile(target, '', { mode: 0o640 });
}
