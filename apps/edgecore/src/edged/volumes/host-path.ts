import type { Stats } from 'node:fs';
import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { pathSource, type VolumePlugin } from './plugin.ts';
import { volumeProblem } from './problems.ts';

const KINDS: Record<string, { readonly name: string; readonly fits: (stats: Stats) => boolean }> = {
  Directory: { name: 'directory', fits: (stats) => stats.isDirectory() },
  File: { name: 'file', fits: (stats) => stats.isFile() },
  Socket: { name: 'socket file', fits: (stats) => stats.isSocket() },
  CharDevice: { name: 'character device', fits: (stats) => stats.isCharacterDevice() },
  BlockDevice: { name: 'block device', fits: (stats) => stats.isBlockDevice() },
};

/** A path of the machine, also behind a claim. */
export const hostPathPlugin: VolumePlugin = {
  name: undefined,
  async prepare({ volume, pv, readOnly }) {
    const { path = '', type = '' } = (pv?.spec?.hostPath ?? volume.hostPath) as {
      path?: string;
      type?: string;
    };
    await checkHostPath(volume.name, path, type);
    return { source: pathSource(path), readOnly };
  },
};

/** Checks, and for the `…OrCreate` types makes, what the volume names (spec/edged.md §12.2). */
export async function checkHostPath(volume: string, path: string, type: string): Promise<void> {
  if (!path.startsWith('/') || path.split('/').includes('..')) {
    throw volumeProblem(volume, `hostPath ${path} is not an absolute path without ".."`);
  }
  if (type === '') return;
  const kind = KINDS[type.replace('OrCreate', '')];
  if (
    kind === undefined ||
    (type.endsWith('OrCreate') && kind.name !== 'directory' && kind.name !== 'file')
  ) {
    throw volumeProblem(volume, `${type} is an invalid volume type`);
  }
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw volumeProblem(volume, `hostPath ${path}: ${error.message}`, { cause: error });
  });
  if (stats === undefined && type === 'DirectoryOrCreate') {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o755);
  } else if (stats === undefined && type === 'FileOrCreate') {
    const file = await open(path, 'a', 0o644).catch((error: Error) => {
      throw volumeProblem(volume, `hostPath ${path}: ${error.message}`, { cause: error });
    });
    await file.close();
  } else if (stats === undefined || !kind.fits(stats)) {
    throw volumeProblem(volume, `hostPath type check failed: ${path} is not a ${kind.name}`);
  }
}
