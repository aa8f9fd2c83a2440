import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { edgedErrors } from '@kubeedge-ts/errors';
import type { MetaClient } from '../../../metamanager/meta-client.ts';
import type { Mounts } from '../../host.ts';
import { isMountPoint, unmountBelow } from '../mount-points.ts';
import type { VolumePaths } from '../paths.ts';
import { podDirectories } from '../release.ts';
import { removeIfEmpty } from '../remove-tree.ts';
import { type Driver, type Drivers, isFinal } from './drivers.ts';
import type { CsiPaths } from './names.ts';
import { Capability, volumeCapability } from './requests.ts';
import { readVolData, removeVolData, type VolData, writeVolData } from './vol-data.ts';
import { type CsiVolume, driverNamed, secretsOf } from './volume.ts';

export interface StageOptions {
  readonly paths: VolumePaths;
  readonly csi: CsiPaths;
  readonly mounts: Mounts;
  readonly meta: Pick<MetaClient, 'getReferenced'>;
  readonly drivers: Drivers;
  /** The volume is not in use any more. */
  readonly onUnstaged: (driver: string, handle: string) => void;
}

/** Staging: what a driver does once for all pods of a node (spec/edged.md §12.5). Callers hold the volume's turn. */
export interface Stages {
  /** Resolves with the path to publish from; empty when the driver does not stage. */
  ensure(volume: CsiVolume, driver: Driver, publishContext: Record<string, string>): Promise<string>;
  /** Ends it when no pod of this node uses the volume any more. Idempotent. */
  endIfUnused(driver: string, handle: string): Promise<void>;
  /** What is staged on the disk, also by an earlier run. */
  found(): Promise<readonly VolData[]>;
}

export function createStages(options: StageOptions): Stages {
  const { paths, csi, mounts, meta, drivers, onUnstaged } = options;
  /** Staged in this run: a driver may stage without mounting anything. */
  const staged = new Set<string>();

  const usedBy = async (driver: string, handle: string): Promise<boolean> => {
    for (const uid of await podDirectories(paths)) {
      for (const name of await names(join(paths.pod(uid), 'volumes', 'kubernetes.io~csi'))) {
        const data = await readVolData(join(paths.pod(uid), 'volumes', 'kubernetes.io~csi', name));
        if (data?.driverName === driver && data.volumeHandle === handle) return true;
      }
    }
    return false;
  };

  const clear = async (target: string): Promise<void> => {
    await unmountBelow(mounts, target);
    await removeMountDirectory(target);
  };

  return {
    async ensure(volume, driver, publishContext) {
      const { handle, unique, request, attributes, stageSecret } = volume;
      const { signal } = request;
      const capabilities = await driver.capabilities();
      const target = csi.globalMount(volume.driver, handle);
      const stages = capabilities.has(Capability.STAGE_UNSTAGE_VOLUME);
      if (stages && (staged.has(unique) || (await isMountPoint(mounts, target)))) return target;
      await mkdir(target, { recursive: true, mode: 0o750 });
      await writeVolData(dirname(target), { volumeHandle: handle, driverName: volume.driver });
      if (!stages) return '';
      const secrets = await secretsOf(volume, meta, stageSecret, 'NodeStageSecretRef');
      const call = {
        volumeId: handle,
        publishContext,
        stagingTargetPath: target,
        volumeCapability: volumeCapability(volume, capabilities),
        secrets,
        volumeContext: attributes,
      };
      try {
        await driver.client.nodeStageVolume(call, { signal });
      } catch (error) {
        if (isFinal(error) && !(await isMountPoint(mounts, target))) await removeMountDirectory(target);
        throw error;
      }
      staged.add(unique);
      return target;
    },
    async endIfUnused(name, handle) {
      if (await usedBy(name, handle)) return;
      const target = csi.globalMount(name, handle);
      const data = await readVolData(dirname(target));
      if (data !== undefined) {
        const driver = driverNamed(drivers, name);
        const capabilities = await driver.capabilities();
        if (capabilities.has(Capability.STAGE_UNSTAGE_VOLUME))
          await driver.client.nodeUnstageVolume({ volumeId: handle, stagingTargetPath: target });
      }
      await clear(target);
      staged.delete(`kubernetes.io/csi/${name}^${handle}`);
      onUnstaged(name, handle);
    },
    async found() {
      const all: VolData[] = [];
      for (const driver of await names(csi.stages)) {
        for (const hash of await names(join(csi.stages, driver))) {
          const data = await readVolData(join(csi.stages, driver, hash));
          if (
            data !== undefined &&
            csi.stage(data.driverName, data.volumeHandle) === join(csi.stages, driver, hash)
          )
            all.push(data);
        }
      }
      return all;
    },
  };
}

/**
 * The directory a driver mounted on, `vol_data.json` beside it, and their parent. What a driver left in it may be
 * somebody's data. @throws EDGED_REMOVE when it is not empty
 */
export async function removeMountDirectory(target: string): Promise<void> {
  await rmdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return;
    if (error.code !== 'ENOTEMPTY') throw error;
    const problem = 'it is not empty, though its driver has taken the volume back';
    throw edgedErrors.create('EDGED_REMOVE', { path: target, problem });
  });
  await removeVolData(dirname(target));
  await removeIfEmpty(dirname(target));
}

async function names(dir: string): Promise<string[]> {
  return readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}
