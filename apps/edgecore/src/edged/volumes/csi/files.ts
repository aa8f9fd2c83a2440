import { lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { MetaClient } from '../../../metamanager/meta-client.ts';
import type { Mounts } from '../../host.ts';
import { giveToGroup } from '../fs-group.ts';
import { isMountPoint, unmountBelow } from '../mount-points.ts';
import { READY, type VolumePaths } from '../paths.ts';
import { fsGroupOf } from '../plugin.ts';
import { removeIfEmpty } from '../remove-tree.ts';
import type { RetryLimits } from '../retry-limits.ts';
import type { PodTokens } from '../tokens.ts';
import type { Attachments } from './attachments.ts';
import { type Driver, type Drivers, isFinal } from './drivers.ts';
import { attachmentName, type CsiPaths } from './names.ts';
import { givesToGroup, volumeCapability } from './requests.ts';
import { removeMountDirectory, type Stages } from './stage.ts';
import { readVolData, writeVolData } from './vol-data.ts';
import { type CsiVolume, driverNamed, failedAt, secretsOf, volumeContext } from './volume.ts';

export interface CsiFilesOptions {
  readonly nodeName: string;
  readonly paths: VolumePaths;
  readonly csi: CsiPaths;
  readonly mounts: Mounts;
  readonly meta: Pick<MetaClient, 'getReferenced'>;
  readonly drivers: Drivers;
  readonly attachments: Attachments;
  readonly stages: Stages;
  readonly tokens: PodTokens;
  readonly limits: RetryLimits;
}

/** Volumes of CSI drivers that hold files (spec/edged.md §12.5). Callers hold the volume's turn. */
export interface CsiFiles {
  /** Resolves with the directory to mount. @throws EDGED_VOLUME */
  prepare(volume: CsiVolume): Promise<string>;
  release(uid: string, specName: string): Promise<void>;
}

export function createCsiFiles(options: CsiFilesOptions): CsiFiles {
  const { nodeName, paths, csi, mounts, meta, drivers, attachments, stages, tokens, limits } = options;
  /** Published in this run: a driver may publish without mounting anything. */
  const published = new Set<string>();

  const markerOf = (uid: string, specName: string): string => paths.marker(uid, 'csi', specName);

  const isThere = async ({ uid, specName }: CsiVolume, target: string): Promise<boolean> => {
    const complete = await lstat(join(markerOf(uid, specName), READY)).catch(() => undefined);
    return complete !== undefined && (published.has(target) || (await isMountPoint(mounts, target)));
  };

  const publish = async (
    volume: CsiVolume,
    target: string,
    driver: Driver,
    publishContext: Record<string, string>,
  ): Promise<void> => {
    const { request, driver: name, handle, specName, inline, readOnly } = volume;
    const { signal, pod, volume: podVolume } = request;
    const capabilities = await driver.capabilities();
    const stagingTargetPath = inline
      ? ''
      : await stages.ensure(volume, driver, publishContext).catch((error: unknown) => {
          throw failedAt(volume, 'MountVolume.MountDevice', error);
        });
    const call = {
      volumeId: handle,
      publishContext,
      stagingTargetPath,
      targetPath: target,
      volumeCapability: volumeCapability(volume, capabilities),
      readonly: readOnly,
      secrets: await secretsOf(volume, meta, volume.publishSecret, 'NodePublishSecretRef'),
      volumeContext: await volumeContext(volume, tokens),
    };
    await writeVolData(dirname(target), {
      specVolID: specName,
      volumeHandle: handle,
      driverName: name,
      nodeName,
      volumeLifecycleMode: inline ? 'Ephemeral' : 'Persistent',
      attachmentID: attachmentName(handle, name, nodeName),
    });
    try {
      await driver.client.nodePublishVolume(call, { signal });
    } catch (error) {
      // Nothing came of it: only then is there nothing to take back when the pod ends.
      if (isFinal(error) && !published.has(target) && !(await isMountPoint(mounts, target)))
        await removeMountDirectory(target);
      throw error;
    }
    published.add(target);
    const group = fsGroupOf(pod);
    if (group !== undefined && givesToGroup(volume, capabilities, volume.driverObject))
      await giveToGroup(target, { volume: podVolume.name, ...group, signal });
  };

  return {
    async prepare(volume) {
      const { uid, specName, driverObject } = volume;
      const target = csi.target(uid, specName);
      const again = driverObject?.spec.requiresRepublish === true;
      if (!again && (await isThere(volume, target))) return target;
      try {
        const context = volume.inline ? {} : await attachments.publishContext(volume);
        const driver = driverNamed(drivers, volume.driver);
        // What is only waited for costs nothing; a driver that has failed is left alone for a while.
        await limits.run(target, () => publish(volume, target, driver, context));
      } catch (error) {
        volume.request.signal?.throwIfAborted();
        throw failedAt(volume, 'MountVolume.SetUp', error);
      }
      await mkdir(markerOf(uid, specName), { recursive: true, mode: 0o750 });
      await writeFile(join(markerOf(uid, specName), READY), '');
      return target;
    },
    async release(uid, specName) {
      const dir = csi.volume(uid, specName);
      const target = csi.target(uid, specName);
      const data = await readVolData(dir);
      if (data !== undefined) {
        const { client } = driverNamed(drivers, data.driverName);
        await client.nodeUnpublishVolume({ volumeId: data.volumeHandle, targetPath: target });
      }
      // A driver should have unmounted and removed it; one that has not, or that nobody knows, must not keep the pod.
      await unmountBelow(mounts, dir);
      await removeMountDirectory(target);
      await removeIfEmpty(dir);
      await rm(markerOf(uid, specName), { recursive: true, force: true });
      published.delete(target);
      limits.forget(target);
    },
  };
}
