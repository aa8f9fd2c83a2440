export type { ClusterObjectType, EdgedSink, MetaClient, PodIdentity } from './meta-client.ts';
export { createMetaManager, type MetaManager, type MetaManagerOptions } from './meta-manager.ts';
export { EXPIRED_ANNOTATION } from './tokens.ts';
