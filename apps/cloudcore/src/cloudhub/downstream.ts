import type { KubeObject, Message, UnknownObject } from '@kubeedge-ts/apis';

/** An object a node must have. Controllers compute these; CloudHub delivers them (DESIGN §5). */
export interface DownstreamObject {
  /** `metadata.uid`. */
  readonly uid: string;
  /** Type token of the wire resource: `pod`, `configmap`, `secret`, `service`, `node`, `device`, `devicemodel`. */
  readonly type: string;
  /** The word `null` for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
  /** Hash of what the edge needs; an equal hash is never sent again. */
  readonly hash: string;
  readonly resourceVersion: string;
  readonly source: 'edgecontroller' | 'devicecontroller';
  /**
   * `always-update`: upstream sends secrets as `update` also when new; `insert-first`: the first message of this UID
   * to a node is `insert` (devices, pods, configmaps).
   */
  readonly firstOperation: 'insert' | 'update';
  /** Causes come first: objects of a lower rank are in flight before those of a higher one. Models 0, configmaps, secrets and services 1, devices 2, pods 3. */
  readonly rank: number;
  /** apiVersion and kind for the ObjectSync record. */
  readonly apiVersion: string;
  readonly kind: string;
  /**
   * Reads the content when it is sent; undefined when it is gone or not at hand (it is asked again later). Never older
   * than what was hashed. Where it is newer, `hashOf` tells its hash, or its `metadata.resourceVersion` differs from
   * `resourceVersion` here.
   */
  readonly content: () => KubeObject | UnknownObject | undefined;
  /** Hashes a content as `hash` was made. Needed where the content depends on more than this object (a device's model). */
  readonly hashOf?: (content: KubeObject) => string;
}

/** What CloudHub offers the controllers. */
export interface Downstream {
  /** The node must have this object from now on (newest wins per UID). */
  want(node: string, object: DownstreamObject): void;
  /** The node must no longer have the object with this UID; a delete is sent if it ever got it. */
  unwant(node: string, uid: string): void;
  /**
   * All objects of `source` have been named for every node: what ObjectSync remembers of a type this source owns and
   * was not wanted is deleted on the edge. Called once after the caches have synced.
   */
  settled(source: DownstreamObject['source']): void;
  /** A message that needs no ack (membership, answers, confirmations); sent at once or lost when the node is away. Returns whether it was handed to a connection. */
  post(node: string, message: Message): boolean;
  /** Nodes with a connection now. */
  connected(): readonly string[];
}

/** What controllers offer CloudHub: messages of a node, in order, already routed and checked. */
export interface Upstream {
  /** Handles one message; the answer, if any, is posted by the controller itself. */
  receive(node: string, message: Message): void | Promise<void>;
}

/** Notified when a node's newest connection starts or ends. */
export interface NodeLifecycle {
  /**
   * Before anything is sent over a new connection: the headers of its upgrade, lower-case names. What is named to CloudHub
   * in the same turn counts for what is sent first.
   */
  readonly arriving?: (node: string, headers: Readonly<Record<string, string>>) => void;
  connected(node: string): void;
  disconnected(node: string): void;
}
