import type { Pod } from '@kubeedge-ts/apis';
import type { DiskUsage, PodUsage } from '../stats/pod-usage.ts';

/** By uid; a pod that could not be measured is absent. */
export type Usages = ReadonlyMap<string, PodUsage>;

/** Which parts of a pod's disk usage lie on the file system that is short. */
export interface DiskParts {
  readonly rootfs: boolean;
  readonly logs: boolean;
  readonly volumes: boolean;
}

export function diskUsageOf(pod: Pod, usage: PodUsage, parts: DiskParts): DiskUsage {
  let bytes = 0;
  let inodes = 0;
  const add = (part: DiskUsage | undefined): void => {
    bytes += part?.bytes ?? 0;
    inodes += part?.inodes ?? 0;
  };
  for (const container of usage.containers.values()) {
    if (parts.rootfs) add(container.rootfs);
    if (parts.logs) add(container.logs);
  }
  if (parts.volumes) for (const name of localVolumes(pod)) add(usage.volumes.get(name));
  return { bytes, inodes };
}

/** Volumes on the node's own file system. */
function localVolumes({ spec }: Pod): readonly string[] {
  return (spec?.volumes ?? [])
    .filter(
      ({ hostPath, gitRepo, emptyDir, configMap }) =>
        hostPath !== undefined ||
        gitRepo !== undefined ||
        configMap !== undefined ||
        (emptyDir !== undefined && (emptyDir.medium ?? '') === ''),
    )
    .map(({ name }) => name);
}
