import type {
  Event as KubeEvent,
  KubeObject,
  Lease,
  Node,
  Pod,
  Service,
  TokenRequest,
  UnknownObject,
} from '@kubeedge-ts/apis';

/** Cluster objects that only some pods need; the cloud does not push them. */
export type ClusterObjectType =
  | 'persistentvolume'
  | 'persistentvolumeclaim'
  | 'volumeattachment'
  | 'runtimeclass'
  | 'csidriver';

export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What edged needs of MetaManager (spec/edged.md §1.1, spec/metamanager-and-metaserver.md §3.3). */
export interface MetaClient {
  /** Pods of this node from the store, as the cloud last sent them; a status it has yet to be told is theirs already. */
  listPods(): Promise<readonly Pod[]>;
  /**
   * ConfigMap or Secret: the stored row, else a query to the cloud while connected (the answer is stored).
   * Undefined when it does not exist. @throws KubeEdgeError EDGE_DISCONNECTED, EDGE_REMOTE_FAILED
   */
  getReferenced(
    type: 'configmap' | 'secret',
    namespace: string,
    name: string,
  ): Promise<(KubeObject & UnknownObject) | undefined>;
  /**
   * Asked for while connected (the answer is stored), else, and where the cloud fails to answer, the stored row;
   * undefined when absent. `namespace` of a claim only. An upstream cloud does not answer for runtimeclass and csidriver:
   * only what was stored before is found. @throws KubeEdgeError EDGE_REMOTE_FAILED when nothing is stored
   */
  getObject(
    type: ClusterObjectType,
    namespace: string | undefined,
    name: string,
  ): Promise<(KubeObject & UnknownObject) | undefined>;
  /**
   * Services of one namespace that this node was told of, by name: those of the namespaces its pods are in, and
   * `default/kubernetes`. None under an upstream cloud. Only what containers learn of them: name, type, cluster IPs, ports.
   */
  listServices(namespace: string): Promise<readonly Service[]>;
  /** A token for the pod's service account; a stored one while it is fresh, an expired one while offline (LESSONS A2). */
  getToken(namespace: string, serviceAccount: string, request: TokenRequest): Promise<TokenRequest>;
  /** Creates the node in the API. @throws KubeEdgeError EDGE_DISCONNECTED; KUBE status errors as EDGE_REMOTE_FAILED with `reason` */
  createNode(node: Node): Promise<Node>;
  /**
   * Merge patch of the node's own labels and annotations; null removes one. Other fields are not the node's to change.
   * @throws KubeEdgeError EDGE_DISCONNECTED, EDGE_REMOTE_FAILED
   */
  patchNode(name: string, patch: object): Promise<void>;
  /** The stored node row. */
  getNode(name: string): Promise<Node | undefined>;
  getLease(name: string): Promise<Lease | undefined>;
  /** Inserts (no resourceVersion) or updates the lease; resolves with the server's object. */
  putLease(lease: Lease): Promise<Lease>;
  /** Full wanted status; kept in the outbox until the cloud has it (DESIGN §6). Resolves when durable. */
  reportPodStatus(pod: PodIdentity, status: object): Promise<void>;
  /** Full wanted node status; kept in the outbox. */
  reportNodeStatus(node: string, status: object): Promise<void>;
  /** Tells the cloud that a deleting pod has ended (grace 0, UID precondition); kept in the outbox. */
  deletePod(pod: PodIdentity): Promise<void>;
  /**
   * Inserts a new event or updates a counted-up one (`count` above 1) of the same name. Appended to the outbox: reaches the
   * cloud in order, also after an outage; the oldest go when there are too many. Resolves when durable.
   */
  reportEvent(event: KubeEvent): Promise<void>;
  /**
   * Shows a static pod to the API; resolves with the server's object, which is stored like any pod of the cloud.
   * @throws KubeEdgeError EDGE_DISCONNECTED; EDGE_REMOTE_FAILED with `reason` AlreadyExists, Forbidden, …
   */
  createPod(pod: Pod): Promise<Pod>;
  /** The stored pod, else what the cloud knows; undefined when there is none, or none is known while the cloud is away. */
  getPod(namespace: string, name: string): Promise<Pod | undefined>;
  /**
   * Deletes the mirror pod of that UID at once; resolves also when it is gone already or has been replaced. The stored
   * pod stays until the cloud says so. @throws KubeEdgeError EDGE_DISCONNECTED, EDGE_REMOTE_FAILED
   */
  deleteMirrorPod(pod: PodIdentity): Promise<void>;
  /** Removes tokens bound to the pod. */
  forgetTokens(podUid: string): Promise<void>;
  /** Whether the cloud connection is up now. */
  readonly connected: boolean;
  /**
   * Version of the cluster's API server, e.g. `v1.31.2`, as the cloud told it last (also in an earlier run); undefined
   * when it never did: an upstream cloud does not.
   */
  readonly clusterVersion: string | undefined;
}

/** What MetaManager tells edged, in order, after it was persisted. */
export interface EdgedSink {
  podChanged(pod: Pod): void;
  /** The API object is gone; `uid` empty means any. */
  podDeleted(pod: PodIdentity): void;
  /** The cloud has told what this node's object is now: labels, taints, attached volumes. */
  nodeChanged(node: Node): void;
  /** The node's object is gone from the cluster: its status had nothing to belong to. */
  nodeGone(): void;
  /** A configmap or secret changed or was deleted. */
  referencedChanged(type: 'configmap' | 'secret', namespace: string, name: string): void;
  /** Services of this namespace changed: new containers get other variables. */
  servicesChanged(namespace: string): void;
  /** The update of a pod that is held by annotation may be applied (operation `unhold-upgrade`, spec/edged.md §1.2). */
  releaseHeldUpgrade(pod: { namespace: string; name: string }): void;
  /** The cloud connection came up or went down. */
  connectionChanged(connected: boolean): void;
}
