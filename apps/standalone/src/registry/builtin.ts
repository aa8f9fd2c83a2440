import { coreResources } from './core-resources.ts';
import { defineBuiltin } from './define.ts';
import { groupResources } from './group-resources.ts';
import { metricsResources } from './metrics-resources.ts';
import type { ResourceDefinition } from './types.ts';

/** The resources every cluster serves, in the order of discovery. */
export const builtinResources: readonly ResourceDefinition[] = [
  ...coreResources,
  ...groupResources,
  ...metricsResources,
].map(defineBuiltin);
