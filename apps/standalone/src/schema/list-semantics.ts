import type { FieldSchema } from './field-schema.ts';

type ListSemantics = Pick<FieldSchema, 'listType' | 'keys' | 'patch' | 'mergeKey'>;

const REPLACED: ListSemantics = { listType: 'atomic', keys: [], patch: 'replace', mergeKey: undefined };

/** Merged by `mergeKey` in a strategic merge patch; told apart by `keys` in server-side apply. */
function byKey(mergeKey: string, ...keys: string[]): ListSemantics {
  return { listType: 'map', keys: keys.length > 0 ? keys : [mergeKey], patch: 'merge', mergeKey };
}

function byKeyRetaining(mergeKey: string): ListSemantics {
  return { ...byKey(mergeKey), patch: 'merge-retain-keys' };
}

const SET: ListSemantics = { listType: 'set', keys: [], patch: 'merge', mergeKey: undefined };

const CONTAINER: Readonly<Record<string, ListSemantics>> = {
  env: byKey('name'),
  ports: byKey('containerPort', 'containerPort', 'protocol'),
  volumeMounts: byKey('mountPath'),
  volumeDevices: byKey('devicePath'),
};

const LISTS: Readonly<Record<string, ListSemantics>> = {
  'meta/v1.ObjectMeta.ownerReferences': byKey('uid'),
  'meta/v1.ObjectMeta.finalizers': SET,
  'core/v1.PodSpec.containers': byKey('name'),
  'core/v1.PodSpec.initContainers': byKey('name'),
  'core/v1.PodSpec.ephemeralContainers': byKey('name'),
  'core/v1.PodSpec.volumes': byKeyRetaining('name'),
  'core/v1.PodSpec.imagePullSecrets': byKey('name'),
  'core/v1.PodSpec.hostAliases': byKey('ip'),
  'core/v1.PodSpec.topologySpreadConstraints': byKey('topologyKey', 'topologyKey', 'whenUnsatisfiable'),
  'core/v1.PodSpec.schedulingGates': byKey('name'),
  'core/v1.PodSpec.resourceClaims': byKeyRetaining('name'),
  ...Object.fromEntries(
    ['Container', 'EphemeralContainer'].flatMap((type) =>
      Object.entries(CONTAINER).map(([field, semantics]) => [`core/v1.${type}.${field}`, semantics]),
    ),
  ),
  'core/v1.PodStatus.conditions': byKey('type'),
  'core/v1.PodStatus.podIPs': byKey('ip'),
  'core/v1.PodStatus.hostIPs': { ...byKey('ip'), listType: 'atomic' },
  'core/v1.PodStatus.resourceClaimStatuses': byKeyRetaining('name'),
  'core/v1.NodeSpec.podCIDRs': SET,
  'core/v1.NodeStatus.conditions': byKey('type'),
  'core/v1.NodeStatus.addresses': byKey('type'),
  'core/v1.NamespaceStatus.conditions': byKey('type'),
  'core/v1.ServiceSpec.ports': byKey('port', 'port', 'protocol'),
  'core/v1.ServiceStatus.conditions': byKey('type'),
  'core/v1.ServiceAccount.secrets': byKey('name'),
  'core/v1.PersistentVolumeClaimStatus.conditions': byKey('type'),
  'certificates/v1.CertificateSigningRequestStatus.conditions': {
    ...byKey('type'),
    patch: 'replace',
    mergeKey: undefined,
  },
  'apps/v1.DeploymentStatus.conditions': byKey('type'),
  'apps/v1.ReplicaSetStatus.conditions': byKey('type'),
  'apps/v1.DaemonSetStatus.conditions': byKey('type'),
  'apps/v1.StatefulSetStatus.conditions': byKey('type'),
  'apps/v1.DeploymentSpec.strategy': { ...REPLACED, patch: 'merge-retain-keys' },
  'apiextensions/v1.CustomResourceDefinitionStatus.conditions': byKey('type'),
  'storage/v1.CSINodeSpec.drivers': byKey('name'),
  'policy/v1.PodDisruptionBudgetStatus.conditions': byKey('type'),
};

/** How the list (or struct) field `Type.field` merges. Lists without an entry are replaced as a whole. */
export function listSemantics(path: string): ListSemantics {
  return LISTS[path] ?? REPLACED;
}
