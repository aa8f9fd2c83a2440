import {
  type ConfigMap,
  configMaps,
  type KubeObject,
  type Node,
  nodes,
  objectHash,
  type Pod,
  pods,
  type Secret,
  secrets,
  type UnknownObject,
} from '@kubeedge-ts/apis';
import { createInformer, type Informer, type KubeClient, type ObjectKey } from '@kubeedge-ts/kube';
import { asEdgeSees } from '../controllers/kubelet-endpoint.ts';
import {
  type CachePorts,
  createSelectiveCache,
  type Lookup,
  type SelectiveCache,
  type Stub,
} from '../controllers/selective-cache.ts';
import type { PodName } from './authorize.ts';
import { createDepartedPods } from './departed-pods.ts';
import { createReferenceIndex } from './reference-index.ts';
import { createServiceCache, type ServiceCache } from './service-cache.ts';
import type { ConfigContent, ConfigType } from './wanted.ts';

export const EDGE_LABEL = 'node-role.kubernetes.io/edge';

/** What the EdgeController knows of the cluster. */
export interface Caches {
  start(signal: AbortSignal): void;
  /** Nodes and pods are known; the references of pods may still be on their way. */
  readonly ready: Promise<void>;
  readonly isReady: boolean;
  /** All nodes of the cluster. */
  readonly nodes: Informer<Node>;
  /** The Node, if it is an edge node. */
  edgeNode(name: string): Node | undefined;
  edgeNodes(): readonly Node[];
  podsOf(node: string): readonly Pod[];
  /** Who and where a pod is, of whatever node. */
  podStub(key: ObjectKey): Stub | undefined;
  /** A pod that is gone was bound to this node within the last hour. */
  wasBound(node: string, pod: PodName): boolean;
  config(type: ConfigType, key: ObjectKey): Lookup<ConfigContent>;
  /** Names what the pods of a node refer to, so that it is followed. */
  refer(node: string, pods: readonly Pod[]): void;
  readonly services: ServiceCache;
  /** What was referred to has been listed in every namespace. */
  readonly referencesSynced: boolean;
  read(type: string, key: ObjectKey, uid: string): UnknownObject | undefined;
}

/**
 * Nodes in full, pods of edge nodes in full, ConfigMaps and Secrets only while such a pod refers to them, Services of the
 * namespaces of such pods (DESIGN §11, docs/adr/020). `dirty` is called with every node whose wanted objects may have changed.
 */
