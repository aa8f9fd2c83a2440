import type { PersistentVolume } from '@kubeedge-ts/apis';
import type { Clock, Logger } from '@kubeedge-ts/runtime';
import type { BlockDevices } from '../block-devices.ts';
import type { Mounts } from '../host.ts';
import { apiContentPlugin } from './api-content.ts';
import { emptyDirPlugin } from './empty-dir.ts';
import { hostPathPlugin } from './host-path.ts';
import { imagePlugin } from './image.ts';
import { createKeyedTurns } from './keyed-turns.ts';
import { localPlugin } from './local.ts';
import { nfsPlugin } from './nfs.ts';
import type { VolumePaths } from './paths.ts';
import type { Volume, VolumePlugin } from './plugin.ts';
import { volumeProblem } from './problems.ts';
import { createMemoryFiles } from './tmpfs.ts';
import type { PodTokens } from './tokens.ts';

export interface PluginTable {
  /** @throws EDGED_VOLUME for a kind that there is no plugin for */
  of(volume: Volume, pv: PersistentVolume | undefined): VolumePlugin;
  /** By the name of the directory its volumes lie in: `kubernetes.io~configmap`. */
  readonly byName: ReadonlyMap<string, VolumePlugin>;
  /** Ends what pods shared and none uses any more. */
  sweep(): Promise<void>;
}

export interface PluginTableOptions {
  readonly paths: VolumePaths;
  readonly mounts: Mounts;
  readonly blockDevices: BlockDevices;
  readonly tokens: PodTokens;
  readonly csi?: VolumePlugin;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Every kind of volume this node can make. */
export function pluginTable(options: PluginTableOptions): PluginTable {
  const { paths, mounts, blockDevices, csi } = options;
  const memory = createMemoryFiles(mounts);
  const content = { ...options, memory };
  const local = localPlugin({ paths, mounts, blockDevices, turns: createKeyedTurns() });
  const table: Record<string, VolumePlugin> = {
    emptyDir: emptyDirPlugin(paths, mounts, memory),
    hostPath: hostPathPlugin,
    configMap: apiContentPlugin('configmap', content),
    secret: apiContentPlugin('secret', content),
    downwardAPI: apiContentPlugin('downward-api', content),
    projected: apiContentPlugin('projected', content),
    image: imagePlugin,
    local,
    nfs: nfsPlugin(paths, mounts),
    ...(csi === undefined ? {} : { csi }),
  };
  const named = Object.values(table).filter(({ name }) => name !== undefined);
  return {
    of(volume, pv) {
      const source: object = pv?.spec ?? volume;
      const kind = Object.keys(table).find((key) => (source as Record<string, unknown>)[key] != null);
      if (kind !== undefined && !(pv === undefined && kind === 'local')) return table[kind] as VolumePlugin;
      const known = pv === undefined ? ['name'] : PV_FIELDS;
      const type = Object.keys(source).find((key) => !known.includes(key)) ?? 'unknown';
      const text = `volumes of type ${type} are not supported on this node; a CSI driver may have them`;
      throw volumeProblem(volume.name, text);
    },
    byName: new Map(named.map((plugin) => [`kubernetes.io~${plugin.name}`, plugin])),
    sweep: () => local.sweep(),
  };
}

/** Fields of a persistent volume's spec that are not where it is. */
const PV_FIELDS = [
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
];
