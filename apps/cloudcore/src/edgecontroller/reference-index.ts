import type { Pod } from '@kubeedge-ts/apis';
import { referencesOf } from './references.ts';
import type { ConfigType } from './wanted.ts';

const NONE: ReadonlySet<string> = new Set();

/** Which nodes run pods that refer to a ConfigMap or Secret. */
export function createReferenceIndex() {
  /** `type/namespace/name` → nodes, and `type/namespace` → nodes. */
  const users = new Map<string, Map<string, number>>();
  const uses = new Map<string, ReadonlySet<string>>();

  const change = (id: string, node: string, by: 1 | -1): void => {
    const counts = users.get(id) ?? new Map<string, number>();
    const count = (counts.get(node) ?? 0) + by;
    if (count > 0) counts.set(node, count);
    else counts.delete(node);
    if (counts.size > 0) users.set(id, counts);
    else users.delete(id);
  };
  const changeBoth = (id: string, node: string, by: 1 | -1): void => {
    change(id, node, by);
    change(id.slice(0, id.lastIndexOf('/')), node, by);
  };
  const nodesAt = (id: string): ReadonlySet<string> => {
    const counts = users.get(id);
    return counts === undefined ? NONE : new Set(counts.keys());
  };

  return {
    /** What the pods of `node` refer to from now on. */
    refer(node: string, pods: readonly Pod[]): void {
      const next = new Set(pods.flatMap(idsOf));
      const previous = uses.get(node) ?? NONE;
      for (const id of next) if (!previous.has(id)) changeBoth(id, node, 1);
      for (const id of previous) if (!next.has(id)) changeBoth(id, node, -1);
      if (next.size > 0) uses.set(node, next);
      else uses.delete(node);
    },
    nodesOf: (type: ConfigType, namespace: string, name: string) => nodesAt(`${type}/${namespace}/${name}`),
    nodesIn: (type: ConfigType, namespace: string) => nodesAt(`${type}/${namespace}`),
  };
}

function idsOf(pod: Pod): string[] {
  const { namespace = '' } = pod.metadata;
  const { configmaps, secrets } = referencesOf(pod);
  return [
    ...[...configmaps].map((name) => `configmap/${namespace}/${name}`),
    ...[...secrets].map((name) => `secret/${namespace}/${name}`),
  ];
}
