import type {
  Event as KubeEvent,
  KubeObject,
  Lease,
  Node,
  Pod,
  PodStatus,
  Service,
  TokenRequest,
  UnknownObject,
} from '@kubeedge-ts/apis';
import { isRecord } from '@kubeedge-ts/apis';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import type { ClusterObjectType, EdgedSink, MetaClient } from '../../metamanager/meta-client.ts';

type Referenced = KubeObject & UnknownObject;

/** A MetaManager in memory: what edged reads, and what it has said. */
export interface MemoryMeta extends MetaClient {
  connected: boolean;
  clusterVersion: string | undefined;
  readonly pods: Map<string, Pod>;
  /** By `type/namespace/name`; the namespace is empty for cluster-scoped ones. */
  readonly objects: Map<string, Referenced>;
  /** By `namespace/name`. */
  readonly services: Map<string, Service>;
  /** As reported, oldest first. */
  readonly events: KubeEvent[];
  /** Patches of the node's metadata, as sent; they are applied to `nodes`. */
  readonly nodePatches: { readonly name: string; readonly patch: object }[];
  readonly statuses: Map<string, PodStatus[]>;
  readonly nodeStatuses: object[];
  readonly nodes: Map<string, Node>;
  readonly leases: Lease[];
  readonly deleted: string[];
  readonly forgotten: string[];
  readonly tokenRequests: TokenRequest[];
  /** Lifetime of the tokens handed out, seconds. */
  tokenSeconds: number;
  sink: EdgedSink | undefined;
  /** Stores and tells edged. */
  putPod(pod: Pod): void;
  removePod(pod: Pod): void;
  putObject(
    type: 'configmap' | 'secret' | ClusterObjectType,
    namespace: string | undefined,
    name: string,
    content: object,
  ): void;
  putService(service: Service): void;
  setConnected(connected: boolean): void;
  /** The last status of the pod by name. */
  statusOf(name: string): PodStatus | undefined;
}

