import type { UnknownObject } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { createInitialNamespaceObjects, createRootCa } from '../admission/namespace-objects.ts';
import { bootstrapRbac } from '../auth/bootstrap-roles.ts';
import { API_SERVICE_IP } from '../registry/service-strategy.ts';
import type { ResourceDefinition } from '../registry/types.ts';
import type { ApiContext } from '../rest/api-request.ts';
import { createObject } from '../rest/create.ts';
import { sameContent } from '../rest/metadata.ts';

const NAMESPACES = ['kube-system', 'default', 'kube-node-lease', 'kube-public'];
const OPTIONS = {
  dryRun: false,
  fieldManager: 'kube-apiserver',
  fieldValidation: 'Ignore',
  force: false,
} as const;
const PRIORITY_CLASSES = [
  {
    name: 'system-cluster-critical',
    value: 2_000_000_000,
    description: 'Pods the cluster cannot do without.',
  },
  { name: 'system-node-critical', value: 2_000_001_000, description: 'Pods a node cannot do without.' },
];

export interface BootstrapOptions {
  readonly caPem: string;
  /** Where pods reach the API server. */
  readonly advertiseAddress: string;
  readonly port: number;
}

/** Creates what every cluster has from the start. Safe on every start: what is there stays. */
export async function bootstrapCluster(context: ApiContext, options: BootstrapOptions): Promise<void> {
  const { store } = context;
  const definition = (resource: string): ResourceDefinition => {
    const found = context.registry.all().find((entry) => entry.storage === resource);
    if (found === undefined) throw new TypeError(`no resource ${resource}`);
    return found;
  };
  const ensure = async (resource: string, namespace: string, object: UnknownObject): Promise<void> => {
    if (store.get({ resource, namespace, name: object.metadata.name }) !== undefined) return;
    await createObject(context, definition(resource), namespace, object, OPTIONS);
  };

  for (const name of NAMESPACES) {
    await ensure('namespaces', '', { kind: 'Namespace', apiVersion: 'v1', metadata: { name } });
  }
  const data = { 'ca.crt': options.caPem };
  for (const { object } of store.list('namespaces')) {
    createInitialNamespaceObjects(object, context);
    createRootCa(context, object.metadata.name, data);
    refreshRootCa(context, object.metadata.name, data);
  }
  for (const { resource, object } of bootstrapRbac()) {
    await ensure(resource, object.metadata.namespace ?? '', object);
    addMissingRules(context, resource, object);
  }
  for (const { name, value, description } of PRIORITY_CLASSES) {
    await ensure('priorityclasses.scheduling.k8s.io', '', {
      kind: 'PriorityClass',
      apiVersion: 'scheduling.k8s.io/v1',
      metadata: { name },
      value,
      description,
      preemptionPolicy: 'PreemptLowerPriority',
    });
  }
  await ensure('services', 'default', {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      clusterIP: API_SERVICE_IP,
      type: 'ClusterIP',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: options.port }],
    },
  });
  publishAddress(context, options);
}

/** Roles of a data directory from an older release get what has been added since; what was added to them stays. */
function addMissingRules({ store }: ApiContext, resource: string, wanted: UnknownObject): void {
  const { name, namespace = '' } = wanted.metadata;
  const found = store.get({ resource, namespace, name });
  const current = found?.object['rules'];
  if (found === undefined || !Array.isArray(current) || !Array.isArray(wanted['rules'])) return;
  if (found.object.metadata.annotations?.['rbac.authorization.kubernetes.io/autoupdate'] !== 'true') return;
  const missing = wanted['rules'].filter((rule) => !current.some((other) => sameJson(other, rule)));
  if (missing.length === 0) return;
  store.update(found.key, found.revision, { ...found.object, rules: [...current, ...missing] });
}

/** A data directory whose CA was replaced gets the new one into every namespace. */
function refreshRootCa(context: ApiContext, namespace: string, data: { 'ca.crt': string }): void {
  const found = context.store.get({ resource: 'configmaps', namespace, name: 'kube-root-ca.crt' });
  if (found === undefined) return;
  const current = found.object['data'] as Record<string, unknown> | undefined;
  if (current?.['ca.crt'] === data['ca.crt']) return;
  context.store.update(found.key, found.revision, { ...found.object, data });
}

/** Endpoints and EndpointSlice of the `kubernetes` service follow the address of this start. */
function publishAddress(context: ApiContext, { advertiseAddress, port }: BootstrapOptions): void {
  const ports = [{ name: 'https', port, protocol: 'TCP' }];
  const labels = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
  put(context, 'endpoints', {
    kind: 'Endpoints',
    apiVersion: 'v1',
    metadata: { name: 'kubernetes', labels },
    subsets: [{ addresses: [{ ip: advertiseAddress }], ports }],
  });
  put(context, 'endpointslices.discovery.k8s.io', {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: advertiseAddress.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [advertiseAddress], conditions: { ready: true } }],
    ports,
  });
}

function put({ store, random, clock }: ApiContext, resource: string, object: UnknownObject): void {
  const key = { resource, namespace: 'default', name: object.metadata.name };
  const found = store.get(key);
  const metadata = {
    ...object.metadata,
    namespace: 'default',
    uid: found?.object.metadata.uid ?? random.uuid(),
    creationTimestamp: found?.object.metadata.creationTimestamp ?? rfc3339(clock.now()),
  };
  const next = { ...object, metadata };
  if (found === undefined) store.create(key, next);
  else if (!sameContent(next, found.object)) store.update(key, found.revision, next);
}
