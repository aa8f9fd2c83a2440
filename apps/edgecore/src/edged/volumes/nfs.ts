import { mkdir, stat } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { errorText } from '@kubeedge-ts/errors';
import type { Mounts } from '../host.ts';
import { isMountPoint } from './mount-points.ts';
import type { VolumePaths } from './paths.ts';
import { mountOptionsOf } from './persistent.ts';
import { pathSource, type VolumePlugin } from './plugin.ts';
import { volumeProblem } from './problems.ts';

/** Where `mount -t nfs` finds its helper. */
const HELPERS = ['/sbin/mount.nfs', '/usr/sbin/mount.nfs'];

/** An export of an NFS server, in the pod or behind a claim (spec/edged.md §12.1). */
export function nfsPlugin(
  paths: VolumePaths,
  mounts: Mounts,
  helpers: readonly string[] = HELPERS,
): VolumePlugin {
  return {
    name: 'nfs',
    async prepare({ pod, volume, specName, pv, readOnly: byClaim, signal }) {
      const { server = '', path = '', readOnly = false } = pv?.spec?.nfs ?? volume.nfs ?? {};
      const dir = paths.volume(pod.metadata.uid ?? '', 'nfs', specName);
      const restricted = byClaim || (pv === undefined && readOnly);
      const outcome = { source: pathSource(dir), readOnly: restricted };
      if (await isMountPoint(mounts, dir)) return outcome;
      if (server === '' || server.startsWith('-') || !path.startsWith('/'))
        throw volumeProblem(volume.name, `nfs needs a server and an absolute path, not ${server}:${path}`);
      if (!(await anyExists(helpers)))
        throw volumeProblem(
          volume.name,
          'this machine cannot mount NFS: mount.nfs is missing (package nfs-common)',
        );
      await mkdir(dir, { recursive: true, mode: 0o750 });
      const source = `${isIPv6(server) ? `[${server}]` : server}:${path}`;
      const options = [...(pv === undefined ? [] : mountOptionsOf(pv)), ...(restricted ? ['ro'] : [])];
      await mounts
        .mount({ source, target: dir, type: 'nfs', options, ...(signal === undefined ? {} : { signal }) })
        .catch((error: unknown) => {
          throw volumeProblem(volume.name, `mount of ${source} failed: ${errorText(error)}`, {
            cause: error,
          });
        });
      return outcome;
    },
  };
}

async function anyExists(files: readonly string[]): Promise<boolean> {
  const found = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
  return found.some((stats) => stats !== undefined);
}