export function memoryMeta(now: () => number = Date.now): MemoryMeta {
  const remote = (reason: string, resource = 'node'): never => {
    throw edgecoreErrors.create('EDGE_REMOTE_FAILED', {
      operation: 'insert',
      resource,
      reason,
      problem: reason,
    });
  };
  const mustBeConnected = (operation: string, resource: string): void => {
    if (!meta.connected) throw edgecoreErrors.create('EDGE_DISCONNECTED', { operation, resource });
  };
  const podAt = (namespace: string, name: string): Pod | undefined =>
    [...meta.pods.values()].find(
      ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
    );
  let created = 0;
  const meta: MemoryMeta = {
    connected: true,
    clusterVersion: undefined,
    pods: new Map(),
    objects: new Map(),
    services: new Map(),
    events: [],
    nodePatches: [],
    statuses: new Map(),
    nodeStatuses: [],
    nodes: new Map(),
    leases: [],
    deleted: [],
    forgotten: [],
    tokenRequests: [],
    tokenSeconds: 3607,
    sink: undefined,

    listPods: async () => [...meta.pods.values()],
    getReferenced: async (type, namespace, name) => meta.objects.get(`${type}/${namespace}/${name}`),
    getObject: async (type, namespace, name) => meta.objects.get(`${type}/${namespace ?? ''}/${name}`),
    listServices: async (namespace) =>
      [...meta.services.values()].filter(({ metadata }) => metadata.namespace === namespace),
    async getToken(_namespace, serviceAccount, request) {
      meta.tokenRequests.push(request);
      const expirationTimestamp = new Date(now() + meta.tokenSeconds * 1000).toISOString();
      const token = `token-${serviceAccount}-${meta.tokenRequests.length}`;
      const spec = { ...request.spec, expirationSeconds: meta.tokenSeconds };
      return { ...request, spec, status: { token, expirationTimestamp } } as TokenRequest;
    },
    async createNode(node) {
      if (meta.nodes.has(node.metadata.name)) return remote('AlreadyExists');
      const created = { ...node, metadata: { ...node.metadata, uid: 'node-uid' } };
      meta.nodes.set(node.metadata.name, created);
      return created;
    },
    async patchNode(name, patch) {
      mustBeConnected('patch', `null/nodepatch/${name}`);
      meta.nodePatches.push({ name, patch });
      const node = meta.nodes.get(name);
      const changes = 'metadata' in patch && isRecord(patch.metadata) ? patch.metadata : {};
      if (node === undefined) return;
      const metadata = {
        ...node.metadata,
        labels: merged(node.metadata.labels, changes['labels']),
        annotations: merged(node.metadata.annotations, changes['annotations']),
      };
      meta.nodes.set(name, { ...node, metadata });
    },
    getNode: async (name) => meta.nodes.get(name),
    getLease: async () => meta.leases.at(-1),
    async putLease(lease) {
      const stored = {
        ...lease,
        metadata: { ...lease.metadata, resourceVersion: String(meta.leases.length + 1) },
      };
      meta.leases.push(stored);
      return stored;
    },
    async reportPodStatus({ name }, status) {
      const list = meta.statuses.get(name) ?? [];
      list.push(status as PodStatus);
      meta.statuses.set(name, list);
    },
    async reportNodeStatus(_node, status) {
      meta.nodeStatuses.push(status);
    },
    async deletePod({ name }) {
      meta.deleted.push(name);
    },
    async reportEvent(event) {
      meta.events.push(event);
    },
    async createPod(pod) {
      const { namespace = 'default', name } = pod.metadata;
      mustBeConnected('insert', `${namespace}/pod/${name}`);
      if (podAt(namespace, name) !== undefined) return remote('AlreadyExists', `${namespace}/pod/${name}`);
      created += 1;
      const uid = `mirror-${created}`;
      const mirror = { ...pod, metadata: { ...pod.metadata, namespace, uid, resourceVersion: `${created}` } };
      meta.putPod(mirror);
      return mirror;
    },
    getPod: async (namespace, name) => podAt(namespace, name),
    async deleteMirrorPod({ namespace, name, uid }) {
      mustBeConnected('delete', `${namespace}/pod/${name}`);
      meta.deleted.push(name);
      const pod = meta.pods.get(uid);
      if (pod !== undefined) meta.removePod(pod);
    },
    async forgetTokens(uid) {
      meta.forgotten.push(uid);
    },

    putPod(pod) {
      meta.pods.set(pod.metadata.uid ?? '', pod);
      meta.sink?.podChanged(pod);
    },
    removePod({ metadata }) {
      meta.pods.delete(metadata.uid ?? '');
      meta.sink?.podDeleted({
        namespace: metadata.namespace ?? 'default',
        name: metadata.name,
        uid: metadata.uid ?? '',
      });
    },
    putObject(type, namespace, name, content) {
      meta.objects.set(`${type}/${namespace ?? ''}/${name}`, {
        metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
        ...content,
      } as Referenced);
      if (type === 'configmap' || type === 'secret')
        meta.sink?.referencedChanged(type, namespace ?? '', name);
    },
    putService(service) {
      const { namespace = 'default', name } = service.metadata;
      meta.services.set(`${namespace}/${name}`, service);
      meta.sink?.servicesChanged(namespace);
    },
    setConnected(connected) {
      meta.connected = connected;
      meta.sink?.connectionChanged(connected);
    },
    statusOf: (name) => meta.statuses.get(name)?.at(-1),
  };
  return meta;
}

function merged(base: Record<string, string> | undefined, changes: unknown): Record<string, string> {
  const result = { ...base };
  for (const [key, value] of Object.entries(isRecord(changes) ? changes : {})) {
    if (value === null) delete result[key];
    else result[key] = String(value);
  }
  return result;
}
