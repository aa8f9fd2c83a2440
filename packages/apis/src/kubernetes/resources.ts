import type * as apps from 'kubernetes-types/apps/v1.js';
import type * as authentication from 'kubernetes-types/authentication/v1.js';
import type * as certificates from 'kubernetes-types/certificates/v1.js';
import type * as coordination from 'kubernetes-types/coordination/v1.js';
import type * as core from 'kubernetes-types/core/v1.js';
import type * as storage from 'kubernetes-types/storage/v1.js';
import type { KubeObject, ObjectMeta, Resource, UnknownObject } from './meta.ts';

/** A Kubernetes object as it comes from an API server: metadata is there and has a name. */
type Named<T> = Omit<T, 'metadata' | 'apiVersion' | 'kind'> & {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
};

export type Pod = Named<core.Pod>;
export type Node = Named<core.Node>;
export type ConfigMap = Named<core.ConfigMap>;
export type Secret = Named<core.Secret>;
export type Namespace = Named<core.Namespace>;
export type ServiceAccount = Named<core.ServiceAccount>;
export type Event = Named<core.Event>;
export type Service = Named<core.Service>;
export type PersistentVolume = Named<core.PersistentVolume>;
export type PersistentVolumeClaim = Named<core.PersistentVolumeClaim>;
export type VolumeAttachment = Named<storage.VolumeAttachment>;
export type CSIDriver = Named<storage.CSIDriver>;
export type Lease = Named<coordination.Lease>;
export type Deployment = Named<apps.Deployment>;
export type ReplicaSet = Named<apps.ReplicaSet>;
export type CertificateSigningRequest = Named<certificates.CertificateSigningRequest>;
export type TokenRequest = Omit<authentication.TokenRequest, 'metadata'> & { metadata?: Partial<ObjectMeta> };
export type PodSpec = core.PodSpec;
export type PodStatus = core.PodStatus;
export type Container = core.Container;
export type ContainerStatus = core.ContainerStatus;
export type NodeStatus = core.NodeStatus;
export type NodeAddress = core.NodeAddress;

function define<T extends KubeObject>(
  group: string,
  version: string,
  plural: string,
  kind: string,
  namespaced = true,
): Resource<T> {
  return { group, version, plural, kind, namespaced };
}

export const pods = define<Pod>('', 'v1', 'pods', 'Pod');
export const nodes = define<Node>('', 'v1', 'nodes', 'Node', false);
export const configMaps = define<ConfigMap>('', 'v1', 'configmaps', 'ConfigMap');
export const secrets = define<Secret>('', 'v1', 'secrets', 'Secret');
export const namespaces = define<Namespace>('', 'v1', 'namespaces', 'Namespace', false);
export const serviceAccounts = define<ServiceAccount>('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const events = define<Event>('', 'v1', 'events', 'Event');
export const services = define<Service>('', 'v1', 'services', 'Service');
export const persistentVolumes = define<PersistentVolume>(
  '',
  'v1',
  'persistentvolumes',
  'PersistentVolume',
  false,
);
export const persistentVolumeClaims = define<PersistentVolumeClaim>(
  '',
  'v1',
  'persistentvolumeclaims',
  'PersistentVolumeClaim',
);
export const leases = define<Lease>('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const deployments = define<Deployment>('apps', 'v1', 'deployments', 'Deployment');
export const replicaSets = define<ReplicaSet>('apps', 'v1', 'replicasets', 'ReplicaSet');
export const customResourceDefinitions = define<UnknownObject>(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  false,
);
export const certificateSigningRequests = define<CertificateSigningRequest>(
  'certificates.k8s.io',
  'v1',
  'certificatesigningrequests',
  'CertificateSigningRequest',
  false,
);
