import { isRecord, type Pod, type ResourcePath, type RouteName } from '@kubeedge-ts/apis';
import { referencesOf } from './references.ts';

/** What a node asks for, as far as the decision needs it. */
export interface AccessRequest {
  readonly route: RouteName;
  readonly path: ResourcePath;
  readonly content: unknown;
  /** The node the named pod is bound to, if the request names a pod that exists. */
  readonly podNode?: string | undefined;
  /** Whether a pod that is gone was bound to the node not long ago. */
  readonly wasBound?: (pod: PodName) => boolean;
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string | undefined;
}

export type Verdict =
  | { readonly allow: true }
  /** `unlessVolume`: what a volume of the node's pods would have to refer to, for it to be allowed after all. */
  | { readonly allow: false; readonly reason: string; readonly unlessVolume?: string };

const ALLOW: Verdict = { allow: true };
const deny = (reason: string): Verdict => ({ allow: false, reason });
const when = (condition: boolean, reason: string): Verdict => (condition ? ALLOW : deny(reason));

export const LEASE_NAMESPACE = 'kube-node-lease';
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
/** Signers whose certificates a node may ask for, for itself. */
const SIGNERS = ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet'];

/**
 * Whether a node may do what it asks for (DESIGN §11, LESSONS S6): it may touch its own Node, Lease, the pods bound to
 * it, and what those pods refer to; everything else is denied. Objects whose owner only the object itself tells
 * (volumes, attachments, signing requests) are decided by `mayRead` when they have been read.
 */
export function mayAccess(node: string, request: AccessRequest, podsOfNode: readonly Pod[]): Verdict {
  const { route, path, content } = request;
  switch (route) {
    case 'up.node-insert':
    case 'up.node-update':
      return ownNode(node, path.name, nameIn(content));
    case 'up.node-query':
    case 'up.node-patch':
      return ownNode(node, path.name, node);
    case 'up.node-status':
      return ownNode(node, path.name, nameIn(content) ?? node);
    case 'up.lease':
      return ownLease(node, path, nameIn(content));
    case 'up.pod-patch':
    case 'up.pod-status':
    case 'up.pod-delete':
      // There is nothing to protect in a pod that does not exist; the answer will say so.
      return when(
        request.podNode === undefined || request.podNode === node,
        `pod is not bound to node ${node}`,
      );
    case 'up.pod-insert':
      return mirrorPod(node, path, content);
    case 'up.query':
      return mayQuery(node, path, podsOfNode);
    case 'up.token':
      return mayRequestToken(path, content, podsOfNode);
    case 'up.csr-insert':
      return when(
        SIGNERS.includes(String(field(content, 'spec', 'signerName'))),
        'a node may request certificates of kubelet signers only',
      );
    case 'up.event':
      return mayReport(node, request, podsOfNode);
    default:
      return deny(`a node may not send ${route}`);
  }
}

/** Decides about an object whose owner stands in itself. */
export function mayRead(node: string, type: string, object: unknown, podsOfNode: readonly Pod[]): Verdict {
  switch (type) {
    case 'persistentvolume': {
      const claim = field(object, 'spec', 'claimRef', 'name');
      const namespace = field(object, 'spec', 'claimRef', 'namespace');
      const used = podsOfNode.some(
        (pod) =>
          pod.metadata.namespace === namespace && referencesOf(pod).persistentVolumeClaims.has(String(claim)),
      );
      return when(used, `no pod of node ${node} uses this volume`);
    }
    case 'volumeattachment':
      return when(field(object, 'spec', 'nodeName') === node, `attachment is not for node ${node}`);
    case 'certificatesigningrequest':
      return when(
        field(object, 'spec', 'username') === `system:node:${node}`,
        `request was not made by node ${node}`,
      );
    default:
      return ALLOW;
  }
}

function ownNode(node: string, name: string, inContent: string | undefined): Verdict {
  return when(name === node && inContent === node, `a node may only touch itself, not ${name}`);
}

function ownLease(node: string, path: ResourcePath, inContent: string | undefined): Verdict {
  return when(
    path.namespace === LEASE_NAMESPACE && path.name === node && inContent === node,
    'a node may only hold its own lease',
  );
}

function mayQuery(node: string, path: ResourcePath, podsOfNode: readonly Pod[]): Verdict {
  const inNamespace = podsOfNode.filter((pod) => pod.metadata.namespace === path.namespace);
  const unused = `no pod of node ${node} refers to it`;
  switch (path.type) {
    case 'lease':
      return ownLease(node, path, node);
    case 'pod':
      return when(
        inNamespace.some((pod) => pod.metadata.name === path.name),
        `pod is not bound to node ${node}`,
      );
    case 'configmap':
      return when(
        inNamespace.some((pod) => referencesOf(pod).configmaps.has(path.name)),
        unused,
      );
    case 'secret':
      return orByVolume(
        inNamespace.some((pod) => referencesOf(pod).secrets.has(path.name)),
        unused,
        `secret/${path.namespace}/${path.name}`,
      );
    case 'runtimeclass':
      return when(
        podsOfNode.some(({ spec }) => path.name !== '' && spec?.runtimeClassName === path.name),
        unused,
      );
    case 'csidriver':
      return orByVolume(
        podsOfNode.some(({ spec }) =>
          spec?.volumes?.some(({ csi }) => path.name !== '' && csi?.driver === path.name),
        ),
        unused,
        `csidriver/${path.name}`,
      );
    case 'persistentvolumeclaim':
      return when(
        inNamespace.some((pod) => referencesOf(pod).persistentVolumeClaims.has(path.name)),
        unused,
      );
    case 'persistentvolume':
    case 'volumeattachment':
    case 'certificatesigningrequest':
      return when(path.name !== '', 'a list is not available to a node');
    default:
      return deny(`a node may not read ${path.type}`);
  }
}

