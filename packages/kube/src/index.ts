export * from './json-patch.ts';
export * from './merge-patch.ts';
export * from './selectors.ts';
export * from './status.ts';
export * from './types.ts';
