import type { CSIDriver } from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError, type KubeEdgeError } from '@kubeedge-ts/errors';
import type { MetaClient } from '../../../metamanager/meta-client.ts';
import { identityOf } from '../../runtime/labels.ts';
import { secretFor } from '../objects.ts';
import { safeName } from '../paths.ts';
import { mountOptionsOf } from '../persistent.ts';
import { fsGroupOf, type VolumeRequest } from '../plugin.ts';
import { type MountStep, volumeProblem } from '../problems.ts';
import type { PodTokens } from '../tokens.ts';
import { type Driver, type Drivers, driverText } from './drivers.ts';
import { inlineHandle, uniqueName } from './names.ts';
import { type GroupInput, lifecycleProblem, podInfo } from './requests.ts';

/** A volume of a CSI driver as one pod wants it, the differences between inline and claimed ones behind it. */
export interface CsiVolume extends GroupInput {
  readonly request: VolumeRequest;
  readonly uid: string;
  readonly specName: string;
  readonly driver: string;
  readonly handle: string;
  readonly unique: string;
  /** What the cluster knows of the driver; under an upstream cloud nothing. */
  readonly driverObject: CSIDriver | undefined;
  readonly stageSecret: { readonly name?: string; readonly namespace?: string } | undefined;
  readonly publishSecret: { readonly name?: string; readonly namespace?: string } | undefined;
  readonly attributes: Readonly<Record<string, string>>;
}

/** @throws EDGED_VOLUME when the driver does not take such a volume */
export async function csiVolumeOf(
  request: VolumeRequest,
  meta: Pick<MetaClient, 'getObject'>,
): Promise<CsiVolume> {
  const { pod, volume, pv, specName, block } = request;
  const { uid, namespace } = identityOf(pod);
  const claimed = pv?.spec?.csi;
  const own = volume.csi;
  const driver = safeName(claimed?.driver ?? own?.driver ?? '');
  const inline = claimed === undefined;
  const found = await meta.getObject('csidriver', undefined, driver).catch((error: unknown) => {
    throw volumeProblem(volume.name, `CSIDriver ${driver}: ${errorText(error)}`, { cause: error });
  });
  const driverObject = found as CSIDriver | undefined;
  const problem = lifecycleProblem(driver, inline, driverObject);
  if (problem !== undefined) throw volumeProblem(volume.name, problem);
  const handle = claimed?.volumeHandle ?? inlineHandle(uid, specName);
  if (handle === '') throw volumeProblem(volume.name, `persistent volume ${specName} has no volumeHandle`);
  const ownSecret = own?.nodePublishSecretRef?.name;
  const accessModes = inline ? ['ReadWriteOnce'] : (pv?.spec?.accessModes ?? []);
  return {
    request,
    uid,
    specName,
    driver,
    handle,
    unique: uniqueName(driver, handle),
    driverObject,
    inline,
    block,
    readOnly: inline ? own?.readOnly === true : request.readOnly,
    fsType: claimed?.fsType ?? own?.fsType ?? '',
    mountFlags: block || pv === undefined ? [] : mountOptionsOf(pv),
    fsGroup: fsGroupOf(pod)?.gid,
    accessModes,
    mode: accessModes[0],
    stageSecret: claimed?.nodeStageSecretRef,
    publishSecret: claimed?.nodePublishSecretRef ?? (ownSecret ? { name: ownSecret, namespace } : undefined),
    attributes: { ...(claimed?.volumeAttributes ?? own?.volumeAttributes) },
  };
}

/** The volume's attributes, with the pod and its tokens for drivers that ask for them. */
export async function volumeContext(volume: CsiVolume, tokens: PodTokens): Promise<Record<string, string>> {
  const { request, driverObject, attributes, inline } = volume;
  const asked = driverObject?.spec.tokenRequests ?? [];
  const answers: Record<string, { token: string; expirationTimestamp: string }> = {};
  for (const { audience, expirationSeconds } of asked) {
    const source = { audience, ...(expirationSeconds === undefined ? {} : { expirationSeconds }) };
    const { token, expires } = await tokens.get(request.pod, source);
    answers[audience] = { token, expirationTimestamp: expires };
  }
  return {
    ...attributes,
    ...(driverObject?.spec.podInfoOnMount === true ? podInfo(request.pod, inline) : {}),
    ...(asked.length === 0 ? {} : { 'csi.storage.k8s.io/serviceAccount.tokens': JSON.stringify(answers) }),
  };
}

export function secretsOf(
  { request }: CsiVolume,
  meta: Pick<MetaClient, 'getReferenced'>,
  reference: CsiVolume['stageSecret'],
  use: 'NodeStageSecretRef' | 'NodePublishSecretRef',
): Promise<Record<string, string>> {
  return secretFor(request.volume.name, meta, reference, use);
}

/** @throws Error in the kubelet's words while the driver is not there */
export function driverNamed(drivers: Drivers, name: string): Driver {
  const driver = drivers.get(name);
  if (driver === undefined)
    throw new Error(`driver name ${name} not found in the list of registered CSI drivers`);
  return driver;
}

/** Turns what a driver says into the reason the pod waits for; what is one already stays. */
export function failedAt(volume: CsiVolume, step: MountStep, error: unknown): KubeEdgeError {
  if (isKubeEdgeError(error, 'EDGED_VOLUME')) return error;
  return volumeProblem(volume.request.volume.name, driverText(error), { cause: error, step });
}
