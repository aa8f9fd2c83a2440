import type { QosClass } from '../pod/qos.ts';

export type CgroupDriver = 'cgroupfs' | 'systemd';

/** Where a cgroup is, from the top: `['kubepods', 'burstable', 'pod6f0c-…']`, whichever way the driver writes it. */
export type CgroupName = readonly string[];

const LEVEL: Record<QosClass, string> = { Guaranteed: '', Burstable: 'burstable', BestEffort: 'besteffort' };
const POD = 'pod';
const SLICE = '.slice';

/** The cgroup of all pods of a QoS class (spec/edged.md §4.2); guaranteed pods are directly below `kubepods`. */
export function qosCgroup(root: string, qos: QosClass): CgroupName {
  const above = root.split('/').filter((part) => part !== '');
  return [...above, 'kubepods', ...(LEVEL[qos] === '' ? [] : [LEVEL[qos]])];
}

export function podCgroup(root: string, qos: QosClass, uid: string): CgroupName {
  return [...qosCgroup(root, qos), `${POD}${uid}`];
}

/** `/kubepods/burstable` or `/kubepods.slice/kubepods-burstable.slice`, below the mount point of the hierarchy. */
export function cgroupPath(driver: CgroupDriver, name: CgroupName): string {
  if (driver === 'cgroupfs') return `/${name.join('/')}`;
  return name.map((_, index) => `/${sliceOf(name.slice(0, index + 1))}`).join('');
}

/** systemd's name: a dash there separates levels, so one inside a level is written as `_`. */
export function sliceOf(name: CgroupName): string {
  return `${name.map((part) => part.replaceAll('-', '_')).join('-')}${SLICE}`;
}

/** Uid of the pod whose cgroup is called that in its parent directory; undefined when it is not a pod's. */
export function podUidOf(driver: CgroupDriver, entry: string): string | undefined {
  if (driver === 'cgroupfs') return entry.startsWith(POD) ? entry.slice(POD.length) : undefined;
  const last = entry.endsWith(SLICE) ? entry.slice(0, -SLICE.length).split('-').at(-1) : undefined;
  return last?.startsWith(POD) ? last.slice(POD.length).replaceAll('_', '-') : undefined;
}
