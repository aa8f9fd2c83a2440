import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mounts } from '../host.ts';
import { unmountBelow } from './mount-points.ts';
import type { VolumePaths } from './paths.ts';
import type { VolumePlugin } from './plugin.ts';
import { removeTree } from './remove-tree.ts';

export interface ReleaseContext {
  readonly paths: VolumePaths;
  readonly mounts: Mounts;
  readonly plugins: ReadonlyMap<string, VolumePlugin>;
}

/**
 * Ends all that lies in a pod's directory, going by what is there: the pod may be an earlier run's, and that run may
 * have ended anywhere. What one volume refuses does not keep the others; then the first refusal is thrown and the
 * directory stays for the next try.
 */
export async function releasePod(uid: string, { paths, mounts, plugins }: ReleaseContext): Promise<void> {
  const dir = paths.pod(uid);
  // Sub paths are bound out of volumes, which cannot go before them.
  await unmountBelow(mounts, join(dir, 'volume-subpaths'));
  const failures: unknown[] = [];
  const attempt = (task: Promise<void> | undefined): Promise<void> =>
    (task ?? Promise.resolve()).catch((error: unknown) => void failures.push(error));
  for await (const { plugin, name } of entriesOf(join(dir, 'volumeDevices'))) {
    await attempt(plugins.get(plugin)?.releaseDevice?.(uid, name));
  }
  for await (const { plugin, name } of entriesOf(join(dir, 'volumes'))) {
    const volume = join(dir, 'volumes', plugin, name);
    const own = plugins.get(plugin)?.release?.(uid, name, volume);
    await attempt(own ?? unmountBelow(mounts, volume).then(() => removeTree(volume, mounts)));
  }
  if (failures.length > 0) throw failures[0];
  await unmountBelow(mounts, dir);
  await removeTree(dir, mounts);
}

/** `<dir>/<plugin>/<name>` */
async function* entriesOf(dir: string): AsyncGenerator<{ plugin: string; name: string }> {
  for (const plugin of await list(dir)) {
    for (const { name } of await list(join(dir, plugin.name))) yield { plugin: plugin.name, name };
  }
}

/** Uids of pods that have a directory. */
export async function podDirectories({ pods }: VolumePaths): Promise<readonly string[]> {
  return (await list(pods)).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function list(dir: string): Promise<Dirent[]> {
  return readdir(dir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}
