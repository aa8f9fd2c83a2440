export * from './child.ts';
export * from './cloud.ts';
export * from './edge.ts';
export * from './kubectl.ts';
export * from './ports.ts';
export * from './site.ts';
export * from './until.ts';
