import { type Capability, readCapabilities } from '@kubeedge-ts/apis';

/** What the edges have of our additions to upstream's protocol, as each said when it connected last. */
export interface EdgePeers {
  arriving(node: string, headers: Readonly<Record<string, string>>): void;
  left(node: string): void;
  /** Undefined: the node has not connected since cloudcore started. */
  has(node: string, capability: Capability): boolean | undefined;
  /** The node is none of ours any more; kept while it is connected. */
  forget(node: string): void;
}

export function createEdgePeers(): EdgePeers {
  const peers = new Map<string, { capabilities: ReadonlySet<Capability>; connected: boolean }>();
  return {
    arriving(node, headers) {
      peers.set(node, { capabilities: readCapabilities(headers), connected: true });
    },
    left(node) {
      const peer = peers.get(node);
      if (peer !== undefined) peer.connected = false;
    },
    has: (node, capability) => peers.get(node)?.capabilities.has(capability),
    forget(node) {
      if (peers.get(node)?.connected === false) peers.delete(node);
    },
  };
}
