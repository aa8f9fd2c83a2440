export { observeSignals, type Sighting } from './observe.ts';
export { thresholdsOf } from './thresholds.ts';
export type { Usages } from './usage.ts';
export { createEvictionWatch, type EvictionWatch } from './watch.ts';
