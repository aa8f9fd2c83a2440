import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MetaClient } from '../../../metamanager/meta-client.ts';
import type { BlockDevices } from '../../block-devices.ts';
import type { Mounts } from '../../host.ts';
import { isMapped, mapDevice, unbindDevice } from '../block-map.ts';
import { unmountBelow } from '../mount-points.ts';
import { safeName, type VolumePaths } from '../paths.ts';
import { removeIfEmpty, removeTree } from '../remove-tree.ts';
import type { RetryLimits } from '../retry-limits.ts';
import type { PodTokens } from '../tokens.ts';
import type { Attachments } from './attachments.ts';
import type { Driver, Drivers } from './drivers.ts';
import { attachmentName, type CsiPaths } from './names.ts';
import { Capability, volumeCapability } from './requests.ts';
import { readVolData, type VolData, writeVolData } from './vol-data.ts';
import { type CsiVolume, driverNamed, failedAt, secretsOf, volumeContext } from './volume.ts';

export interface CsiBlockOptions {
  readonly nodeName: string;
  readonly paths: VolumePaths;
  readonly csi: CsiPaths;
  readonly mounts: Mounts;
  readonly blockDevices: BlockDevices;
  readonly meta: Pick<MetaClient, 'getReferenced'>;
  readonly drivers: Drivers;
  readonly attachments: Attachments;
  readonly tokens: PodTokens;
  readonly limits: RetryLimits;
  readonly onUnstaged: (driver: string, handle: string) => void;
}

/** Volumes of CSI drivers that are devices (spec/edged.md §12.5). Callers hold the volume's turn. */
export interface CsiBlock {
  /** Resolves with the link that the containers' device is made of. @throws EDGED_VOLUME */
  prepare(volume: CsiVolume): Promise<string>;
  release(uid: string, specName: string): Promise<void>;
  /** Ends what all pods shared when none uses it any more. */
  endIfUnused(specName: string): Promise<void>;
  /** By the name of the persistent volume, also of an earlier run. */
  found(): Promise<ReadonlyMap<string, VolData>>;
}

export function createCsiBlock(options: CsiBlockOptions): CsiBlock {
  const { nodeName, paths, csi, mounts, blockDevices, meta, drivers, attachments, tokens, limits } = options;

  const mapOf = (uid: string, specName: string) => ({
    uid,
    globalDir: csi.device(specName).maps,
    link: join(paths.devices(uid, 'csi'), safeName(specName)),
  });

  const stage = async (volume: CsiVolume, driver: Driver, publishContext: Record<string, string>) => {
    const capabilities = await driver.capabilities();
    if (!capabilities.has(Capability.STAGE_UNSTAGE_VOLUME)) return;
    const { staging } = csi.device(volume.specName);
    await mkdir(staging, { recursive: true, mode: 0o750 });
    const call = {
      volumeId: volume.handle,
      publishContext,
      stagingTargetPath: staging,
      volumeCapability: volumeCapability(volume, capabilities),
      secrets: await secretsOf(volume, meta, volume.stageSecret, 'NodeStageSecretRef'),
      volumeContext: volume.attributes,
    };
    await driver.client.nodeStageVolume(call, { signal: volume.request.signal });
  };

  const publish = async (
    volume: CsiVolume,
    driver: Driver,
    publishContext: Record<string, string>,
  ): Promise<string> => {
    const { request, driver: name, handle, specName, uid, readOnly } = volume;
    const { staging, data, publishDir } = csi.device(specName);
    await writeVolData(data, {
      specVolID: specName,
      volumeHandle: handle,
      driverName: name,
      nodeName,
      attachmentID: attachmentName(handle, name, nodeName),
    });
    await stage(volume, driver, publishContext).catch((error: unknown) => {
      throw failedAt(volume, 'MapVolume.SetUpDevice', error);
    });
    await mkdir(publishDir, { recursive: true, mode: 0o750 });
    const target = join(publishDir, uid);
    const call = {
      volumeId: handle,
      publishContext,
      stagingTargetPath: staging,
      targetPath: target,
      volumeCapability: volumeCapability(volume, await driver.capabilities()),
      readonly: readOnly,
      secrets: await secretsOf(volume, meta, volume.publishSecret, 'NodePublishSecretRef'),
      volumeContext: await volumeContext(volume, tokens),
    };
    await driver.client.nodePublishVolume(call, { signal: request.signal });
    const map = mapOf(uid, specName);
    await mapDevice(target, map, mounts);
    return map.link;
  };

  const endIfUnused = async (specName: string): Promise<void> => {
    const { root, data, maps, staging, publishDir } = csi.device(specName);
    if ((await list(maps)).length > 0 || (await list(publishDir)).length > 0) return;
    const known = await readVolData(data);
    if (known !== undefined) {
      const driver = driverNamed(drivers, known.driverName);
      const capabilities = await driver.capabilities();
      if (capabilities.has(Capability.STAGE_UNSTAGE_VOLUME))
        await driver.client.nodeUnstageVolume({ volumeId: known.volumeHandle, stagingTargetPath: staging });
    }
    for (const dir of [staging, root]) {
      await unmountBelow(mounts, dir);
      await removeTree(dir, mounts);
    }
    await removeIfEmpty(publishDir);
    if (known !== undefined) options.onUnstaged(known.driverName, known.volumeHandle);
  };

  return {
    async prepare(volume) {
      const map = mapOf(volume.uid, volume.specName);
      if (await isMapped(map)) return map.link;
      try {
        const context = await attachments.publishContext(volume);
        const driver = driverNamed(drivers, volume.driver);
        return await limits.run(map.link, () => publish(volume, driver, context));
      } catch (error) {
        volume.request.signal?.throwIfAborted();
        throw failedAt(volume, 'MapVolume.MapPodDevice', error);
      }
    },
    async release(uid, specName) {
      const map = mapOf(uid, specName);
      const { data, publishDir } = csi.device(specName);
      const target = join(publishDir, uid);
      const known = await readVolData(data);
      await unbindDevice(map, mounts, blockDevices);
      if (known !== undefined) {
        const { client } = driverNamed(drivers, known.driverName);
        await client.nodeUnpublishVolume({ volumeId: known.volumeHandle, targetPath: target });
      }
      await unmountBelow(mounts, target);
      await removeTree(target, mounts);
      await endIfUnused(specName);
      // Last, since it is what tells the next try that there is something to end.
      await rm(map.link, { force: true });
      limits.forget(map.link);
    },
    endIfUnused,
    async found() {
      const all = new Map<string, VolData>();
      for (const name of await list(csi.devices)) {
        if (name === 'staging' || name === 'publish') continue;
        const data = await readVolData(csi.device(name).data);
        if (data !== undefined) all.set(name, data);
      }
      return all;
    },
  };
}

async function list(dir: string): Promise<string[]> {
  return readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}
