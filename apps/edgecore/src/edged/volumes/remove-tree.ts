import { lstat, opendir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { edgedErrors } from '@kubeedge-ts/errors';
import type { Mounts } from '../host.ts';
import { mountsBelow } from './mount-points.ts';

/**
 * Removes a directory and what is in it, and nothing that is mounted there: the mount table is looked at first, and no
 * directory of another file system is entered. Absent is fine.
 * @throws EDGED_REMOVE
 */
export async function removeTree(
  dir: string,
  mounts: Pick<Mounts, 'table'>,
  signal?: AbortSignal,
): Promise<void> {
  const root = await lstat(dir).catch(absent);
  if (root === undefined) return;
  if (!root.isDirectory()) return unlink(dir).catch(absent);
  const [mounted] = await mountsBelow(mounts, dir);
  if (mounted !== undefined) {
    throw edgedErrors.create('EDGED_REMOVE', { path: dir, problem: `${mounted.path} is still mounted` });
  }
  await removeBelow(dir, root.dev, signal);
}

async function removeBelow(dir: string, device: number, signal: AbortSignal | undefined): Promise<void> {
  const entries = await opendir(dir).catch(absent);
  if (entries === undefined) return;
  for await (const entry of entries) {
    signal?.throwIfAborted();
    const path = join(dir, entry.name);
    if (!entry.isDirectory()) {
      await unlink(path).catch(absent);
      continue;
    }
    const stats = await lstat(path).catch(absent);
    if (stats === undefined) continue;
    if (stats.dev !== device) {
      throw edgedErrors.create('EDGED_REMOVE', { path, problem: 'it is another file system' });
    }
    await removeBelow(path, device, signal);
  }
  await rmdir(dir).catch(absent);
}

/** Removes a directory if it is empty. */
export async function removeIfEmpty(dir: string): Promise<void> {
  await rmdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') return absent(error);
    return undefined;
  });
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}
