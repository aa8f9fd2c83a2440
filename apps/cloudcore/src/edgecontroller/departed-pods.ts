import type { Clock } from '@kubeedge-ts/runtime';
import type { Stub } from '../controllers/selective-cache.ts';

/**
 * Pods that were bound to a node and are gone from the API. What happened to them during an outage is told after their
 * end, and the node may still tell it.
 */
export interface DepartedPods {
  add(pod: Stub): void;
  /** Without `uid`: any of that name. */
  has(node: string, pod: { namespace: string; name: string; uid?: string | undefined }): boolean;
  forget(node: string): void;
}

/** As long as the API server keeps events by default. */
const REMEMBERED_MS = 3_600_000;
const PER_NODE = 512;

export function createDepartedPods(clock: Pick<Clock, 'monotonic'>): DepartedPods {
  /** By node; the earliest first, since a Map keeps the order of insertion. */
  const nodes = new Map<string, Map<string, { namespace: string; name: string; at: number }>>();
  return {
    add({ metadata, spec }) {
      const { namespace = '', name, uid = '' } = metadata;
      const node = spec?.nodeName;
      if (!node || uid === '') return;
      const pods = nodes.get(node) ?? new Map();
      nodes.set(node, pods);
      pods.set(uid, { namespace, name, at: clock.monotonic() });
      for (const [oldest, { at }] of pods) {
        if (pods.size <= PER_NODE && clock.monotonic() - at <= REMEMBERED_MS) break;
        pods.delete(oldest);
      }
    },
    has(node, { namespace, name, uid }) {
      const pods = nodes.get(node);
      const isThat = (pod: { namespace: string; name: string; at: number } | undefined): boolean =>
        pod !== undefined &&
        pod.namespace === namespace &&
        pod.name === name &&
        clock.monotonic() - pod.at <= REMEMBERED_MS;
      return uid ? isThat(pods?.get(uid)) : [...(pods?.values() ?? [])].some(isThat);
    },
    forget: (node) => void nodes.delete(node),
  };
}
