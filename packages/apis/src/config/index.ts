export { type CloudCoreConfig, cloudCoreSchema } from './cloudcore.ts';
export { durationMs } from './duration.ts';
export { EDGECORE_USED, type EdgeCoreConfig, edgeCoreSchema } from './edgecore.ts';
export * from './load.ts';
