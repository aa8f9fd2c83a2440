export { type CloudCoreConfig, cloudCoreSchema } from './cloudcore.ts';
export { durationMs } from './duration.ts';
export { type EdgeCoreConfig, edgeCoreSchema } from './edgecore.ts';
export * from './load.ts';
