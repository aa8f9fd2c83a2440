import type { UnknownObject } from '@kubeedge-ts/apis';
import { textAt } from '../table/column.ts';
import * as columns from '../table/core-columns.ts';
import { nodeColumns } from '../table/node-columns.ts';
import { podColumns } from '../table/pod-columns.ts';
import * as core from './core-strategies.ts';
import type { BuiltinEntry } from './define.ts';
import { field } from './field-reader.ts';
import { podStrategy } from './pod-strategy.ts';
import { serviceStrategy } from './service-strategy.ts';
import type { Verb } from './types.ts';

const CREATE: readonly Verb[] = ['create'];
const GET: readonly Verb[] = ['get'];
const STREAM: readonly Verb[] = ['create', 'get'];
const PROXY: readonly Verb[] = ['create', 'delete', 'get', 'patch', 'update'];

const eventFields = {
  'involvedObject.kind': field('involvedObject', 'kind'),
  'involvedObject.namespace': field('involvedObject', 'namespace'),
  'involvedObject.name': field('involvedObject', 'name'),
  'involvedObject.uid': field('involvedObject', 'uid'),
  'involvedObject.apiVersion': field('involvedObject', 'apiVersion'),
  'involvedObject.resourceVersion': field('involvedObject', 'resourceVersion'),
  'involvedObject.fieldPath': field('involvedObject', 'fieldPath'),
  reason: field('reason'),
  reportingComponent: field('reportingComponent'),
  source: (object: UnknownObject) =>
    textAt(object, 'source', 'component') || textAt(object, 'reportingComponent'),
  type: field('type'),
};

/** The core group. */
export const coreResources: readonly BuiltinEntry[] = [
  {
    group: '',
    plural: 'configmaps',
    kind: 'ConfigMap',
    type: 'core/v1.ConfigMap',
    shortNames: ['cm'],
    columns: columns.configMapColumns,
    strategy: core.configMapStrategy,
  },
  {
    group: '',
    plural: 'endpoints',
    singular: 'endpoints',
    kind: 'Endpoints',
    type: 'core/v1.Endpoints',
    shortNames: ['ep'],
    columns: columns.endpointsColumns,
    strategy: core.plainStrategy,
  },
  {
    group: '',
    plural: 'events',
    kind: 'Event',
    type: 'core/v1.Event',
    shortNames: ['ev'],
    columns: columns.eventColumns,
    fieldSelectors: eventFields,
    strategy: core.eventStrategy,
  },
  {
    group: '',
    plural: 'namespaces',
    kind: 'Namespace',
    type: 'core/v1.Namespace',
    shortNames: ['ns'],
    clusterScoped: true,
    status: true,
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'] as const,
    columns: columns.namespaceColumns,
    fieldSelectors: { 'status.phase': field('status', 'phase') },
    actions: { finalize: { kind: 'Namespace', verbs: ['update'] as const } },
    strategy: core.namespaceStrategy,
  },
  {
    group: '',
    plural: 'nodes',
    kind: 'Node',
    type: 'core/v1.Node',
    shortNames: ['no'],
    clusterScoped: true,
    status: true,
    columns: nodeColumns,
    fieldSelectors: {
      'spec.unschedulable': (node: UnknownObject) => textAt(node, 'spec', 'unschedulable') || 'false',
    },
    actions: { proxy: { kind: 'NodeProxyOptions', verbs: PROXY } },
    strategy: core.nodeStrategy,
  },
  {
    group: '',
    plural: 'persistentvolumeclaims',
    kind: 'PersistentVolumeClaim',
    type: 'core/v1.PersistentVolumeClaim',
    shortNames: ['pvc'],
    status: true,
    columns: columns.persistentVolumeClaimColumns,
    strategy: core.persistentVolumeClaimStrategy,
  },
  {
    group: '',
    plural: 'persistentvolumes',
    kind: 'PersistentVolume',
    type: 'core/v1.PersistentVolume',
    shortNames: ['pv'],
    clusterScoped: true,
    status: true,
    columns: columns.persistentVolumeColumns,
    strategy: core.persistentVolumeStrategy,
  },
  {
    group: '',
    plural: 'pods',
    kind: 'Pod',
    type: 'core/v1.Pod',
    shortNames: ['po'],
    categories: ['all'],
    status: true,
    columns: podColumns,
    fieldSelectors: {
      'spec.nodeName': field('spec', 'nodeName'),
      'spec.restartPolicy': field('spec', 'restartPolicy'),
      'spec.schedulerName': field('spec', 'schedulerName'),
      'spec.serviceAccountName': field('spec', 'serviceAccountName'),
      'spec.hostNetwork': (pod: UnknownObject) => textAt(pod, 'spec', 'hostNetwork') || 'false',
      'status.phase': field('status', 'phase'),
      'status.podIP': field('status', 'podIP'),
      'status.nominatedNodeName': field('status', 'nominatedNodeName'),
    },
    actions: {
      attach: { kind: 'PodAttachOptions', verbs: STREAM },
      exec: { kind: 'PodExecOptions', verbs: STREAM },
      log: { kind: 'Pod', verbs: GET },
      portforward: { kind: 'PodPortForwardOptions', verbs: STREAM },
      binding: { kind: 'Binding', verbs: CREATE },
      ephemeralcontainers: { kind: 'Pod', verbs: ['get', 'patch', 'update'] as const },
      eviction: { kind: 'Eviction', group: 'policy', version: 'v1', verbs: CREATE },
    },
    strategy: podStrategy,
  },
  {
    group: '',
    plural: 'secrets',
    kind: 'Secret',
    type: 'core/v1.Secret',
    columns: columns.secretColumns,
    fieldSelectors: { type: field('type') },
    strategy: core.secretStrategy,
  },
  {
    group: '',
    plural: 'serviceaccounts',
    kind: 'ServiceAccount',
    type: 'core/v1.ServiceAccount',
    shortNames: ['sa'],
    columns: columns.serviceAccountColumns,
    actions: {
      token: { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: CREATE },
    },
    strategy: core.serviceAccountStrategy,
  },
  {
    group: '',
    plural: 'services',
    kind: 'Service',
    type: 'core/v1.Service',
    shortNames: ['svc'],
    categories: ['all'],
    status: true,
    columns: columns.serviceColumns,
    fieldSelectors: { 'spec.clusterIP': field('spec', 'clusterIP'), 'spec.type': field('spec', 'type') },
    strategy: serviceStrategy,
  },
];
