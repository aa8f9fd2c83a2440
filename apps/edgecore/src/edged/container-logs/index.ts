export type { LogReading, OpenLog } from './read-log.ts';
export { openContainerLog } from './read-log.ts';
export { createLogRotation, type LogRotation } from './rotation.ts';
export { bareContainerId } from './running-logs.ts';
