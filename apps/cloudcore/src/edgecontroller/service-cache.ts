import {
  NO_NAMESPACE,
  objectHash,
  type Pod,
  type Service,
  services,
  type UnknownObject,
} from '@kubeedge-ts/apis';
import { createInformer, type Informer, type KubeClient, type ObjectKey } from '@kubeedge-ts/kube';
import type { DownstreamObject } from '../cloudhub/downstream.ts';
import type { CachePorts } from '../controllers/selective-cache.ts';

/** Services as far as containers learn of them by their environment, for the nodes that take them. */
export interface ServiceCache {
  start(signal: AbortSignal): void;
  /** The namespaces whose Services a node needs, besides `default/kubernetes`; undefined: it needs none at all. */
  refer(node: string, namespaces: ReadonlySet<string> | undefined): void;
  /** `default/kubernetes` and the Services of these namespaces, as far as they are listed; `complete`: all of them are. */
  of(namespaces: ReadonlySet<string>): WantedServices;
  read(key: ObjectKey): UnknownObject | undefined;
  /** Everything that was referred to has been listed, or has been waited for long enough. */
  readonly hasSynced: boolean;
  /** Lets go of namespaces nobody refers to any more. */
  sweep(): void;
}

export interface WantedServices {
  readonly objects: readonly DownstreamObject[];
  readonly complete: boolean;
}

interface Follower {
  readonly informer: Informer<Service>;
  readonly stop: AbortController;
  /** Nothing waits for it any longer. */
  late: boolean;
  due: boolean;
}

/** Of the API server itself every container is told. */
const API_SERVICE = { namespace: 'default', name: 'kubernetes' };
/** No namespace: under it only `default/kubernetes` is followed. */
const API_FOLLOWER = '';
/** Services change in thousands when a mesh or an operator is installed; nodes are computed anew once for many. */
const GATHER_MS = 100;
/** A cloudcore that may not list Services delivers everything else. */
const PATIENCE_MS = 60_000;
/** With ConfigMaps and Secrets, before the pods. */
const RANK = 1;

/** The namespaces whose Services the containers of these pods are told of; undefined: there are no pods. */
export function serviceNamespaces(pods: readonly Pod[]): ReadonlySet<string> | undefined {
  if (pods.length === 0) return undefined;
  const linked = pods.filter(({ spec }) => spec?.enableServiceLinks !== false);
  return new Set(linked.map(({ metadata }) => metadata.namespace ?? ''));
}

export function createServiceCache(
  kube: Pick<KubeClient, 'list' | 'watch'>,
  dirty: (node: string) => void,
  ports: CachePorts,
): ServiceCache {
  const { clock, log } = ports;
  const followers = new Map<string, Follower>();
  const users = new Map<string, ReadonlySet<string>>();
  const objects = new WeakMap<Service, DownstreamObject>();
  let signal: AbortSignal = new AbortController().signal;

  const mark = (namespace: string): void => {
    for (const [node, namespaces] of users) {
      if (namespace === API_FOLLOWER || namespaces.has(namespace)) dirty(node);
    }
  };

  const changed = (namespace: string, follower: Follower): void => {
    if (follower.due || !follower.informer.hasSynced) return;
    follower.due = true;
    clock.after(GATHER_MS, () => {
      follower.due = false;
      if (!follower.stop.signal.aborted && !signal.aborted) mark(namespace);
    });
  };

  const follow = (namespace: string): Follower => {
    const known = followers.get(namespace);
    if (known !== undefined) return known;
    const stop = new AbortController();
    const selection =
      namespace === API_FOLLOWER
        ? { namespace: API_SERVICE.namespace, fieldSelector: `metadata.name=${API_SERVICE.name}` }
        : { namespace };
    const informer = createInformer<Service>(
      kube,
      services,
      { ...selection, transform: asEdgesNeedIt },
      ports,
    );
    const follower: Follower = { informer, stop, late: false, due: false };
    followers.set(namespace, follower);
    const change = (): void => changed(namespace, follower);
    informer.subscribe({ added: change, updated: change, deleted: change });
    informer.start(AbortSignal.any([signal, stop.signal]));
    const giveUp = clock.after(PATIENCE_MS, () => {
      follower.late = true;
      log.warn(
        { namespace: namespace || API_SERVICE.namespace },
        'Services are not listed; pods do not wait for them',
      );
      mark(namespace);
    });
    stop.signal.addEventListener('abort', giveUp, { once: true });
    signal.addEventListener('abort', giveUp, { once: true });
    // A namespace without Services is known, too.
    void informer.synced.then(() => {
      giveUp();
      mark(namespace);
    });
    return follower;
  };

  const isKnown = ({ informer, late }: Follower): boolean => informer.hasSynced || late;

  const read = (key: ObjectKey): Service | undefined => {
    const isApi = key.namespace === API_SERVICE.namespace && key.name === API_SERVICE.name;
    const own = followers.get(key.namespace ?? '')?.informer.get(key);
    return own ?? (isApi ? followers.get(API_FOLLOWER)?.informer.get(key) : undefined);
  };

  /** One per version of a Service, shared by all nodes. */
  const wish = (service: Service): DownstreamObject => {
    const known = objects.get(service);
    if (known !== undefined) return known;
    const { uid = '', namespace = NO_NAMESPACE, name, resourceVersion = '' } = service.metadata;
    const object: DownstreamObject = {
      uid,
      type: 'service',
      namespace,
      name,
      hash: objectHash(service),
      resourceVersion,
      source: 'edgecontroller',
      firstOperation: 'insert',
      rank: RANK,
      apiVersion: 'v1',
      kind: 'Service',
      content: () => read({ namespace, name }),
    };
    objects.set(service, object);
    return object;
  };

  return {
    start(stop) {
      signal = stop;
    },
    refer(node, namespaces) {
      if (namespaces === undefined) users.delete(node);
      else users.set(node, namespaces);
    },
    of(namespaces) {
      const api = follow(API_FOLLOWER);
      const own = [...namespaces].map(follow);
      // In both lists it is one object, known by its UID.
      const listed = [...api.informer.list(), ...own.flatMap(({ informer }) => informer.list())];
      return { objects: listed.map(wish), complete: [api, ...own].every(isKnown) };
    },
    read: (key) => read(key) as UnknownObject | undefined,
    get hasSynced() {
      return [...followers.values()].every(isKnown);
    },
    sweep() {
      const needed = new Set([...users.values()].flatMap((namespaces) => [...namespaces]));
      if (users.size > 0) needed.add(API_FOLLOWER);
      for (const [namespace, { stop }] of followers) {
        if (needed.has(namespace)) continue;
        stop.abort(new Error('no node needs the Services of this namespace any more'));
        followers.delete(namespace);
      }
    },
  };
}

/** Name, type, addresses and ports: a Service changes in other ways all the time. */
function asEdgesNeedIt({ metadata, spec }: Service): Service {
  const { name, namespace, uid, resourceVersion } = metadata;
  const { type, clusterIP, clusterIPs, ports = [] } = spec ?? {};
  return defined({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: defined({ name, namespace, uid, resourceVersion }),
    spec: defined({
      type,
      clusterIP,
      clusterIPs,
      ports: ports.map((port) => defined({ name: port.name, port: port.port, protocol: port.protocol })),
    }),
  }) as Service;
}

/** Without the fields that are not set: on the edge they would not be there either, and hashes are compared. */
function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
