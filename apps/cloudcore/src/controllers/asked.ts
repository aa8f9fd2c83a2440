import type { Downstream, DownstreamObject } from '../cloudhub/downstream.ts';

const NOTHING: ReadonlyMap<string, DownstreamObject> = new Map();

/** What each node was last asked to have; turns a newly computed set into the calls that lead to it. */
export interface Asked {
  of(node: string): ReadonlyMap<string, DownstreamObject>;
  replace(node: string, objects: ReadonlyMap<string, DownstreamObject>): void;
}

export function createAsked(downstream: Pick<Downstream, 'want' | 'unwant'>): Asked {
  const asked = new Map<string, ReadonlyMap<string, DownstreamObject>>();
  return {
    of: (node) => asked.get(node) ?? NOTHING,
    replace(node, objects) {
      const before = asked.get(node) ?? NOTHING;
      for (const uid of before.keys()) if (!objects.has(uid)) downstream.unwant(node, uid);
      for (const [uid, object] of objects) {
        const last = before.get(uid);
        if (last?.hash !== object.hash || last.resourceVersion !== object.resourceVersion) {
          downstream.want(node, object);
        }
      }
      if (objects.size > 0) asked.set(node, objects);
      else asked.delete(node);
    },
  };
}
