import type { PersistentVolume, Pod } from '@kubeedge-ts/apis';
import type { PodAddresses } from '../pod/field-path.ts';
import type { ReadReferenced } from '../runtime/referenced.ts';
import type { PluginName } from './paths.ts';

type PodVolume = NonNullable<NonNullable<Pod['spec']>['volumes']>[number];

/** A volume of a pod; `image` is newer than the types we have. */
export type Volume = PodVolume & {
  readonly image?: { readonly reference?: string; readonly pullPolicy?: string };
};

export interface VolumeContext {
  readonly addresses: PodAddresses;
  readonly allocatable: Readonly<Record<string, string>>;
}

/** One volume to be made, its claim resolved. */
export interface VolumeRequest {
  readonly pod: Pod;
  readonly volume: Volume;
  /** Name of the persistent volume behind the claim, else the volume's own: what its directory is called. */
  readonly specName: string;
  readonly pv: PersistentVolume | undefined;
  /** The claim is used read-only. */
  readonly readOnly: boolean;
  /** `volumeMode: Block`: the containers get the device itself. */
  readonly block: boolean;
  readonly context: VolumeContext;
  /** ConfigMaps and Secrets of the pod's namespace, one look at each. */
  readonly read: ReadReferenced;
  readonly signal: AbortSignal | undefined;
}

/** What a container mounts, and how. */
export interface PreparedVolume {
  /** What its directory is called: subPath mounts lie below this name. */
  readonly specName: string;
  readonly source:
    | { readonly kind: 'path'; readonly path: string }
    | { readonly kind: 'device'; readonly path: string }
    /** The runtime mounts the content of the image. */
    | { readonly kind: 'image'; readonly reference: string; readonly pullPolicy: string | undefined };
  /** Volumes made of API objects, and claims used so, are mounted read-only. */
  readonly readOnly: boolean;
}

export interface Outcome extends Pick<PreparedVolume, 'source' | 'readOnly'> {
  /** When its content is due again by itself, ms since the epoch: tokens. */
  readonly refreshAt?: number | undefined;
}

/** How one kind of volume is made and unmade. */
export interface VolumePlugin {
  /** Undefined: nothing of it lies in the pod's directory. */
  readonly name: PluginName | undefined;
  /** Makes it, and brings its content up to date. Idempotent, also after a crash anywhere in it. */
  prepare(request: VolumeRequest): Promise<Outcome>;
  /**
   * Takes the volume and its directory away, and what pods shared when this was the last one. Knows only what lies on
   * the disk: the volume may be an earlier run's. Idempotent. Absent: unmounted and removed.
   */
  release?(uid: string, specName: string, dir: string): Promise<void>;
  /** The same for the link to a block device in `volumeDevices`. */
  releaseDevice?(uid: string, specName: string): Promise<void>;
}

export const pathSource = (path: string): PreparedVolume['source'] => ({ kind: 'path', path });

/** The pod's group for its volumes; undefined when it has none. */
export function fsGroupOf({ spec }: Pod): { gid: number; onRootMismatch: boolean } | undefined {
  const { fsGroup, fsGroupChangePolicy } = spec?.securityContext ?? {};
  if (fsGroup === undefined) return undefined;
  return { gid: fsGroup, onRootMismatch: fsGroupChangePolicy === 'OnRootMismatch' };
}
