import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '@kubeedge-ts/errors';
import type { CsiNodeClient } from '@kubeedge-ts/kubelet-plugins/csi';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../../metamanager/meta-client.ts';
import type { BlockDevices } from '../../block-devices.ts';
import type { Events } from '../../events.ts';
import type { Mounts } from '../../host.ts';
import type { PluginHandler } from '../../plugin-registry/registry.ts';
import { createKeyedTurns } from '../keyed-turns.ts';
import type { VolumePaths } from '../paths.ts';
import { pathSource, type VolumePlugin } from '../plugin.ts';
import { podDirectories } from '../release.ts';
import { createRetryLimits } from '../retry-limits.ts';
import type { PodTokens } from '../tokens.ts';
import { createAttachments } from './attachments.ts';
import { createCsiBlock } from './block.ts';
import { createDrivers } from './drivers.ts';
import { createCsiFiles } from './files.ts';
import { csiPaths, uniqueName } from './names.ts';
import { createNodeIds } from './node-ids.ts';
import { createStages } from './stage.ts';
import { readVolData } from './vol-data.ts';
import { csiVolumeOf } from './volume.ts';

export interface CsiOptions {
  readonly nodeName: string;
  readonly paths: VolumePaths;
  readonly meta: Pick<MetaClient, 'getObject' | 'getReferenced' | 'getNode' | 'patchNode' | 'connected'>;
  readonly mounts: Mounts;
  readonly blockDevices: BlockDevices;
  readonly connect: (endpoint: string) => CsiNodeClient;
  readonly tokens: PodTokens;
  readonly events: Pick<Events, 'pod'>;
  /** The volumes in use are others now: the node's status is due. */
  readonly onInUse: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** CSI drivers on this node: their registration, and the volumes they serve (spec/edged.md §12.5). */
export interface Csi {
  readonly plugin: VolumePlugin;
  /** For plugins of type `CSIPlugin`. */
  readonly handler: PluginHandler;
  /** Finds what an earlier run has in use. Never rejects. */
  open(): Promise<void>;
  /** For the node's status, sorted. */
  volumesInUse(): readonly string[];
  /**
   * The cluster has been told of these volumes in use; only then may they be mounted. True when a pod waits for one
   * of them, which may be tried again.
   */
  reportedInUse(names: readonly string[]): boolean;
  /** The cluster shows these volumes attached to the node. True when a pod waits for one of them. */
  attached(names: readonly string[]): boolean;
  /** The cloud is back. */
  poke(): void;
  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** Between two calls of a driver that wants its volumes published again and again. */
const REPUBLISH_MS = 60_000;

export function createCsi(options: CsiOptions): Csi {
  const { paths, meta, connect, events, onInUse, clock, random, log } = options;
  const csi = csiPaths(paths);
  const turns = createKeyedTurns();
  const sweeping = new Set<Promise<void>>();
  const limits = createRetryLimits(clock, random);
  const nodeIds = createNodeIds(options);
  const attachments = createAttachments({ ...options, events, onChange: onInUse });
  const drivers = createDrivers({
    connect,
    log,
    onChange(name) {
      const driver = drivers.get(name);
      nodeIds.set(name, driver?.node);
      if (driver === undefined) return;
      const task = sweep(name).finally(() => sweeping.delete(task));
      sweeping.add(task);
    },
  });
  const shared = { ...options, csi, drivers, attachments, limits, onUnstaged: attachments.released };
  const stages = createStages(shared);
  const files = createCsiFiles({ ...shared, stages });
  const block = createCsiBlock(shared);

  /** Ends what an earlier run left staged, now that the driver is there to do it. */
  const sweep = async (driver: string): Promise<void> => {
    try {
      for (const { driverName, volumeHandle } of await stages.found()) {
        if (driverName !== driver) continue;
        const key = uniqueName(driverName, volumeHandle);
        await turns.run(key, () => stages.endIfUnused(driverName, volumeHandle));
      }
      for (const [specName, { driverName, volumeHandle }] of await block.found()) {
        if (driverName !== driver) continue;
        await turns.run(uniqueName(driverName, volumeHandle), () => block.endIfUnused(specName));
      }
    } catch (error) {
      log.warn({ driver, err: errorText(error) }, 'volumes that no pod uses could not be unstaged');
    }
  };

  return {
    plugin: {
      name: 'csi',
      async prepare(request) {
        const volume = await csiVolumeOf(request, meta);
        return turns.run(
          volume.unique,
          async () => {
            const { readOnly, driverObject } = volume;
            if (volume.block)
              return { source: { kind: 'device' as const, path: await block.prepare(volume) }, readOnly };
            const source = pathSource(await files.prepare(volume));
            const again = driverObject?.spec.requiresRepublish === true;
            const pause = REPUBLISH_MS * (1 + 0.5 * random.next());
            return { source, readOnly, refreshAt: again ? clock.now() + pause : undefined };
          },
          request.signal,
        );
      },
      async release(uid, specName, dir) {
        const data = await readVolData(dir);
        const { driverName = '', volumeHandle = '' } = data ?? {};
        await turns.run(uniqueName(driverName, volumeHandle), async () => {
          await files.release(uid, specName);
          if (data !== undefined && data.volumeLifecycleMode !== 'Ephemeral')
            await stages.endIfUnused(driverName, volumeHandle);
        });
      },
      async releaseDevice(uid, specName) {
        const { driverName = '', volumeHandle = '' } = (await readVolData(csi.device(specName).data)) ?? {};
        await turns.run(uniqueName(driverName, volumeHandle), () => block.release(uid, specName));
      },
    },
    handler: drivers.handler,
    async open() {
      try {
        for (const uid of await podDirectories(paths)) {
          const dir = join(paths.pod(uid), 'volumes/kubernetes.io~csi');
          for (const name of await readdir(dir).catch(() => [])) {
            const data = await readVolData(join(dir, name));
            if (data?.volumeLifecycleMode === 'Persistent')
              attachments.found(data.driverName, data.volumeHandle);
          }
        }
        const staged = [...(await stages.found()), ...(await block.found()).values()];
        for (const { driverName, volumeHandle } of staged) attachments.found(driverName, volumeHandle);
      } catch (error) {
        log.warn({ err: errorText(error) }, 'volumes in use by an earlier run could not be read');
      }
    },
    volumesInUse: attachments.inUse,
    reportedInUse: attachments.reported,
    attached: attachments.awaited,
    poke: nodeIds.poke,
    async run(signal) {
      await nodeIds.run(signal);
      drivers.close();
      await Promise.all(sweeping);
    },
  };
}
