import { type Message, parseResource } from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import { cloudcoreErrors, errorText } from '@kubeedge-ts/errors';
import type { KubeClient } from '@kubeedge-ts/kube';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import {
  type Admission,
  type Connection,
  createConnectionRegistry,
  type Server,
  type ServerOptions,
  type Transport,
} from '@kubeedge-ts/viaduct';
import { type HubCounters, newCounters } from './counters.ts';
import type { Downstream, DownstreamObject, NodeLifecycle, Upstream } from './downstream.ts';
import { createHubNode, type HubNode, type HubNodePorts } from './hub-node.ts';
import { claimNode } from './node-claim.ts';
import { createObjectSyncs } from './object-sync.ts';
import { createSemaphore } from './semaphore.ts';

export interface CloudHubConfig {
  /** Connected nodes; a node that is connected already may always reconnect. */
  readonly nodeLimit: number;
  /** A connection on which nothing came for so long is closed, ms. */
  readonly keepaliveMs: number;
  /** Written on the Node (annotation `cloudcore`): tells several cloudcores apart. */
  readonly advertiseAddress: string;
}

export interface CloudHubOptions {
  readonly transport: Pick<Transport, 'listen'>;
  readonly serverOptions: ServerOptions;
  /** Decides by certificate; the node limit is added here. */
  readonly admission: Admission;
  readonly kube: Pick<KubeClient, 'get' | 'list' | 'create' | 'patch' | 'delete'>;
  /** UID of `kube-system`. */
  readonly clusterId: string;
  /** Answer to `k8s/ca.crt`. */
  readonly clusterCaPem: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly config: CloudHubConfig;
}

/** The controllers behind CloudHub. */
export interface CloudHubPeers {
  readonly upstream: { readonly edge: Upstream; readonly device: Upstream };
  readonly lifecycle: readonly NodeLifecycle[];
}

export interface CloudHub {
  readonly module: Module;
  readonly downstream: Downstream;
  /** Names the controllers, which need `downstream` themselves. To be called once, before the module starts. */
  bind(peers: CloudHubPeers): void;
  readonly counters: Readonly<HubCounters>;
  /** Port the module listens on; undefined before it started. */
  readonly port: number | undefined;
}

const WINDOW = 32;
const INBOX_CAPACITY = 64;
const CONGESTED_BYTES = 1 << 20;
const FLUSH_MS = 3_000;
/** The stores of connected edges are compared so often, each by a fifth earlier or later than others. */
const RECONCILE_MS = 600_000;
/** WebSocket: the endpoint goes away. */
const GOING_AWAY = 1001;
/** The Node object was deleted. */
const NODE_DELETED_CODE = 4003;

