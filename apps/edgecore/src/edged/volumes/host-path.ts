import type { Stats } from 'node:fs';
import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { problem } from './payload.ts';

const KINDS: Record<string, (stats: Stats) => boolean> = {
  Directory: (stats) => stats.isDirectory(),
  DirectoryOrCreate: (stats) => stats.isDirectory(),
  File: (stats) => stats.isFile(),
  FileOrCreate: (stats) => stats.isFile(),
  Socket: (stats) => stats.isSocket(),
  CharDevice: (stats) => stats.isCharacterDevice(),
  BlockDevice: (stats) => stats.isBlockDevice(),
};

/** Checks, and for the `…OrCreate` types makes, what the volume names (spec/edged.md §12.2). */
export async function prepareHostPath(volume: string, path: string, type: string): Promise<void> {
  if (!path.startsWith('/') || path.split('/').includes('..')) {
    throw problem(volume, `hostPath ${path} is not an absolute path without ".."`);
  }
  if (type === '') return;
  const fits = KINDS[type];
  if (fits === undefined) throw problem(volume, `hostPath type ${type} is unknown`);
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw problem(volume, `hostPath ${path}: ${error.message}`, error);
  });
  if (stats !== undefined) {
    if (!fits(stats))
      throw problem(volume, `hostPath type check failed: ${path} is not a ${type.replace('OrCreate', '')}`);
    return;
  }
  if (type === 'DirectoryOrCreate') {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o755);
  } else if (type === 'FileOrCreate') {
    const file = await open(path, 'a', 0o644);
    await file.close();
  } else {
    throw problem(volume, `hostPath type check failed: ${path} is not a ${type}`);
  }
}
