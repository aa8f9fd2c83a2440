import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import { matchesSelector, type NamedNode } from '../admission/index.ts';
import { identityOf } from '../runtime/labels.ts';
import type { Volume } from './plugin.ts';
import { volumeProblem } from './problems.ts';

/** What is behind a volume that names a claim, or stands for one. */
export interface ClaimedVolume {
  readonly claimName: string;
  readonly pv: PersistentVolume;
  readonly readOnly: boolean;
  readonly block: boolean;
  /** Group that containers get besides theirs, so that they may use the volume. */
  readonly gid: number | undefined;
}

const PROTECTION = 'kubernetes.io/pvc-protection';
const GID_ANNOTATION = 'pv.beta.kubernetes.io/gid';

/** Undefined for a volume that needs no claim. */
export function claimNameOf(volume: Volume, pod: Pod): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`;
}

/**
 * Finds the persistent volume of a claim: the claim must be bound, the volume must say so too, and must be usable on
 * this node (spec/edged.md §12.2). @throws EDGED_VOLUME
 */
export async function resolveClaim(
  volume: Volume,
  claimName: string,
  pod: Pod,
  meta: Pick<MetaClient, 'getObject'>,
  node: () => Promise<NamedNode>,
): Promise<ClaimedVolume> {
  const { namespace } = identityOf(pod);
  const refuse = (problem: string, cause?: unknown) =>
    volumeProblem(volume.name, `error processing PVC ${namespace}/${claimName}: ${problem}`, {
      step: 'claim',
      cause,
    });
  const get = async (type: 'persistentvolumeclaim' | 'persistentvolume', name: string): Promise<unknown> => {
    const what = type === 'persistentvolume' ? `PV ${name}` : 'PVC';
    const scope = type === 'persistentvolume' ? undefined : namespace;
    const object = await meta.getObject(type, scope, name).catch((error: unknown) => {
      throw refuse(`failed to fetch ${what} from API server: ${errorText(error)}`, error);
    });
    if (object === undefined)
      throw refuse(`failed to fetch ${what} from API server: ${type} "${name}" not found`);
    return object;
  };
  const claim = (await get('persistentvolumeclaim', claimName)) as PersistentVolumeClaim;
  const problem = claimProblem(claim, volume, pod);
  if (problem !== undefined) throw refuse(problem);
  const { volumeName = '' } = claim.spec ?? {};
  const pv = (await get('persistentvolume', volumeName)) as PersistentVolume;
  const claimRef = pv.spec?.claimRef;
  if (claimRef === undefined)
    throw refuse(
      `found PV object ${volumeName} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`,
    );
  if (claimRef.uid !== claim.metadata.uid)
    throw refuse(
      `found PV object ${volumeName} but its pv.Spec.ClaimRef.UID ${claimRef.uid} does not point to claim.UID ${claim.metadata.uid}`,
    );
  const where = pv.spec?.nodeAffinity?.required;
  if (where !== undefined && !matchesSelector(where, await node())) {
    throw volumeProblem(volume.name, 'no matching NodeSelectorTerms', {
      step: 'MountVolume.NodeAffinity check',
    });
  }
  const gid = Number(pv.metadata.annotations?.[GID_ANNOTATION] ?? Number.NaN);
  return {
    claimName,
    pv,
    readOnly: volume.persistentVolumeClaim?.readOnly === true,
    block: pv.spec?.volumeMode === 'Block',
    gid: Number.isSafeInteger(gid) && gid >= 0 ? gid : undefined,
  };
}

function claimProblem(claim: PersistentVolumeClaim, volume: Volume, pod: Pod): string | undefined {
  const { metadata, spec, status } = claim;
  if (volume.ephemeral !== undefined) {
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (owner?.uid !== pod.metadata.uid || owner === undefined) {
      return `PVC ${metadata.namespace}/${metadata.name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
    }
  }
  if (metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(PROTECTION) !== true)
    return 'PVC is being deleted';
  if (status?.phase !== 'Bound') return 'PVC is not bound';
  return spec?.volumeName ? undefined : 'PVC has empty pvc.Spec.VolumeName';
}
