import type { Connection } from './types.ts';

/** A node's newest connection. */
export interface RegisteredConnection {
  readonly connection: Connection;
  /** Grows with every connection of this registry: the larger one is the newer one. */
  readonly epoch: number;
}

/** The newest authenticated connection of a node wins, at once (LESSONS A6). */
export interface ConnectionRegistry {
  /**
   * Makes this the node's connection and closes the one it had (code 4001). The old one delivers no further frame
   * once this returns. When the connection ends it leaves the registry by itself.
   */
  add(connection: Connection): RegisteredConnection & { readonly replaced: Connection | undefined };
  get(node: string): RegisteredConnection | undefined;
  /** False for work that began on an older connection of the node. */
  isCurrent(node: string, epoch: number): boolean;
  nodes(): readonly string[];
  readonly size: number;
}

/** Close code a replaced connection sees. */
export const REPLACED_CODE = 4001;

export function createConnectionRegistry(): ConnectionRegistry {
  const current = new Map<string, RegisteredConnection>();
  let lastEpoch = 0;

  return {
    add(connection) {
      const node = connection.peer.nodeName;
      const replaced = current.get(node)?.connection;
      lastEpoch += 1;
      const entry = { connection, epoch: lastEpoch };
      current.set(node, entry);
      replaced?.close(REPLACED_CODE, 'replaced by a newer connection of this node');
      void connection.closed.then(() => {
        if (current.get(node) === entry) current.delete(node);
      });
      return { ...entry, replaced };
    },
    get: (node) => current.get(node),
    isCurrent: (node, epoch) => current.get(node)?.epoch === epoch,
    nodes: () => [...current.keys()],
    get size() {
      return current.size;
    },
  };
}
