import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { safeName, type VolumePaths } from '../paths.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Name of the VolumeAttachment that says the volume is attached to the node (spec/edged.md §12.5). */
export function attachmentName(handle: string, driver: string, node: string): string {
  return `csi-${sha256(`${handle}${driver}${node}`)}`;
}

/** As `volumesInUse` and `volumesAttached` of the node's status name it. */
export function uniqueName(driver: string, handle: string): string {
  return `kubernetes.io/csi/${driver}^${handle}`;
}

/** Handle of a volume that lives and dies with its pod. */
export function inlineHandle(podUid: string, volume: string): string {
  return `csi-${sha256(`${podUid}${volume}`)}`;
}

export const VOL_DATA = 'vol_data.json';

/** Where CSI volumes lie, exactly as the kubelet has them, so that either can take over from the other. */
export interface CsiPaths {
  /** Holds `mount`, made by the driver, and the pod's `vol_data.json`. */
  volume(uid: string, specName: string): string;
  target(uid: string, specName: string): string;
  /** Holds `globalmount` and the `vol_data.json` of what is staged. */
  stage(driver: string, handle: string): string;
  globalMount(driver: string, handle: string): string;
  /** All drivers' stages: `<driver>/<hash>`. */
  readonly stages: string;
  /** All block volumes. */
  readonly devices: string;
  device(specName: string): BlockPaths;
}

/** Of one block volume. */
export interface BlockPaths {
  readonly root: string;
  /** Holds `vol_data.json`. */
  readonly data: string;
  /** One file per pod with the device bound onto it. */
  readonly maps: string;
  readonly staging: string;
  readonly publishDir: string;
}

export function csiPaths(paths: VolumePaths): CsiPaths {
  const shared = paths.shared('csi');
  const devices = join(shared, 'volumeDevices');
  const volume = (uid: string, specName: string): string => paths.volume(uid, 'csi', specName);
  const stage = (driver: string, handle: string): string => join(shared, safeName(driver), sha256(handle));
  return {
    volume,
    target: (uid, specName) => join(volume(uid, specName), 'mount'),
    stage,
    globalMount: (driver, handle) => join(stage(driver, handle), 'globalmount'),
    stages: shared,
    devices,
    device(specName) {
      const name = safeName(specName);
      const root = join(devices, name);
      return {
        root,
        data: join(root, 'data'),
        maps: join(root, 'dev'),
        staging: join(devices, 'staging', name),
        publishDir: join(devices, 'publish', name),
      };
    },
  };
}
