import type { KubeObject, Resource } from '../kubernetes/meta.ts';
import { customResourceDefinition } from '../schema/crd.ts';
import { object, string, type TypeOf } from '../schema/structural.ts';

export const RELIABLESYNCS_GROUP = 'reliablesyncs.kubeedge.io';

const spec = object({
  /** `v1`, `apps/v1`, `devices.kubeedge.io/v1beta1`. */
  objectAPIVersion: string(),
  /** The Kind; upstream 1.9 wrote the plural. */
  objectKind: string(),
  objectName: string(),
});

const status = object({
  /** Last confirmed version; `0` between creation and the first confirmation. */
  objectResourceVersion: string(),
});

/**
 * What a node has confirmed of one object (spec/crds.md §5). Named `{node}.{uid of the object}`, in the object's
 * namespace; status is a subresource.
 */
export interface ObjectSync extends KubeObject {
  spec?: TypeOf<typeof spec>;
  status?: TypeOf<typeof status>;
}

/** The same for cluster-scoped objects. */
export type ClusterObjectSync = ObjectSync;

export const objectSyncs: Resource<ObjectSync> = {
  group: RELIABLESYNCS_GROUP,
  version: 'v1alpha1',
  plural: 'objectsyncs',
  kind: 'ObjectSync',
  namespaced: true,
};

export const clusterObjectSyncs: Resource<ClusterObjectSync> = {
  group: RELIABLESYNCS_GROUP,
  version: 'v1alpha1',
  plural: 'clusterobjectsyncs',
  kind: 'ClusterObjectSync',
  namespaced: false,
};

const columns = [
  { name: 'Kind', type: 'string', jsonPath: '.spec.objectKind' },
  { name: 'Object', type: 'string', jsonPath: '.spec.objectName' },
  { name: 'Version', type: 'string', jsonPath: '.status.objectResourceVersion' },
] as const;

export const reliableSyncCrds = [objectSyncs, clusterObjectSyncs].map((resource) =>
  customResourceDefinition({
    ...resource,
    versions: [{ name: 'v1alpha1', storage: true, spec, status, statusSubresource: true, columns }],
  }),
);
