import { type Node, type NodeAddress, nodes } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { createWorkQueue, type Informer, isNotFound, type KubeClient } from '@kubeedge-ts/kube';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { NodeTunnel } from '@kubeedge-ts/tunnel';
import {
  ENDPOINT_ANNOTATION,
  formatEndpoint,
  type KubeletEndpoint,
  ownAddresses,
  publishedAddresses,
  publishedEndpoint,
  replacing,
  sameAddresses,
} from '../controllers/kubelet-endpoint.ts';
import { type Contest, decideRewrite, NO_CONTEST } from './contest.ts';
import type { NodePorts } from './node-ports.ts';

/** Tells the API server where the kubelets of the connected nodes are reached: in the status of their Nodes. */
export interface Publisher {
  start(signal: AbortSignal): void;
  /** The node's tunnel or the address has changed. */
  look(node: string): void;
  /** Resolves once nothing is being written. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

export interface PublisherOptions {
  readonly kube: Pick<KubeClient, 'patch'>;
  readonly nodes: Pick<Informer<Node>, 'get' | 'subscribe'>;
  readonly tunnelOf: (node: string) => NodeTunnel | undefined;
  /** Undefined: all nodes are reached on `sharedPort`. */
  readonly ports: NodePorts | undefined;
  readonly sharedPort: () => number;
  readonly address: () => string;
  /** Whether the node answers through this tunnel. */
  readonly isAlive: (tunnel: NodeTunnel, signal: AbortSignal) => Promise<boolean>;
  /** It stands in the Node's status, for the first time or anew. */
  readonly published: (node: string, endpoint: KubeletEndpoint) => void;
  /** The Node is gone. */
  readonly forgotten: (node: string) => void;
  /** Somebody keeps writing something else. */
  readonly contested: (node: string, endpoint: KubeletEndpoint) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const CONCURRENCY = 8;
/** Until the cache shows what was written, it shows what was before. */
const UNSEEN_MS = 5_000;

interface Written {
  readonly text: string;
  readonly at: number;
  /** The cache has shown it since. */
  seen: boolean;
  readonly contest: Contest;
  /** Whoever is to know of the contest does. */
  told: boolean;
}

export function createPublisher(options: PublisherOptions): Publisher {
  const { kube, tunnelOf, ports, sharedPort, address, isAlive, clock, random } = options;
  const log = options.log.child({ part: 'publisher' });
  const written = new Map<string, Written>();

  const portFor = async (node: Node): Promise<number> => {
    if (ports === undefined) return sharedPort();
    const { name } = node.metadata;
    // as before, by whichever cloudcore: the API server keeps connections by address and port
    const before = publishedEndpoint(node)?.port ?? node.status?.daemonEndpoints?.kubeletEndpoint?.Port;
    try {
      return await ports.open(name, before);
    } catch (error) {
      log.error({ node: name, err: errorText(error) }, 'node gets no port of its own');
      return sharedPort();
    }
  };

  /** True: a tunnel that has become another cloudcore's, though it looks open from here. */
  const isTakenOver = async (node: Node, wanted: KubeletEndpoint, signal: AbortSignal): Promise<boolean> => {
    const { name } = node.metadata;
    const other = publishedEndpoint(node);
    const tunnel = tunnelOf(name);
    if (!written.has(name) || other === undefined || other.address === wanted.address) return false;
    if (tunnel === undefined || (await isAlive(tunnel, signal))) return false;
    log.info({ node: name, by: formatEndpoint(other) }, 'another cloudcore has this node now');
    written.delete(name);
    tunnel.close('the node does not answer, and another cloudcore has published it');
    return true;
  };

  const write = async (node: Node, wanted: KubeletEndpoint, signal: AbortSignal): Promise<void> => {
    const { name, resourceVersion } = node.metadata;
    const own = ownAddresses(node.status?.addresses, publishedEndpoint(node));
    const body = {
      // the node's own addresses are those of this version
      metadata: { resourceVersion, annotations: { [ENDPOINT_ANNOTATION]: formatEndpoint(wanted) } },
      status: {
        addresses: replacing(publishedAddresses(wanted, own)),
        daemonEndpoints: { kubeletEndpoint: { Port: wanted.port } },
      },
    };
    try {
      await kube.patch(nodes, { name }, { type: 'strategic', body }, { subresource: 'status', signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  const publish = async (name: string, signal: AbortSignal): Promise<void> => {
    const node = options.nodes.get({ name });
    if (tunnelOf(name) === undefined) {
      // when it comes again, it may have been elsewhere meanwhile
      written.delete(name);
      return;
    }
    if (node === undefined) return;
    const wanted = { address: address(), port: await portFor(node) };
    const text = formatEndpoint(wanted);
    const before = written.get(name)?.text === text ? written.get(name) : undefined;
    if (isPublished(node, wanted)) {
      if (before !== undefined) return;
      written.set(name, { text, at: clock.monotonic(), seen: true, contest: NO_CONTEST, told: false });
      options.published(name, wanted);
      return;
    }
    if (await isTakenOver(node, wanted, signal)) return;
    const now = clock.monotonic();
    let contest = NO_CONTEST;
    if (before !== undefined) {
      if (!before.seen && now - before.at < UNSEEN_MS) return queue.addAfter(name, UNSEEN_MS);
      const rewrite = decideRewrite(before.contest, now);
      if (rewrite.lasting && rewrite.waitMs > 0) {
        if (!before.told) options.contested(name, wanted);
        before.told = true;
        return queue.addAfter(name, rewrite.waitMs);
      }
      log.info({ node: name, endpoint: text }, 'somebody has overwritten the published address');
      contest = rewrite.contest;
    }
    await write(node, wanted, signal);
    written.set(name, { text, at: now, seen: false, contest, told: before?.told ?? false });
    if (before !== undefined) return;
    log.info({ node: name, endpoint: text }, 'the API server is told where this node is reached');
    options.published(name, wanted);
  };

  const queue = createWorkQueue(
    { name: 'publisher', handler: publish, concurrency: CONCURRENCY },
    { clock, random, log },
  );

  return {
    start(signal) {
      const look = (node: Node): void => {
        const { name } = node.metadata;
        // heartbeats are many: only what is ours and not as it should be is worth a look
        if (tunnelOf(name) === undefined) return;
        const last = written.get(name);
        const endpoint = publishedEndpoint(node);
        if (last === undefined || endpoint === undefined || formatEndpoint(endpoint) !== last.text)
          queue.add(name);
        else if (isPublished(node, endpoint)) last.seen = true;
        else queue.add(name);
      };
      const stop = options.nodes.subscribe({
        added: look,
        updated: look,
        deleted({ metadata: { name } }) {
          written.delete(name);
          ports?.release(name);
          options.forgotten(name);
        },
      });
      signal.addEventListener('abort', stop, { once: true });
    },
    look: (node) => queue.add(node),
    idle: () => queue.idle(),
    stop: () => queue.shutdown(),
  };
}

function isPublished(node: Node, wanted: KubeletEndpoint): boolean {
  const { addresses, daemonEndpoints } = node.status ?? {};
  const current: readonly NodeAddress[] = addresses ?? [];
  return (
    node.metadata.annotations?.[ENDPOINT_ANNOTATION] === formatEndpoint(wanted) &&
    daemonEndpoints?.kubeletEndpoint?.Port === wanted.port &&
    sameAddresses(current.slice(0, 2), publishedAddresses(wanted, []))
  );
}
