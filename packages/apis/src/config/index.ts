export { type CloudCoreConfig, cloudCoreSchema } from './cloudcore.ts';
export { type EdgeCoreConfig, edgeCoreSchema } from './edgecore.ts';
export { durationMs } from './fields.ts';
export * from './load.ts';
