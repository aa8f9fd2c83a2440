import { lstat, mkdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlockDevices } from '../block-devices.ts';
import type { Mounts } from '../host.ts';
import { unmountBelow } from './mount-points.ts';

/** Where the kubelet shows that a pod uses a block device (spec/edged.md §12.1). */
export interface DeviceMap {
  readonly uid: string;
  /** Holds one file per pod with the device bound onto it. */
  readonly globalDir: string;
  /** The link in the pod's directory that containers' devices are made of. */
  readonly link: string;
}

/** Shows the device to the pod. Idempotent; after a reboot the bound file is bound anew. */
export async function mapDevice(
  device: string,
  { uid, globalDir, link }: DeviceMap,
  mounts: Mounts,
): Promise<void> {
  const real = await realpath(device);
  if (!(await stat(real)).isBlockDevice()) throw new Error(`${device} is not a block device`);
  const file = join(globalDir, uid);
  await mkdir(globalDir, { recursive: true, mode: 0o750 });
  const present = await lstat(file).catch(() => undefined);
  if (present?.isBlockDevice() !== true) {
    if (present === undefined) await writeFile(file, '', { mode: 0o640 });
    await mounts.mount({ source: real, target: file, options: ['bind'] });
  }
  await mkdir(join(link, '..'), { recursive: true, mode: 0o750 });
  await rm(link, { force: true });
  await symlink(real, link);
}

/** Takes away what `mapDevice`, or an upstream kubelet, has made. Idempotent. */
export async function unmapDevice(
  map: DeviceMap,
  mounts: Mounts,
  devices: Pick<BlockDevices, 'detachLoops'>,
): Promise<void> {
  await unbindDevice(map, mounts, devices);
  await rm(map.link, { force: true });
}

/** All but the link, which tells that the pod had the device. */
export async function unbindDevice(
  { uid, globalDir }: Omit<DeviceMap, 'link'>,
  mounts: Mounts,
  devices: Pick<BlockDevices, 'detachLoops'>,
): Promise<void> {
  const file = join(globalDir, uid);
  await devices.detachLoops(file);
  await unmountBelow(mounts, file);
  await rm(file, { force: true });
}

/** Whether the device is shown to the pod now. */
export async function isMapped({ uid, globalDir, link }: DeviceMap): Promise<boolean> {
  const [file, shown] = await Promise.all(
    [lstat(join(globalDir, uid)), stat(link)].map((look) => look.catch(() => undefined)),
  );
  return file?.isBlockDevice() === true && shown?.isBlockDevice() === true;
}
