import {
  type ConfigMap,
  configMaps,
  type Deployment,
  deployments,
  type KubeObject,
  type Lease,
  leases,
  type Namespace,
  type Node,
  namespaces,
  nodes,
  type Pod,
  pods,
  type ReplicaSet,
  type Resource,
  replicaSets,
  type ServiceAccount,
  serviceAccounts,
} from '@kubeedge-ts/apis';
import { createInformer, type Informer, type InformerOptions } from '@kubeedge-ts/kube';
import type { ControllerPorts } from './context.ts';
import { controllerOf } from './owner.ts';

export const ROOT_CA_NAME = 'kube-root-ca.crt';
export const LEASE_NAMESPACE = 'kube-node-lease';

/** The caches the controllers share. Indexes: `namespace`, `owner` (UID of the controller), `node`. */
export interface Informers {
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly namespaces: Informer<Namespace>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly deployments: Informer<Deployment>;
  readonly serviceAccounts: Informer<ServiceAccount>;
  /** Only those named `kube-root-ca.crt`. */
  readonly rootCas: Informer<ConfigMap>;
  /** Only those of nodes. */
  readonly nodeLeases: Informer<Lease>;
}

/** What no controller reads is not kept. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _dropped, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export function createInformers(ports: ControllerPorts): Informers {
  const inform = <T extends KubeObject>(
    resource: Resource<T>,
    options: InformerOptions<T> = {},
  ): Informer<T> =>
    createInformer(ports.client, resource, { transform: withoutManagedFields, ...options }, ports);
  const byNamespaceAndOwner = {
    namespace: (object: KubeObject) => [object.metadata.namespace ?? ''],
    owner: (object: KubeObject) => [controllerOf(object)?.uid ?? ''],
  };
  return {
    pods: inform(pods, {
      indexes: { ...byNamespaceAndOwner, node: (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []) },
    }),
    nodes: inform(nodes),
    namespaces: inform(namespaces),
    replicaSets: inform(replicaSets, { indexes: byNamespaceAndOwner }),
    deployments: inform(deployments, { indexes: byNamespaceAndOwner }),
    serviceAccounts: inform(serviceAccounts),
    rootCas: inform(configMaps, { fieldSelector: `metadata.name=${ROOT_CA_NAME}` }),
    nodeLeases: inform(leases, { namespace: LEASE_NAMESPACE }),
  };
}
