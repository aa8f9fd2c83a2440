import { csrStrategy } from '../certificates/csr-strategy.ts';
import { crdStrategy } from '../crd/crd-strategy.ts';
import { signingRequestColumns } from '../table/certificate-columns.ts';
import * as columns from '../table/core-columns.ts';
import * as workload from '../table/workload-columns.ts';
import * as core from './core-strategies.ts';
import type { BuiltinEntry } from './define.ts';
import { eventsV1Codec } from './events-v1.ts';
import { field } from './field-reader.ts';
import type { Verb } from './types.ts';
import * as workloads from './workload-strategies.ts';

const CREATE: readonly Verb[] = ['create'];
const PART: readonly Verb[] = ['get', 'patch', 'update'];
const apps = { group: 'apps', categories: ['all'], status: true } as const;
const batch = { group: 'batch', categories: ['all'], status: true } as const;
const rbac = { group: 'rbac.authorization.k8s.io' } as const;
const storage = { group: 'storage.k8s.io', clusterScoped: true, strategy: core.plainStrategy } as const;
const review = { verbs: CREATE, virtual: true, clusterScoped: true, strategy: core.plainStrategy } as const;

/** The named groups, in the order of discovery. */
export const groupResources: readonly BuiltinEntry[] = [
  {
    ...apps,
    plural: 'daemonsets',
    kind: 'DaemonSet',
    type: 'apps/v1.DaemonSet',
    shortNames: ['ds'],
    columns: workload.daemonSetColumns,
    strategy: workloads.daemonSetStrategy,
  },
  {
    ...apps,
    plural: 'deployments',
    kind: 'Deployment',
    type: 'apps/v1.Deployment',
    shortNames: ['deploy'],
    columns: workload.deploymentColumns,
    scale: workloads.workloadScale,
    strategy: workloads.deploymentStrategy,
  },
  {
    ...apps,
    plural: 'replicasets',
    kind: 'ReplicaSet',
    type: 'apps/v1.ReplicaSet',
    shortNames: ['rs'],
    columns: workload.replicaSetColumns,
    scale: workloads.workloadScale,
    fieldSelectors: { 'status.replicas': field('status', 'replicas') },
    strategy: workloads.replicaSetStrategy,
  },
  {
    ...apps,
    plural: 'statefulsets',
    kind: 'StatefulSet',
    type: 'apps/v1.StatefulSet',
    shortNames: ['sts'],
    columns: workload.statefulSetColumns,
    scale: workloads.workloadScale,
    strategy: workloads.statefulSetStrategy,
  },

  {
    group: 'events.k8s.io',
    plural: 'events',
    kind: 'Event',
    type: 'events/v1.Event',
    shortNames: ['ev'],
    storage: 'events',
    codec: eventsV1Codec,
    columns: columns.eventColumns,
    fieldSelectors: {
      reason: field('reason'),
      type: field('type'),
      'regarding.kind': field('involvedObject', 'kind'),
      'regarding.namespace': field('involvedObject', 'namespace'),
      'regarding.name': field('involvedObject', 'name'),
      'regarding.uid': field('involvedObject', 'uid'),
      reportingController: field('reportingComponent'),
    },
    strategy: core.plainStrategy,
  },

  {
    ...review,
    group: 'authentication.k8s.io',
    plural: 'selfsubjectreviews',
    kind: 'SelfSubjectReview',
    type: 'authentication/v1.SelfSubjectReview',
  },
  {
    ...review,
    group: 'authentication.k8s.io',
    plural: 'tokenreviews',
    kind: 'TokenReview',
    type: 'authentication/v1.TokenReview',
  },
  {
    ...review,
    group: 'authorization.k8s.io',
    plural: 'localsubjectaccessreviews',
    kind: 'LocalSubjectAccessReview',
    type: 'authorization/v1.LocalSubjectAccessReview',
    clusterScoped: false,
  },
  {
    ...review,
    group: 'authorization.k8s.io',
    plural: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
    type: 'authorization/v1.SelfSubjectAccessReview',
  },
  {
    ...review,
    group: 'authorization.k8s.io',
    plural: 'selfsubjectrulesreviews',
    kind: 'SelfSubjectRulesReview',
    type: 'authorization/v1.SelfSubjectRulesReview',
  },
  {
    ...review,
    group: 'authorization.k8s.io',
    plural: 'subjectaccessreviews',
    kind: 'SubjectAccessReview',
    type: 'authorization/v1.SubjectAccessReview',
  },

  {
    ...batch,
    plural: 'cronjobs',
    kind: 'CronJob',
    type: 'batch/v1.CronJob',
    shortNames: ['cj'],
    columns: workload.cronJobColumns,
    strategy: core.plainSpecStrategy,
  },
  {
    ...batch,
    plural: 'jobs',
    kind: 'Job',
    type: 'batch/v1.Job',
    columns: workload.jobColumns,
    strategy: core.plainSpecStrategy,
  },

  {
    group: 'certificates.k8s.io',
    plural: 'certificatesigningrequests',
    kind: 'CertificateSigningRequest',
    type: 'certificates/v1.CertificateSigningRequest',
    shortNames: ['csr'],
    clusterScoped: true,
    status: true,
    actions: { approval: { kind: 'CertificateSigningRequest', verbs: PART } },
    columns: signingRequestColumns,
    fieldSelectors: { 'spec.signerName': field('spec', 'signerName') },
    strategy: csrStrategy,
  },

  {
    ...rbac,
    plural: 'clusterrolebindings',
    kind: 'ClusterRoleBinding',
    type: 'rbac/v1.ClusterRoleBinding',
    clusterScoped: true,
    columns: columns.roleBindingColumns,
    strategy: core.roleBindingStrategy,
  },
  {
    ...rbac,
    plural: 'clusterroles',
    kind: 'ClusterRole',
    type: 'rbac/v1.ClusterRole',
    clusterScoped: true,
    strategy: core.rbacStrategy,
  },
  {
    ...rbac,
    plural: 'rolebindings',
    kind: 'RoleBinding',
    type: 'rbac/v1.RoleBinding',
    columns: columns.roleBindingColumns,
    strategy: core.roleBindingStrategy,
  },
  { ...rbac, plural: 'roles', kind: 'Role', type: 'rbac/v1.Role', strategy: core.rbacStrategy },

  { ...storage, plural: 'csidrivers', kind: 'CSIDriver', type: 'storage/v1.CSIDriver' },
  {
    ...storage,
    plural: 'csinodes',
    kind: 'CSINode',
    type: 'storage/v1.CSINode',
    columns: columns.csiNodeColumns,
  },
  {
    ...storage,
    plural: 'storageclasses',
    singular: 'storageclass',
    kind: 'StorageClass',
    type: 'storage/v1.StorageClass',
    shortNames: ['sc'],
    columns: columns.storageClassColumns,
  },
  {
    ...storage,
    plural: 'volumeattachments',
    kind: 'VolumeAttachment',
    type: 'storage/v1.VolumeAttachment',
    status: true,
  },

  {
    group: 'apiextensions.k8s.io',
    plural: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    type: 'apiextensions/v1.CustomResourceDefinition',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    clusterScoped: true,
    status: true,
    columns: columns.crdColumns,
    strategy: crdStrategy,
  },
  {
    group: 'scheduling.k8s.io',
    plural: 'priorityclasses',
    singular: 'priorityclass',
    kind: 'PriorityClass',
    type: 'scheduling/v1.PriorityClass',
    shortNames: ['pc'],
    clusterScoped: true,
    columns: columns.priorityClassColumns,
    strategy: core.plainStrategy,
  },
  {
    group: 'coordination.k8s.io',
    plural: 'leases',
    kind: 'Lease',
    type: 'coordination/v1.Lease',
    columns: columns.leaseColumns,
    strategy: core.leaseStrategy,
  },
  {
    group: 'discovery.k8s.io',
    plural: 'endpointslices',
    kind: 'EndpointSlice',
    type: 'discovery/v1.EndpointSlice',
    columns: columns.endpointSliceColumns,
    strategy: core.plainSpecStrategy,
  },
];
