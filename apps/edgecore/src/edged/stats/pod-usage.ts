/** What a pod uses now, for limits and for choosing whom to evict. An absent figure is one the machine does not tell. */
export interface PodUsage {
  readonly memoryWorkingSetBytes?: number;
  readonly processes?: number;
  /** By container name; running containers only. */
  readonly containers: ReadonlyMap<string, ContainerUsage>;
  /** By name in the pod's spec: what lies on the node's disk (emptyDir without medium, configMap). */
  readonly volumes: ReadonlyMap<string, DiskUsage>;
  /** Writable layers, logs and the volumes above together; absent when not asked for, or not measured yet. */
  readonly ephemeralStorage?: DiskUsage;
}

export interface ContainerUsage {
  readonly memoryWorkingSetBytes?: number;
  /** The writable layer. */
  readonly rootfs?: DiskUsage;
  /** With the rotated ones. */
  readonly logs?: DiskUsage;
}

export interface DiskUsage {
  readonly bytes: number;
  readonly inodes: number;
}
