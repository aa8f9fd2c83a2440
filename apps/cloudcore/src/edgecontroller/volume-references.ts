import { type KubeObject, type Pod, persistentVolumeClaims, persistentVolumes } from '@kubeedge-ts/apis';
import { isNotFound, type KubeClient } from '@kubeedge-ts/kube';
import type { Clock } from '@kubeedge-ts/runtime';
import { referencesOf } from './references.ts';

/**
 * What the pods of a node need through the volumes they claim: the driver of the volume, and the secrets a CSI node
 * plugin is given. Neither is named in the pod.
 */
export interface VolumeReferences {
  /** `csidriver/<name>` and `secret/<namespace>/<name>`. @throws KubeEdgeError KUBE_* */
  of(node: string, pods: readonly Pod[], signal: AbortSignal): Promise<ReadonlySet<string>>;
  forget(node: string): void;
}

/** A denied node may ask again and again: what was found is used so long, and no node has us read more claims. */
const FRESH_MS = 10_000;
const MAX_CLAIMS = 256;

export function createVolumeReferences(
  kube: Pick<KubeClient, 'get'>,
  clock: Pick<Clock, 'monotonic'>,
): VolumeReferences {
  const known = new Map<string, { at: number; claims: string; found: Promise<ReadonlySet<string>> }>();

  const collect = async (claims: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>> => {
    const references = new Set<string>();
    for (const claim of claims) {
      const [namespace = '', name = ''] = claim.split('/');
      const bound = await orAbsent(kube.get(persistentVolumeClaims, { namespace, name }, { signal }));
      const volumeName = bound?.spec?.volumeName;
      if (!volumeName) continue;
      const volume = await orAbsent(kube.get(persistentVolumes, { name: volumeName }, { signal }));
      const { claimRef, csi } = volume?.spec ?? {};
      // The volume has the last word on whose it is.
      if (csi === undefined || claimRef?.namespace !== namespace || claimRef.name !== name) continue;
      references.add(`csidriver/${csi.driver}`);
      for (const secret of [csi.nodeStageSecretRef, csi.nodePublishSecretRef, csi.nodeExpandSecretRef]) {
        if (secret?.name) references.add(`secret/${secret.namespace}/${secret.name}`);
      }
    }
    return references;
  };

  return {
    of(node, pods, signal) {
      const claims = claimsOf(pods);
      const last = known.get(node);
      const same = last?.claims === claims.join();
      if (last !== undefined && same && clock.monotonic() - last.at < FRESH_MS) return last.found;
      const found = collect(claims, signal);
      known.set(node, { at: clock.monotonic(), claims: claims.join(), found });
      // A failure is not an answer.
      found.catch(() => {
        if (known.get(node)?.found === found) known.delete(node);
      });
      return found;
    },
    forget: (node) => void known.delete(node),
  };
}

function claimsOf(pods: readonly Pod[]): string[] {
  const claims = new Set<string>();
  for (const pod of pods) {
    for (const name of referencesOf(pod).persistentVolumeClaims)
      claims.add(`${pod.metadata.namespace}/${name}`);
  }
  return [...claims].sort().slice(0, MAX_CLAIMS);
}

async function orAbsent<T extends KubeObject>(got: Promise<T>): Promise<T | undefined> {
  try {
    return await got;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
