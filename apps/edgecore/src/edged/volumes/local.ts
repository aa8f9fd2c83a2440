import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import type { BlockDevices } from '../block-devices.ts';
import type { Mounts } from '../host.ts';
import { mapDevice, unmapDevice } from './block-map.ts';
import { giveToGroup } from './fs-group.ts';
import type { KeyedTurns } from './keyed-turns.ts';
import { isMountPoint, unmountBelow } from './mount-points.ts';
import { safeName, type VolumePaths } from './paths.ts';
import { mountOptionsOf, usersOf } from './persistent.ts';
import { fsGroupOf, pathSource, type VolumePlugin, type VolumeRequest } from './plugin.ts';
import { volumeProblem } from './problems.ts';
import { removeIfEmpty, removeTree } from './remove-tree.ts';

export interface LocalOptions {
  readonly paths: VolumePaths;
  readonly mounts: Mounts;
  readonly blockDevices: BlockDevices;
  /** One operation at a time on one persistent volume. */
  readonly turns: KeyedTurns;
}

const DEFAULT_FILE_SYSTEM = 'ext4';

/** A directory or disk of this machine behind a claim (spec/edged.md §12.2). */
export function localPlugin(options: LocalOptions): LocalPlugin {
  const { paths, mounts, blockDevices, turns } = options;
  const shared = paths.shared('local-volume');
  const globalMount = (pvName: string): string => join(shared, 'mounts', safeName(pvName));
  const deviceMap = (uid: string, pvName: string) => ({
    uid,
    globalDir: join(shared, 'volumeDevices', safeName(pvName)),
    link: join(paths.devices(uid, 'local-volume'), safeName(pvName)),
  });

  /** The directory to bind: the volume's own, or where its disk is mounted for all pods. */
  const directoryOf = async ({ volume, specName, pv, readOnly }: VolumeRequest): Promise<string> => {
    const { path = '', fsType = DEFAULT_FILE_SYSTEM } = pv?.spec?.local ?? {};
    if (!path.startsWith('/') || path.split('/').includes('..'))
      throw volumeProblem(volume.name, `local path ${path} is not an absolute path without ".."`);
    const stats = await stat(path).catch((error: Error) => {
      throw volumeProblem(volume.name, `local path ${path}: ${error.message}`, { cause: error });
    });
    if (stats.isDirectory()) return path;
    if (!stats.isBlockDevice())
      throw volumeProblem(volume.name, `${path}: only directory and block device are supported`);
    const target = globalMount(specName);
    if (await isMountPoint(mounts, target)) return target;
    await mkdir(target, { recursive: true, mode: 0o750 });
    await mountDisk(path, target, fsType, [...(pv ? mountOptionsOf(pv) : []), ...(readOnly ? ['ro'] : [])]);
    return target;
  };

  const mountDisk = async (device: string, target: string, type: string, list: string[]): Promise<void> => {
    const present = await blockDevices.fileSystemOf(device);
    const readOnly = list.includes('ro');
    if (present === undefined && readOnly)
      throw new Error(`cannot mount unformatted disk ${device} as we are manipulating it in read-only mode`);
    if (present === undefined) await blockDevices.format(device, type);
    else if (!readOnly && present === type) await blockDevices.check(device);
    if (present !== undefined && present !== type)
      throw new Error(`${device} holds ${present}, not ${type}; it is left alone`);
    await mounts.mount({ source: device, target, type, options: list });
  };

  const prepareFiles = async (request: VolumeRequest): Promise<string> => {
    const { pod, volume, specName, pv, readOnly, signal } = request;
    const uid = pod.metadata.uid ?? '';
    const dir = paths.volume(uid, 'local-volume', specName);
    if (await isMountPoint(mounts, dir)) return dir;
    const source = await directoryOf(request);
    const others = (await usersOf(paths, 'local-volume', specName)).filter((user) => user !== uid);
    const group = fsGroupOf(pod);
    // Before it is mounted: a crash in between leaves a volume that is not mounted, and so will be given again.
    if (group !== undefined && !readOnly && others.length === 0)
      await giveToGroup(source, { volume: volume.name, ...group, signal });
    await mkdir(dir, { recursive: true, mode: 0o750 });
    const list = ['bind', ...(pv ? mountOptionsOf(pv) : []), ...(readOnly ? ['ro'] : [])];
    await mounts.mount({ source, target: dir, options: list });
    return dir;
  };

  const releaseShared = async (pvName: string): Promise<void> => {
    if ((await usersOf(paths, 'local-volume', pvName)).length > 0) return;
    const target = globalMount(pvName);
    await unmountBelow(mounts, target);
    await removeIfEmpty(target);
    await removeIfEmpty(deviceMap('', pvName).globalDir);
  };

  return {
    name: 'local-volume',
    prepare: (request) =>
      turns.run(`local/${request.specName}`, async () => {
        const { pod, volume, specName, pv, readOnly, block } = request;
        try {
          if (!block) return { source: pathSource(await prepareFiles(request)), readOnly };
          const map = deviceMap(pod.metadata.uid ?? '', specName);
          await mapDevice(pv?.spec?.local?.path ?? '', map, mounts);
          return { source: { kind: 'device', path: map.link }, readOnly };
        } catch (error) {
          if (isKubeEdgeError(error) || request.signal?.aborted === true) throw error;
          const step = block ? 'MapVolume.MapPodDevice' : 'MountVolume.SetUp';
          throw volumeProblem(volume.name, errorText(error), { cause: error, step });
        }
      }),
    release: (_uid, pvName, dir) =>
      turns.run(`local/${pvName}`, async () => {
        await unmountBelow(mounts, dir);
        await removeTree(dir, mounts);
        await releaseShared(pvName);
      }),
    releaseDevice: (uid, pvName) =>
      turns.run(`local/${pvName}`, async () => {
        await unmapDevice(deviceMap(uid, pvName), mounts, blockDevices);
        await releaseShared(pvName);
      }),
    async sweep() {
      for (const kind of ['mounts', 'volumeDevices']) {
        const names = await readdir(join(shared, kind)).catch(() => []);
        for (const pvName of names) await turns.run(`local/${pvName}`, () => releaseShared(pvName));
      }
    },
  };
}

export interface LocalPlugin extends VolumePlugin {
  /** Unmounts disks that no pod uses any more: a crash came between the last pod's end and this. */
  sweep(): Promise<void>;
}
