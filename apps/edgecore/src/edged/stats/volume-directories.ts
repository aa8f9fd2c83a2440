import { join } from 'node:path';
import type { Pod } from '@kubeedge-ts/apis';
import { identityOf } from '../runtime/labels.ts';
import { claimNameOf } from '../volumes/claim.ts';
import { type PluginName, volumePaths } from '../volumes/paths.ts';

export interface VolumeDirectory {
  /** In the pod's spec. */
  readonly name: string;
  /** Where it may lie; the first that is there counts. */
  readonly paths: readonly string[];
  /** Counts as the pod's own use of the node's disk. */
  readonly ephemeral: boolean;
  /** Claim in the pod's namespace. */
  readonly claim?: string;
}

/** Kind of volume in a spec → its plugin. hostPath has no directory of its own. */
const PLUGINS: Readonly<Record<string, PluginName>> = {
  emptyDir: 'empty-dir',
  configMap: 'configmap',
  secret: 'secret',
  projected: 'projected',
  downwardAPI: 'downward-api',
  nfs: 'nfs',
  csi: 'csi',
};
/** Of a volume that is claimed, only its name is known. */
const CLAIM_PLUGINS: readonly PluginName[] = ['csi', 'local-volume', 'nfs'];

/** The directories of the pod's volumes. `volumeOf`: name of the claimed volume, if it is known. */
export function volumeDirectories(
  rootDir: string,
  pod: Pod,
  volumeOf: (claim: string) => string | undefined,
): VolumeDirectory[] {
  const paths = volumePaths(rootDir);
  const { uid } = identityOf(pod);
  const at = (plugin: PluginName, name: string): string => {
    const dir = paths.volume(uid, plugin, name);
    // a CSI driver mounts one level further down
    return plugin === 'csi' ? join(dir, 'mount') : dir;
  };
  const directoryOf = (volume: NonNullable<NonNullable<Pod['spec']>['volumes']>[number]) => {
    const { name } = volume;
    const claim = claimNameOf(volume, pod);
    if (claim !== undefined) {
      const persistent = volumeOf(claim);
      if (persistent === undefined) return undefined;
      return { name, paths: CLAIM_PLUGINS.map((plugin) => at(plugin, persistent)), ephemeral: false, claim };
    }
    const kind = Object.keys(PLUGINS).find(
      (key) => (volume as unknown as Record<string, unknown>)[key] !== undefined,
    );
    if (kind === undefined) return undefined;
    const onDisk = kind === 'configMap' || (kind === 'emptyDir' && !volume.emptyDir?.medium);
    return { name, paths: [at(PLUGINS[kind] as PluginName, name)], ephemeral: onDisk };
  };
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    try {
      return directoryOf(volume) ?? [];
    } catch {
      // a name that is none of a directory: the pod does not start with it
      return [];
    }
  });
}
