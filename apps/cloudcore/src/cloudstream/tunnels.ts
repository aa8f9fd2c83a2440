import type { Logger } from '@kubeedge-ts/runtime';
import type { NodeTunnel } from '@kubeedge-ts/tunnel';

/** The tunnels that stand, one per node. */
export interface Tunnels {
  /** The newest tunnel of a node is the one: what is older is a connection the edge has given up. */
  add(tunnel: NodeTunnel): void;
  of(node: string): NodeTunnel | undefined;
  /** The nodes that told this address as theirs when they connected. */
  nodesAt(internalIp: string): readonly string[];
  nodes(): readonly string[];
}

export interface TunnelsOptions {
  /** Further nodes are turned away; one that is connected may come again. */
  readonly limit: number;
  /** A node's tunnel has come or gone. */
  readonly changed: (node: string) => void;
  readonly log: Logger;
}

export function createTunnels({ limit, changed, log }: TunnelsOptions): Tunnels {
  const tunnels = new Map<string, NodeTunnel>();
  return {
    add(tunnel) {
      const { nodeName: node } = tunnel;
      const older = tunnels.get(node);
      if (older === undefined && tunnels.size >= limit) {
        log.warn({ node, limit }, 'tunnel refused: as many nodes as cloudHub.nodeLimit are connected');
        tunnel.close(`cloudcore has its ${limit} nodes`);
        return;
      }
      tunnels.set(node, tunnel);
      older?.close('replaced by a newer tunnel of this node');
      void tunnel.closed.then(() => {
        if (tunnels.get(node) !== tunnel) return;
        tunnels.delete(node);
        changed(node);
      });
      changed(node);
    },
    of: (node) => tunnels.get(node),
    nodesAt(internalIp) {
      if (internalIp === '') return [];
      return [...tunnels.values()].filter((tunnel) => tunnel.internalIp === internalIp).map(nameOf);
    },
    nodes: () => [...tunnels.keys()],
  };
}

function nameOf({ nodeName }: NodeTunnel): string {
  return nodeName;
}