function orByVolume(byPod: boolean, reason: string, reference: string): Verdict {
  return byPod ? ALLOW : { allow: false, reason, unlessVolume: reference };
}

function mayRequestToken(path: ResourcePath, content: unknown, podsOfNode: readonly Pod[]): Verdict {
  if (field(content, 'spec', 'boundObjectRef', 'kind') !== 'Pod') {
    return deny('a node may only request tokens that are bound to a pod');
  }
  const bound = podsOfNode.some(
    (pod) =>
      pod.metadata.namespace === path.namespace &&
      pod.metadata.name === field(content, 'spec', 'boundObjectRef', 'name') &&
      pod.metadata.uid === field(content, 'spec', 'boundObjectRef', 'uid') &&
      referencesOf(pod).serviceAccount === path.name,
  );
  return when(bound, 'the pod is not bound to this node or does not use this service account');
}

/** A node may show the API its static pods; through such a copy it must not gain access to anything. */
function mirrorPod(node: string, path: ResourcePath, content: unknown): Verdict {
  if (typeof field(content, 'metadata', 'annotations', MIRROR_ANNOTATION) !== 'string') {
    return deny('a node may only create mirror pods');
  }
  if (field(content, 'spec', 'nodeName') !== node) return deny(`a mirror pod must be bound to node ${node}`);
  const namespace = field(content, 'metadata', 'namespace') ?? path.namespace;
  if (nameIn(content) !== path.name || namespace !== path.namespace) {
    return deny('the pod does not have the name it is sent under');
  }
  const owners = field(content, 'metadata', 'ownerReferences') ?? [];
  const ownedByNode =
    Array.isArray(owners) &&
    owners.every((owner) => field(owner, 'kind') === 'Node' && field(owner, 'name') === node);
  if (!ownedByNode) return deny('a mirror pod may only be owned by its node');
  return when(isSelfContained(field(content, 'spec')), 'a mirror pod may not refer to API objects');
}

const OWN_VOLUMES = new Set(['name', 'hostPath', 'emptyDir', 'downwardAPI']);
const OWN_VALUES = new Set(['fieldRef', 'resourceFieldRef']);

/** The pod spec names nothing that would have to be read from the API. What is not understood counts as naming something. */
function isSelfContained(spec: unknown): boolean {
  const containers = ['initContainers', 'containers', 'ephemeralContainers'].map((kind) => field(spec, kind));
  return (
    !field(spec, 'serviceAccountName') &&
    !field(spec, 'resourceClaims') &&
    every(field(spec, 'imagePullSecrets'), () => false) &&
    every(field(spec, 'volumes'), (volume) => Object.keys(volume).every((key) => OWN_VOLUMES.has(key))) &&
    containers.every((list) =>
      every(
        list,
        (container) =>
          every(container['envFrom'], () => false) &&
          every(container['env'], ({ valueFrom = {} }) =>
            isRecord(valueFrom) ? Object.keys(valueFrom).every((key) => OWN_VALUES.has(key)) : false,
          ),
      ),
    )
  );
}

/** An absent list holds for anything; what is no list of objects for nothing. */
function every(list: unknown, holds: (item: Record<string, unknown>) => boolean): boolean {
  if (list === undefined || list === null) return true;
  return Array.isArray(list) && list.every((item) => isRecord(item) && holds(item));
}

function mayReport(node: string, request: AccessRequest, podsOfNode: readonly Pod[]): Verdict {
  const { content, path, wasBound = () => false } = request;
  const event = isRecord(content) && isRecord(content['event']) ? content['event'] : content;
  const about = (name: string): string => {
    const value = field(event, 'involvedObject', name);
    return typeof value === 'string' ? value : '';
  };
  const [kind, namespace, name, uid] = [about('kind'), about('namespace'), about('name'), about('uid')];
  if (kind === 'Node') return when(name === node, 'event is about another node');
  const own = podsOfNode.some(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  return when(
    kind === 'Pod' && namespace === path.namespace && (own || wasBound({ namespace, name, uid })),
    `event is not about node ${node} or one of its pods`,
  );
}

function nameIn(content: unknown): string | undefined {
  const name = field(content, 'metadata', 'name');
  return typeof name === 'string' ? name : undefined;
}

function field(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (current, key) => (isRecord(current) && Object.hasOwn(current, key) ? current[key] : undefined),
    value,
  );
}
