import type { KubeObject, Lease, Node, Pod, PodStatus, TokenRequest, UnknownObject } from '@kubeedge-ts/apis';
import { edgecoreErrors } from '@kubeedge-ts/errors';
import type { EdgedSink, MetaClient } from '../../metamanager/meta-client.ts';

type Referenced = KubeObject & UnknownObject;

/** A MetaManager in memory: what edged reads, and what it has said. */
export interface MemoryMeta extends MetaClient {
  connected: boolean;
  readonly pods: Map<string, Pod>;
  readonly objects: Map<string, Referenced>;
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
  putObject(type: 'configmap' | 'secret', namespace: string, name: string, content: object): void;
  setConnected(connected: boolean): void;
  /** The last status of the pod by name. */
  statusOf(name: string): PodStatus | undefined;
}

export function memoryMeta(now: () => number = Date.now): MemoryMeta {
  const remote = (reason: string): never => {
    throw edgecoreErrors.create('EDGE_REMOTE_FAILED', {
      operation: 'insert',
      resource: 'node',
      reason,
      problem: reason,
    });
  };
  const meta: MemoryMeta = {
    connected: true,
    pods: new Map(),
    objects: new Map(),
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
      meta.objects.set(`${type}/${namespace}/${name}`, {
        metadata: { name, namespace },
        ...content,
      } as Referenced);
      meta.sink?.referencedChanged(type, namespace, name);
    },
    setConnected(connected) {
      meta.connected = connected;
      meta.sink?.connectionChanged(connected);
    },
    statusOf: (name) => meta.statuses.get(name)?.at(-1),
  };
  return meta;
}
