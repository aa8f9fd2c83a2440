export { CONVERSION_PATH, conversionRoute } from './conversion-route.ts';
export {
  type CustomResourcesOptions,
  type CustomResourcesOutcome,
  ensureCustomResources,
} from './custom-resources.ts';
