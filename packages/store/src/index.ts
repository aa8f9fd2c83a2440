export { edgeMigrations } from './edge-migrations.ts';
export { openStore, type StoreOptions } from './open-store.ts';
export * from './types.ts';
