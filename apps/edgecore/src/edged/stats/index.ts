export type { CgroupUsage, DeviceIo } from './cgroup-usage.ts';
export { createVolumeOfClaim } from './claimed-volumes.ts';
export type { Figures, PodFigures } from './figures.ts';
export { createKernelFiles, type KernelFiles } from './kernel-files.ts';
export type { ContainerUsage, DiskUsage, PodUsage } from './pod-usage.ts';
export type { InterfaceCounters } from './proc.ts';
export { createStats, type Stats } from './stats.ts';
export { type Disks, type FileSystem, type Storage, systemDisks } from './storage.ts';