export function createCloudHub(options: CloudHubOptions): CloudHub {
  const { transport, kube, clusterId, clock, random, log, config } = options;
  const counters = newCounters();
  const nodes = new Map<string, HubNode>();
  const settled = new Set<DownstreamObject['source']>();
  const registry = createConnectionRegistry();
  const limited = createSemaphore(32);
  let peers: CloudHubPeers | undefined;
  let server: Server | undefined;
  let stopping = false;

  const objectSyncs = createObjectSyncs({
    kube,
    cluster: clusterId,
    clock,
    random,
    log,
    owns: (node) => nodes.get(node)?.connected ?? false,
    report: (node, event) => {
      nodes.get(node)?.handle(event);
      release(node);
    },
  });
  const bound = (): CloudHubPeers => {
    if (peers === undefined) throw new TypeError('CloudHub: bind() has not been called');
    return peers;
  };
  const claimPorts = { kube, advertiseAddress: config.advertiseAddress, clock, random, log, limited };
  const nodePorts: HubNodePorts = {
    cluster: clusterId,
    objectSyncs,
    claim: (node, signal) => claimNode(claimPorts, node, signal),
    window: WINDOW,
    reconcileMs: () => RECONCILE_MS * (0.8 + 0.4 * random.next()),
    inboxCapacity: INBOX_CAPACITY,
    clock,
    log,
    origin: { now: () => clock.now(), uuid: () => random.uuid() },
    counters,
    upstream: {
      edge: { receive: (node, message) => bound().upstream.edge.receive(node, message) },
      device: { receive: (node, message) => bound().upstream.device.receive(node, message) },
    },
    clusterCaPem: options.clusterCaPem,
    keepaliveMs: config.keepaliveMs,
    congestedBytes: CONGESTED_BYTES,
  };

  const nodeOf = (name: string): HubNode => {
    const known = nodes.get(name);
    if (known !== undefined) return known;
    const node = createHubNode(name, nodePorts);
    nodes.set(name, node);
    for (const source of settled) node.handle({ type: 'settled', source });
    return node;
  };
  const release = (name: string): void => {
    if (nodes.get(name)?.idle === true) nodes.delete(name);
  };

  const admission: Admission = (peer) => {
    const verdict = options.admission(peer);
    if (!verdict.accept) {
      log.warn(
        {
          node: peer.nodeName,
          commonName: peer.commonName,
          from: peer.remoteAddress,
          reason: verdict.reason,
        },
        'connection refused',
      );
      return verdict;
    }
    const connected = registry.size;
    if (connected < config.nodeLimit || registry.get(peer.nodeName) !== undefined) return verdict;
    const { code, message } = cloudcoreErrors.create('CLOUDCORE_NODE_LIMIT', {
      node: peer.nodeName,
      connected,
      limit: config.nodeLimit,
    });
    log.warn({ node: peer.nodeName, code, err: message }, 'connection refused');
    return { accept: false, status: 503, reason: message };
  };

  const notify = (tell: (listener: NodeLifecycle) => void): void => {
    for (const listener of bound().lifecycle) {
      try {
        tell(listener);
      } catch (error) {
        log.error({ err: errorText(error) }, 'a controller failed to take note of a connection');
      }
    }
  };

  const accept = (connection: Connection): void => {
    const name = connection.peer.nodeName;
    if (stopping) {
      connection.close(GOING_AWAY, 'cloudcore is stopping');
      return;
    }
    const { epoch, replaced } = registry.add(connection);
    counters.connections += 1;
    if (replaced !== undefined) counters.replaced += 1;
    log.info(
      { node: name, epoch, from: connection.peer.remoteAddress, replaced: replaced !== undefined },
      'node connected',
    );
    notify((listener) => listener.arriving?.(name, connection.peer.headers));
    nodeOf(name).attach(connection);
    notify((listener) => listener.connected(name));
    void connection.closed.then(({ code, reason, local }) => {
      if (nodes.get(name)?.detach(connection) !== true) return;
      log.info({ node: name, epoch, code, reason, local }, 'node disconnected');
      notify((listener) => listener.disconnected(name));
      release(name);
    });
  };

  const downstream: Downstream = {
    want: (node, object) => nodeOf(node).handle({ type: 'want', object }),
    unwant(node, uid) {
      nodes.get(node)?.handle({ type: 'unwant', uid });
      release(node);
    },
    settled(source) {
      settled.add(source);
      for (const node of nodes.values()) node.handle({ type: 'settled', source });
    },
    post(node, message) {
      const target = nodes.get(node);
      if (isNodeDeletion(message)) {
        target?.disconnect(NODE_DELETED_CODE, 'the node was deleted');
        return target?.connected ?? false;
      }
      const handed = target?.post(message) ?? false;
      if (!handed) counters.lost += 1;
      return handed;
    },
    connected: () => registry.nodes(),
  };

  return {
    downstream,
    counters,
    get port() {
      return server?.port;
    },
    bind(given) {
      peers = given;
    },
    module: {
      name: 'cloudhub',
      async start() {
        bound();
        objectSyncs.start();
        server = await transport.listen(options.serverOptions, admission, accept);
        log.info({ port: server.port }, 'cloudhub listens for nodes');
      },
      async stop() {
        stopping = true;
        await server?.close();
        const open = registry.nodes().map((node) => registry.get(node)?.connection);
        for (const connection of open) connection?.close(GOING_AWAY, 'cloudcore is stopping');
        await Promise.all(open.map((connection) => connection?.closed));
        const deadline = new AbortController();
        const cancel = clock.after(FLUSH_MS, () => deadline.abort());
        await objectSyncs.stop(deadline.signal);
        cancel();
      },
    },
  };
}

/** A Node's deletion is meant for CloudHub and never written to the edge (spec/message-protocol.md §3.1). */
function isNodeDeletion({ route }: Message): boolean {
  const { source, operation, resource = '' } = route;
  if (source !== 'edgecontroller' || operation !== 'delete') return false;
  return parseResource(resource).type === 'node' && resource !== 'node';
}
