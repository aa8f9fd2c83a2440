import type { QosClass } from '../pod/qos.ts';

export type CgroupDriver = 'cgroupfs' | 'systemd';

const LEVEL: Record<QosClass, string> = { Guaranteed: '', Burstable: 'burstable', BestEffort: 'besteffort' };

/** `cgroup_parent` of a pod's sandbox (spec/edged.md §4.2). `root`: empty, `/`, or a path such as `/site-a`. */
export function podCgroup(driver: CgroupDriver, root: string, qos: QosClass, uid: string): string {
  const level = LEVEL[qos];
  if (driver === 'cgroupfs') return `${qosCgroup(root, qos)}/pod${uid}`;
  const parents = ['kubepods', ...(level === '' ? [] : [level])];
  return systemdPath([...rootParts(root), ...parents, `pod${uid.replaceAll('-', '_')}`]);
}

/** The cgroup of all pods of a QoS class, cgroupfs driver. */
export function qosCgroup(root: string, qos: QosClass): string {
  return `/${[...rootParts(root), 'kubepods', ...(LEVEL[qos] === '' ? [] : [LEVEL[qos]])].join('/')}`;
}

function rootParts(root: string): string[] {
  return root.split('/').filter((part) => part !== '');
}

/** `a`, `b` → `/a.slice/a-b.slice` */
function systemdPath(parts: readonly string[]): string {
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('-')}.slice`).join('');
}
