import type { Message } from '@kubeedge-ts/apis';
import type { Downstream, DownstreamObject } from '../../cloudhub/downstream.ts';

export interface FakeDownstream extends Downstream {
  /** What each node must have now, by UID. */
  readonly wanted: ReadonlyMap<string, ReadonlyMap<string, DownstreamObject>>;
  /** Everything that was called, in order: `want node type/ns/name hash-changed?`. */
  readonly log: readonly string[];
  readonly posted: readonly { readonly node: string; readonly message: Message }[];
  readonly settledSources: readonly string[];
  /** `type/namespace/name` of what a node must have, sorted. */
  names(node: string): string[];
  object(node: string, name: string): DownstreamObject;
  answerTo(request: Message): Message | undefined;
  connect(node: string): void;
  disconnect(node: string): void;
}

/** Remembers what controllers ask of CloudHub. */
export function createFakeDownstream(): FakeDownstream {
  const wanted = new Map<string, Map<string, DownstreamObject>>();
  const log: string[] = [];
  const posted: { node: string; message: Message }[] = [];
  const settledSources: string[] = [];
  const nodes = new Set<string>();
  const nameOf = ({ type, namespace, name }: DownstreamObject): string => `${type}/${namespace}/${name}`;
  const objectsOf = (node: string): Map<string, DownstreamObject> => {
    const known = wanted.get(node) ?? new Map<string, DownstreamObject>();
    wanted.set(node, known);
    return known;
  };
  return {
    wanted,
    log,
    posted,
    settledSources,
    want(node, object) {
      const same = objectsOf(node).get(object.uid)?.hash === object.hash;
      objectsOf(node).set(object.uid, object);
      log.push(`want ${node} ${nameOf(object)}${same ? ' version' : ''}`);
    },
    unwant(node, uid) {
      const object = objectsOf(node).get(uid);
      objectsOf(node).delete(uid);
      log.push(`unwant ${node} ${object ? nameOf(object) : uid}`);
    },
    settled(source) {
      settledSources.push(source);
      log.push(`settled ${source}`);
    },
    post(node, message) {
      if (!nodes.has(node)) return false;
      posted.push({ node, message });
      return true;
    },
    connected: () => [...nodes],
    names: (node) => [...objectsOf(node).values()].map(nameOf).sort(),
    object(node, name) {
      const found = [...objectsOf(node).values()].find((object) => nameOf(object) === name);
      if (found === undefined) throw new Error(`${node} need not have ${name}`);
      return found;
    },
    answerTo: (request) =>
      posted.find(({ message }) => message.header.parent_msg_id === request.header.msg_id)?.message,
    connect: (node) => nodes.add(node),
    disconnect: (node) => nodes.delete(node),
  };
}
