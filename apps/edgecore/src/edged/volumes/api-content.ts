import { chmod, mkdir } from 'node:fs/promises';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { Mounts } from '../host.ts';
import { writeAtomically } from './atomic-writer.ts';
import { buildPayload } from './build.ts';
import { isMountPoint } from './mount-points.ts';
import type { PluginName, VolumePaths } from './paths.ts';
import { fsGroupOf, pathSource, type VolumePlugin } from './plugin.ts';
import type { MemoryFiles } from './tmpfs.ts';
import type { PodTokens } from './tokens.ts';

export interface ApiContentOptions {
  readonly paths: VolumePaths;
  readonly mounts: Mounts;
  readonly memory: MemoryFiles;
  readonly tokens: PodTokens;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
}

/**
 * Volumes whose files are made of API objects: ConfigMaps on disk, the others in memory, written so that containers see
 * all of a change or nothing of it (spec/edged.md §12.2, §12.3).
 */
export function apiContentPlugin(name: PluginName, options: ApiContentOptions): VolumePlugin {
  const { paths, mounts, memory, tokens, clock, log } = options;
  const inMemory = name !== 'configmap';
  let refused = false;

  const directory = async (uid: string, specName: string): Promise<string> => {
    const dir = paths.volume(uid, name, specName);
    await mkdir(dir, { recursive: true, mode: 0o750 });
    if (inMemory && !(await isMountPoint(mounts, dir))) {
      await memory.mount(dir, undefined).catch((error: unknown) => {
        if (!refused)
          log.warn({ dir, err: errorText(error) }, 'tmpfs is not permitted, secrets are kept on disk');
        refused = true;
      });
    }
    await chmod(dir, 0o777);
    return dir;
  };

  return {
    name,
    async prepare({ pod, volume, specName, context, read }) {
      const now = clock.now();
      const built = await buildPayload(volume, { pod, ...context, read, tokens, now });
      const dir = await directory(pod.metadata.uid ?? '', specName);
      const group = fsGroupOf(pod);
      const ownership = group === undefined ? undefined : { gid: group.gid };
      if (await writeAtomically(dir, built.payload, now, ownership)) {
        log.debug({ pod: pod.metadata.name, volume: volume.name }, 'volume written');
      }
      return { source: pathSource(dir), readOnly: true, refreshAt: built.refreshAt };
    },
  };
}
