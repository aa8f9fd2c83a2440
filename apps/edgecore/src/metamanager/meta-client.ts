import type { KubeObject, Lease, Node, Pod, TokenRequest, UnknownObject } from '@kubeedge-ts/apis';

/** What edged needs of MetaManager (spec/edged.md §1.1, spec/metamanager-and-metaserver.md §3.3). */
export interface MetaClient {
  /** Pods of this node from the store, as the cloud last sent them. */
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
  /** A token for the pod's service account; a stored one while it is fresh, an expired one while offline (LESSONS A2). */
  getToken(namespace: string, serviceAccount: string, request: TokenRequest): Promise<TokenRequest>;
  /** Creates the node in the API. @throws KubeEdgeError EDGE_DISCONNECTED; KUBE status errors as EDGE_REMOTE_FAILED with `reason` */
  createNode(node: Node): Promise<Node>;
  /** The stored node row. */
  getNode(name: string): Promise<Node | undefined>;
  getLease(name: string): Promise<Lease | undefined>;
  /** Inserts (no resourceVersion) or updates the lease; resolves with the server's object. */
  putLease(lease: Lease): Promise<Lease>;
  /** Full wanted status; kept in the outbox until the cloud has it (DESIGN §6). Resolves when durable. */
  reportPodStatus(pod: { namespace: string; name: string; uid: string }, status: object): Promise<void>;
  /** Full wanted node status; kept in the outbox. */
  reportNodeStatus(node: string, status: object): Promise<void>;
  /** Tells the cloud that a deleting pod has ended (grace 0, UID precondition); kept in the outbox. */
  deletePod(pod: { namespace: string; name: string; uid: string }): Promise<void>;
  /** Removes tokens bound to the pod. */
  forgetTokens(podUid: string): Promise<void>;
  /** Whether the cloud connection is up now. */
  readonly connected: boolean;
}

/** What MetaManager tells edged, in order, after it was persisted. */
export interface EdgedSink {
  podChanged(pod: Pod): void;
  /** The API object is gone; `uid` empty means any. */
  podDeleted(pod: { namespace: string; name: string; uid: string }): void;
  /** A configmap or secret changed or was deleted. */
  referencedChanged(type: 'configmap' | 'secret', namespace: string, name: string): void;
  /** The cloud connection came up or went down. */
  connectionChanged(connected: boolean): void;
}
