import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PersistentVolume } from '@kubeedge-ts/apis';
import type { PluginName, VolumePaths } from './paths.ts';

const OPTIONS_ANNOTATION = 'volume.beta.kubernetes.io/mount-options';

/** Options for mounting the volume, from its spec or from the older annotation; without repetitions. */
export function mountOptionsOf({ metadata, spec }: PersistentVolume): string[] {
  const annotated = metadata.annotations?.[OPTIONS_ANNOTATION];
  const options = annotated === undefined ? (spec?.mountOptions ?? []) : annotated.split(',');
  return [...new Set(options.filter((option) => option !== ''))];
}

/** Pods whose directories say that they use a persistent volume, from this run or an earlier one. */
export async function usersOf(paths: VolumePaths, plugin: PluginName, pvName: string): Promise<string[]> {
  const uids = await readdir(paths.pods).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const users: string[] = [];
  for (const uid of uids) {
    const places = [paths.volume(uid, plugin, pvName), join(paths.devices(uid, plugin), pvName)];
    const found = await Promise.all(places.map((place) => exists(place)));
    if (found.includes(true)) users.push(uid);
  }
  return users;
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}
