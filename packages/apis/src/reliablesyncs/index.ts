export {
  type ClusterObjectSync,
  clusterObjectSyncs,
  type ObjectSync,
  objectSyncs,
  RELIABLESYNCS_GROUP,
  reliableSyncCrds,
} from './object-sync.ts';
