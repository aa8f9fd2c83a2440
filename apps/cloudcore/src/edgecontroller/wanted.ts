import {
  NO_NAMESPACE,
  type Node,
  nodeHash,
  type ObjectMeta,
  type Pod,
  podHash,
  type UnknownObject,
} from '@kubeedge-ts/apis';
import type { ObjectKey } from '@kubeedge-ts/kube';
import type { DownstreamObject } from '../cloudhub/downstream.ts';
import type { Lookup } from '../controllers/selective-cache.ts';
import { referencesOf } from './references.ts';
import type { WantedServices } from './service-cache.ts';

export type ConfigType = 'configmap' | 'secret';

/** A ConfigMap or Secret as it is kept: its hash, and its JSON as bytes. */
export interface ConfigContent {
  readonly hash: string;
  readonly json: Buffer;
}

/** The state of the caches, as far as one node is concerned. */
export interface NodeView {
  /** Undefined: no such node, or none of ours (no edge label). */
  readonly node: Node | undefined;
  readonly pods: readonly Pod[];
  /** The Services it must be told of. */
  readonly services: WantedServices;
  readonly config: (type: ConfigType, key: ObjectKey) => Lookup<ConfigContent>;
  /** Reads what an object is now, for sending; undefined when it is gone. */
  readonly read: (type: string, key: ObjectKey, uid: string) => UnknownObject | undefined;
  /** Pods that wait no longer for references the cache does not know. */
  readonly impatient: (pod: Pod) => boolean;
}

export interface Wanted {
  readonly objects: ReadonlyMap<string, DownstreamObject>;
  /** Pods that are not named yet because a ConfigMap, Secret or Service they need is still being read. */
  readonly waiting: readonly Pod[];
}

const RANK = { node: 0, configmap: 1, secret: 1, pod: 3 } as const;
const KIND = { node: 'Node', configmap: 'ConfigMap', secret: 'Secret', pod: 'Pod' } as const;

/** The objects a node must have: itself, its pods, the ConfigMaps and Secrets these refer to, and Services. */
export function wantedObjects(view: NodeView): Wanted {
  const objects = new Map<string, DownstreamObject>();
  const waiting: Pod[] = [];
  if (view.node === undefined) return { objects, waiting };
  const want = (
    type: keyof typeof RANK,
    metadata: ObjectMeta,
    hash: string,
    firstOperation: DownstreamObject['firstOperation'],
  ): void => {
    const { uid = '', namespace, name, resourceVersion = '' } = metadata;
    if (uid === '') return;
    const key = { name, ...(namespace === undefined ? {} : { namespace }) };
    objects.set(uid, {
      uid,
      type,
      namespace: namespace ?? NO_NAMESPACE,
      name,
      hash,
      resourceVersion,
      source: 'edgecontroller',
      firstOperation,
      rank: RANK[type],
      apiVersion: 'v1',
      kind: KIND[type],
      content: contentOf(view.read, type, key, uid),
    });
  };

  want('node', view.node.metadata, nodeHash(view.node), 'update');
  for (const service of view.services.objects) objects.set(service.uid, service);
  for (const pod of view.pods) {
    const complete = wantReferences(view, pod, want) && view.services.complete;
    if (!complete && !view.impatient(pod)) {
      waiting.push(pod);
      continue;
    }
    const ending = pod.metadata.deletionTimestamp !== undefined;
    want('pod', pod.metadata, hashOf(pod), ending ? 'update' : 'insert');
  }
  return { objects, waiting };
}

/** Made apart: a closure over the view would keep its pods in memory as long as CloudHub keeps the object. */
function contentOf(read: NodeView['read'], type: string, key: ObjectKey, uid: string) {
  return () => read(type, key, uid);
}

/** Returns whether everything the pod refers to is known to be there or not. */
function wantReferences(
  view: NodeView,
  pod: Pod,
  want: (type: ConfigType, metadata: ObjectMeta, hash: string, first: 'insert' | 'update') => void,
): boolean {
  const { namespace = '' } = pod.metadata;
  const references = referencesOf(pod);
  let complete = true;
  const each = (type: ConfigType, names: ReadonlySet<string>, first: 'insert' | 'update'): void => {
    for (const name of names) {
      const found = view.config(type, { namespace, name });
      if (found.state === 'unknown') complete = false;
      if (found.state === 'present') want(type, found.metadata, found.content.hash, first);
    }
  };
  each('configmap', references.configmaps, 'insert');
  // Upstream sends a secret as `update`, also the first time (spec/message-protocol.md §3.1).
  each('secret', references.secrets, 'update');
  return complete;
}

const hashes = new WeakMap<Pod, string>();

/** Cached objects are never changed, so that one hash per version is enough. */
function hashOf(pod: Pod): string {
  const known = hashes.get(pod);
  if (known !== undefined) return known;
  const fresh = podHash(pod);
  hashes.set(pod, fresh);
  return fresh;
}
