import { edgedErrors, isKubeEdgeError, type KubeEdgeError } from '@kubeedge-ts/errors';

/** The step of a mount as the kubelet's events name it. */
export type MountStep =
  | 'MountVolume.SetUp'
  | 'MountVolume.MountDevice'
  | 'MountVolume.WaitForAttach'
  | 'MountVolume.NodeAffinity check'
  | 'AttachVolume.Attach'
  | 'MapVolume.WaitForAttach'
  | 'MapVolume.SetUpDevice'
  | 'MapVolume.MapPodDevice'
  /** Before there is a volume to mount: a claim that is not bound. */
  | 'claim';

/** Why a volume cannot be mounted now; the pod waits with FailedMount. */
export function volumeProblem(
  volume: string,
  problem: string,
  options: { readonly cause?: unknown; readonly step?: MountStep } = {},
): KubeEdgeError {
  const { cause, step = 'MountVolume.SetUp' } = options;
  return edgedErrors.create('EDGED_VOLUME', { volume, problem, step, reason: 'FailedMount' }, cause);
}

export function volumePathProblem(volume: string, path: string, problem: string): KubeEdgeError {
  return edgedErrors.create('EDGED_VOLUME_PATH', { volume, path, problem, reason: 'FailedMount' });
}

export interface VolumeEvent {
  readonly reason: 'FailedMount' | 'FailedAttachVolume' | 'FailedMapVolume';
  readonly message: string;
}

/** What the kubelet says of such a failure (spec/edged.md §19); `name` is the volume's, a claim's is its PV's. */
export function eventOf(error: unknown, name: string, podVolume: string): VolumeEvent {
  const { step, problem } = isKubeEdgeError(error) ? error.details : {};
  const text = problem === undefined ? (error as Error).message : String(problem);
  if (step === 'claim') {
    const list = `unmounted volumes=[${podVolume}], unattached volumes=[], failed to process volumes=[${podVolume}]`;
    return { reason: 'FailedMount', message: `Unable to attach or mount volumes: ${list}: ${text}` };
  }
  const message = `${step ?? 'MountVolume.SetUp'} failed for volume "${name}" : ${text}`;
  if (step === 'AttachVolume.Attach') return { reason: 'FailedAttachVolume', message };
  return { reason: String(step).startsWith('MapVolume') ? 'FailedMapVolume' : 'FailedMount', message };
}