export function createCaches(kube: KubeClient, dirty: (node: string) => void, ports: CachePorts): Caches {
  let signal: AbortSignal | undefined;
  let ready = false;
  const settled = Promise.withResolvers<void>();

  const nodeCache = createInformer<Node>(kube, nodes, { transform: withoutManagedFields }, ports);
  const isEdge = (name: string | undefined): boolean =>
    name !== undefined && nodeCache.get({ name })?.metadata.labels?.[EDGE_LABEL] !== undefined;
  const departed = createDepartedPods(ports.clock);
  const podCache: SelectiveCache<Pod> = createSelectiveCache<Pod, Pod>(
    {
      kube,
      resource: pods,
      indexes: { node: (stub) => (stub.spec?.nodeName ? [stub.spec.nodeName] : []) },
      selects: (stub) => isEdge(stub.spec?.nodeName),
      keep: (pod) => typed('Pod', withoutManagedFields(pod)),
      changed: (stub) => {
        if (podCache.stub(stub.metadata)?.metadata.uid !== stub.metadata.uid) departed.add(stub);
        if (stub.spec?.nodeName) dirty(stub.spec.nodeName);
      },
    },
    ports,
  );
  const podsOf = (node: string): readonly Pod[] =>
    podCache.byIndex('node', node).flatMap((stub) => {
      const found = podCache.get(stub.metadata);
      return found.state === 'present' ? [found.content] : [];
    });

  const index = createReferenceIndex();
  const followers = new Map<string, { cache: SelectiveCache<ConfigContent>; stop: AbortController }>();
  const follow = (type: ConfigType, namespace: string): SelectiveCache<ConfigContent> => {
    const id = `${type}/${namespace}`;
    const known = followers.get(id);
    if (known !== undefined) return known.cache;
    const stop = new AbortController();
    const cache = configCache(kube, type, namespace, index, dirty, ports);
    followers.set(id, { cache, stop });
    cache.start(signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]));
    void cache.synced.then(() => {
      for (const node of index.nodesIn(type, namespace)) dirty(node);
    });
    return cache;
  };

  const serviceCache = createServiceCache(kube, dirty, ports);
  const sweep = (): void => {
    podCache.sweep();
    serviceCache.sweep();
    for (const [id, { cache, stop }] of followers) {
      const [type = '', namespace = ''] = id.split('/');
      if (index.nodesIn(type as ConfigType, namespace).size > 0) {
        cache.sweep();
        continue;
      }
      stop.abort(new Error('no pod of an edge node refers to this namespace any more'));
      followers.delete(id);
    }
  };

  return {
    start(stop) {
      signal = stop;
      serviceCache.start(stop);
      nodeCache.subscribe({
        added: ({ metadata }) => dirty(metadata.name),
        updated: ({ metadata }) => dirty(metadata.name),
        deleted: ({ metadata }) => {
          departed.forget(metadata.name);
          dirty(metadata.name);
        },
      });
      nodeCache.start(stop);
      // Which pods are kept depends on which nodes are ours.
      void nodeCache.synced.then(() => podCache.start(stop));
      void podCache.synced.then(() => {
        ready = true;
        settled.resolve();
      });
      repeat(ports, SWEEP_MS, sweep, stop);
    },
    ready: settled.promise,
    get isReady() {
      return ready;
    },
    nodes: nodeCache,
    edgeNode: (name) => (isEdge(name) ? nodeCache.get({ name }) : undefined),
    edgeNodes: () => nodeCache.list().filter(({ metadata }) => isEdge(metadata.name)),
    podsOf,
    podStub: podCache.stub,
    wasBound: departed.has,
    config: (type, key) => follow(type, key.namespace ?? '').get(key),
    refer: index.refer,
    services: serviceCache,
    get referencesSynced() {
      return serviceCache.hasSynced && [...followers.values()].every(({ cache }) => cache.hasSynced);
    },
    read(type, key, uid) {
      const object = readNow(type, key);
      return object?.metadata.uid === uid ? object : undefined;
    },
  };

  function readNow(type: string, key: ObjectKey): UnknownObject | undefined {
    if (type === 'node') {
      const node = nodeCache.get(key);
      return node && (typed('Node', asEdgeSees(node)) as KubeObject as UnknownObject);
    }
    if (type === 'pod') {
      const found = podCache.get(key);
      return found.state === 'present' ? (found.content as KubeObject as UnknownObject) : undefined;
    }
    if (type === 'service') return serviceCache.read(key);
    const found = followers.get(`${type}/${key.namespace ?? ''}`)?.cache.get(key);
    return found?.state === 'present' ? JSON.parse(found.content.json.toString()) : undefined;
  }
}

/** Contents that are no longer needed may stay this long. */
const SWEEP_MS = 60_000;

function configCache(
  kube: KubeClient,
  type: ConfigType,
  namespace: string,
  index: ReturnType<typeof createReferenceIndex>,
  dirty: (node: string) => void,
  ports: CachePorts,
): SelectiveCache<ConfigContent> {
  const nodesOf = (stub: Stub) => index.nodesOf(type, namespace, stub.metadata.name);
  const shared = {
    kube,
    namespace,
    selects: (stub: Stub) => nodesOf(stub).size > 0,
    changed: (stub: Stub) => {
      for (const node of nodesOf(stub)) dirty(node);
    },
  };
  return type === 'configmap'
    ? createSelectiveCache<ConfigMap, ConfigContent>(
        { ...shared, resource: configMaps, keep: (object) => packed('ConfigMap', object) },
        ports,
      )
    : createSelectiveCache<Secret, ConfigContent>(
        { ...shared, resource: secrets, keep: (object) => packed('Secret', object) },
        ports,
      );
}

function packed(kind: string, object: KubeObject): ConfigContent {
  const kept = typed(kind, withoutManagedFields(object));
  return { hash: objectHash(kept), json: Buffer.from(JSON.stringify(kept)) };
}

/** Lists leave type and version to the list; an edge needs them on each object. */
function typed<T extends KubeObject>(kind: string, object: T): T {
  return { ...object, kind, apiVersion: 'v1' };
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _fields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function repeat({ clock }: CachePorts, ms: number, task: () => void, signal: AbortSignal): void {
  const again = (): void => {
    if (signal.aborted) return;
    task();
    cancel = clock.after(ms, again);
  };
  let cancel = clock.after(ms, again);
  signal.addEventListener('abort', () => cancel(), { once: true });
}
