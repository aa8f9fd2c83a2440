import { chmod, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { Mounts } from '../host.ts';
import { qosOf } from '../pod/qos.ts';
import { everyContainerOf } from '../pod/spec.ts';
import { parseQuantity } from '../quantity.ts';
import { podLimits } from '../runtime/resources.ts';
import { giveToGroup } from './fs-group.ts';
import { isMountPoint, unmountBelow } from './mount-points.ts';
import { READY, type VolumePaths } from './paths.ts';
import { fsGroupOf, pathSource, type VolumeContext, type VolumePlugin } from './plugin.ts';
import { volumeProblem } from './problems.ts';
import { removeTree } from './remove-tree.ts';
import type { MemoryFiles } from './tmpfs.ts';

/** Scratch space on disk, in memory or in huge pages (spec/edged.md §12.2). Its `sizeLimit` on disk is eviction's. */
export function emptyDirPlugin(paths: VolumePaths, mounts: Mounts, memory: MemoryFiles): VolumePlugin {
  return {
    name: 'empty-dir',
    async prepare({ pod, volume, specName, context, signal }) {
      const uid = pod.metadata.uid ?? '';
      const dir = paths.volume(uid, 'empty-dir', specName);
      const marker = join(paths.marker(uid, 'empty-dir', specName), READY);
      const medium = volume.emptyDir?.medium ?? '';
      const onDisk = medium === '';
      const made = onDisk ? await exists(dir) : await isMountPoint(mounts, dir);
      if (made && (await exists(marker))) return { source: pathSource(dir), readOnly: false };
      await mkdir(dir, { recursive: true, mode: 0o750 });
      await chmod(dir, 0o777);
      if (!made && !onDisk) await mountMedium(dir, medium);
      const group = fsGroupOf(pod);
      if (group !== undefined) await giveToGroup(dir, { volume: volume.name, gid: group.gid, signal });
      await mkdir(paths.marker(uid, 'empty-dir', specName), { recursive: true, mode: 0o750 });
      await writeFile(marker, '');
      return { source: pathSource(dir), readOnly: false };

      async function mountMedium(target: string, name: string): Promise<void> {
        const fail = (error: unknown): never => {
          throw volumeProblem(volume.name, `no ${name} file system: ${errorText(error)}`, { cause: error });
        };
        if (name === 'Memory') {
          await memory.mount(target, memorySize(volume.emptyDir?.sizeLimit, pod, context)).catch(fail);
          return;
        }
        const options = [`pagesize=${pageSize(volume.name, name, pod)}`];
        await mounts.mount({ source: 'nodev', target, type: 'hugetlbfs', options }).catch(fail);
        // The root of a new file system has rights of its own.
        await chmod(target, 0o777);
      }
    },
    async release(uid, specName, dir) {
      await rm(paths.marker(uid, 'empty-dir', specName), { recursive: true, force: true });
      await unmountBelow(mounts, dir);
      await removeTree(dir, mounts);
    },
  };
}

/** The smallest of the volume's limit, the pod's and the node's; undefined: the kernel's default. */
function memorySize(sizeLimit: unknown, pod: Pod, { allocatable }: VolumeContext): number | undefined {
  const limits = [
    parseQuantity(sizeLimit),
    podLimits(pod, qosOf(pod)).memoryLimit,
    parseQuantity(allocatable['memory']),
  ];
  const sizes = limits.filter((size) => size !== undefined && size > 0) as number[];
  return sizes.length === 0 ? undefined : Math.trunc(Math.min(...sizes));
}

/** The page size a medium `HugePages` or `HugePages-<size>` means: one that the pod requests. */
function pageSize(volume: string, medium: string, pod: Pod): number {
  const requested = new Set(
    everyContainerOf(pod).flatMap(({ resources }) =>
      Object.keys(resources?.requests ?? resources?.limits ?? {}).flatMap((name) =>
        name.startsWith('hugepages-') ? (parseQuantity(name.slice('hugepages-'.length)) ?? []) : [],
      ),
    ),
  );
  const [first] = requested;
  if (medium === 'HugePages') {
    if (requested.size > 1) {
      throw volumeProblem(
        volume,
        `medium ${medium} can't be used if containers request multiple huge page sizes`,
      );
    }
    if (first !== undefined) return first;
  } else if (medium.startsWith('HugePages-')) {
    const size = parseQuantity(medium.slice('HugePages-'.length));
    if (size !== undefined && requested.has(size)) return size;
  } else {
    throw volumeProblem(volume, `unknown storage medium "${medium}"`);
  }
  throw volumeProblem(
    volume,
    `medium ${medium}: hugePages storage requested, but there is no resource request for huge pages`,
  );
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
