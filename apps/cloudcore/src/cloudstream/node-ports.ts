import { createServer, type Server, type Socket } from 'node:net';
import { cloudcoreErrors, errorText } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** `first-last`, checked by the configuration's schema; undefined: none. */
export function parsePortRange(text: string): PortRange | undefined {
  const [first = '', last = ''] = text.split('-');
  return text === '' ? undefined : { first: Number(first), last: Number(last) };
}

/**
 * A port of this machine per node: the one way to know the node of a request that names none, as metrics-server's do.
 * A node keeps its port as long as it is known.
 */
export interface NodePorts {
  /**
   * The node's port, opened if it is not: `preferred` when that is free, else one found by the node's name.
   * @throws KubeEdgeError CLOUDCORE_NODE_PORTS_TAKEN
   */
  open(node: string, preferred: number | undefined): Promise<number>;
  nodeOf(port: number): string | undefined;
  portOf(node: string): number | undefined;
  /** Closes the node's port and all its connections. */
  release(node: string): void;
  /** Takes no more connections; those there are go on. */
  close(): void;
}

export interface NodePortsOptions {
  readonly range: PortRange;
  readonly address?: string | undefined;
  readonly onConnection: (socket: Socket) => void;
  readonly log: Logger;
}

const MAX_TRIES = 64;
const MAX_CONNECTIONS_PER_NODE = 1_024;
const PROBE_AFTER_MS = 30_000;

interface Listener {
  readonly port: number;
  readonly server: Server;
  readonly sockets: Set<Socket>;
}

export function createNodePorts({ range, address, onConnection, log }: NodePortsOptions): NodePorts {
  const listeners = new Map<string, Listener>();
  const owners = new Map<number, string>();
  const opening = new Map<string, Promise<number>>();
  let closed = false;

  const find = async (node: string, preferred: number | undefined): Promise<number> => {
    const tries = candidates(node, preferred, range);
    for (const port of tries) {
      if (owners.has(port)) continue;
      // reserved at once: another node may look for one meanwhile
      owners.set(port, node);
      const listener = await listen(port);
      if (listener === undefined) {
        owners.delete(port);
        continue;
      }
      if (closed) {
        end(listener);
        break;
      }
      listeners.set(node, listener);
      log.info({ node, port }, 'port of the kubelet API of this node is open');
      return port;
    }
    const { first, last } = range;
    throw cloudcoreErrors.create('CLOUDCORE_NODE_PORTS_TAKEN', {
      node,
      range: `${first}-${last}`,
      tried: tries.length,
    });
  };

  /** Undefined: somebody else has it. */
  const listen = (port: number): Promise<Listener | undefined> =>
    new Promise((resolve) => {
      const sockets = new Set<Socket>();
      const server = createServer(
        { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_AFTER_MS },
        (socket) => {
          sockets.add(socket);
          socket.once('close', () => sockets.delete(socket));
          onConnection(socket);
        },
      );
      server.maxConnections = MAX_CONNECTIONS_PER_NODE;
      server.once('error', (error) => {
        log.debug({ port, err: errorText(error) }, 'port is not to be had');
        resolve(undefined);
      });
      server.listen({ port, host: address }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => log.error({ port, err: errorText(error) }, 'listener failed'));
        resolve({ port, server, sockets });
      });
    });

  const end = ({ port, server, sockets }: Listener): void => {
    owners.delete(port);
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  /** What is connected is the KubeletServer's to end. */
  const stopListening = ({ server }: Listener): void => void server.close();

  return {
    async open(node, preferred) {
      const known = listeners.get(node);
      if (known !== undefined) return known.port;
      const underWay = opening.get(node) ?? find(node, preferred).finally(() => opening.delete(node));
      opening.set(node, underWay);
      return underWay;
    },
    nodeOf: (port) => owners.get(port),
    portOf: (node) => listeners.get(node)?.port,
    release(node) {
      const listener = listeners.get(node);
      listeners.delete(node);
      if (listener !== undefined) end(listener);
    },
    close() {
      closed = true;
      for (const listener of listeners.values()) stopListening(listener);
      listeners.clear();
    },
  };
}

/** The preferred port, then those from the one the name hashes to: a node finds its port again, and nodes spread. */
export function candidates(
  node: string,
  preferred: number | undefined,
  { first, last }: PortRange,
): readonly number[] {
  const size = last - first + 1;
  const start = hash(node) % size;
  const tries = Array.from(
    { length: Math.min(MAX_TRIES, size) },
    (_, index) => first + ((start + index) % size),
  );
  const keeps = preferred !== undefined && preferred >= first && preferred <= last;
  return keeps ? [preferred, ...tries.filter((port) => port !== preferred)] : tries;
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
