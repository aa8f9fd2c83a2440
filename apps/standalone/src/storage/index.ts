export { type ObjectStoreOptions, openObjectStore } from './object-store.ts';
export * from './revision.ts';
export * from './types.ts';
