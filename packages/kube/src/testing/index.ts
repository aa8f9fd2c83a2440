export * from './fake-kube.ts';
export * from './faults.ts';
export * from './virtual-clock.ts';
