import type { Pod } from '@kubeedge-ts/apis';

/** Keys that edged and every other kubelet put on sandboxes and containers (spec/edged.md §3.3, §3.4). */
export const LABEL = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const;

export const ANNOTATION = {
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  terminationGracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
  deletionGracePeriod: 'io.kubernetes.pod.deletionGracePeriod',
  preStopHandler: 'io.kubernetes.container.preStopHandler',
  ports: 'io.kubernetes.container.ports',
  /** Ours alone: the image as the spec wrote it, so that a change of it can be told for certain. */
  specImage: 'edged.kubeedge.io/spec-image',
} as const;

export interface PodIdentity {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

/** Whose pod this is, or undefined when it is nobody's we know. */
export function podOf(labels: Readonly<Record<string, string>>): PodIdentity | undefined {
  const uid = labels[LABEL.podUid];
  const name = labels[LABEL.podName];
  const namespace = labels[LABEL.podNamespace];
  // The uid becomes part of paths: one that could leave its directory is not a pod's.
  if (!uid || !name || !namespace || !/^[\w.-]+$/.test(uid) || uid.startsWith('.')) return undefined;
  return { uid, name, namespace };
}

export function podLabels(pod: PodIdentity): Record<string, string> {
  return { [LABEL.podName]: pod.name, [LABEL.podNamespace]: pod.namespace, [LABEL.podUid]: pod.uid };
}

/** The pod's identity as labels and paths carry it. */
export function identityOf({ metadata }: Pick<Pod, 'metadata'>): PodIdentity {
  return { uid: metadata.uid ?? '', name: metadata.name, namespace: metadata.namespace ?? 'default' };
}

/** `web_default(6f0c…)`, as the kubelet names a pod in its messages. */
export function podText(pod: Pick<Pod, 'metadata'>): string {
  const { name, namespace, uid } = identityOf(pod);
  return `${name}_${namespace}(${uid})`;
}
