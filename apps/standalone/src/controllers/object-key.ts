import type { KubeObject } from '@kubeedge-ts/apis';
import type { ObjectKey } from '@kubeedge-ts/kube';

/** `namespace/name`, or `name` of a cluster-wide object. */
export function keyOf({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

export function splitKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash === -1 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
