export * from './fake-kube.ts';
export * from './faults.ts';
export { applyStrategicMerge } from './strategic-merge.ts';
export * from './virtual-clock.ts';
