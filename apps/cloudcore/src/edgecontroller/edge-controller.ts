import type { MessageOrigin, Node } from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import type { Informer, KubeClient } from '@kubeedge-ts/kube';
import type { Clock, Logger, Random } from '@kubeedge-ts/runtime';
import type { Downstream, NodeLifecycle, Upstream } from '../cloudhub/downstream.ts';
import { createAnswers } from '../controllers/answers.ts';
import { createEdgePeers } from '../controllers/edge-peers.ts';
import { createCaches } from './caches.ts';
import { createDown } from './down.ts';
import { createEventPace, type PaceLimits } from './event-pace.ts';
import { createUp } from './up.ts';
import { createVolumeReferences } from './volume-references.ts';

export interface EdgeControllerOptions {
  /** Written as annotation `cloudcore` on nodes created here, as upstream does; none by default. */
  readonly address?: string;
  /** Requests of one node worked on at the same time; default 32. */
  readonly concurrencyPerNode?: number;
  /** Requests of one node that may wait; default 1,024. */
  readonly backlogPerNode?: number;
  /** How long a pod waits for ConfigMaps and Secrets that cannot be read, ms; default 5 s. */
  readonly patienceMs?: number;
  /** How long a request waits for the caches after a start, ms; default 25 s (edges wait 60 s). */
  readonly readyMs?: number;
  /** Events of one node; default 10/s after a burst of 100, and 256 that wait. */
  readonly events?: PaceLimits;
}

const EVENT_LIMITS: PaceLimits = { rate: { perSecond: 10, burst: 100 }, waiting: 256 };

export interface EdgeControllerPorts {
  readonly kube: KubeClient;
  readonly downstream: Downstream;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly options?: EdgeControllerOptions;
}

export interface EdgeController {
  readonly module: Module;
  readonly upstream: Upstream;
  readonly lifecycle: NodeLifecycle;
  /** All nodes of the cluster, as they are now; followed once the module has started. */
  readonly nodes: Informer<Node>;
  /** Resolves when no request of a node is being worked on. */
  idle(): Promise<void>;
}

/**
 * Nodes, leases, pods, ConfigMaps, Secrets and tokens, in both directions. Down: computes what every edge node must
 * have and names it to CloudHub. Up: carries out and answers what edges ask for.
 */
export function createEdgeController(ports: EdgeControllerPorts): EdgeController {
  const { kube, downstream, clock, random, options = {} } = ports;
  const log = ports.log.child({ module: 'edgecontroller' });
  const stopping = new AbortController();
  const origin: MessageOrigin = { now: clock.now, uuid: random.uuid };
  const caches = createCaches(kube, (node) => down.mark(node), { clock, random, log });
  const peers = createEdgePeers();
  const pace = createEventPace(options.events ?? EVENT_LIMITS, clock);
  const volumes = createVolumeReferences(kube, clock);
  const down = createDown(caches, { downstream, peers, clock, patienceMs: options.patienceMs ?? 5_000 });
  const up = createUp(
    {
      kube,
      caches,
      downstream,
      answers: createAnswers(origin),
      peers,
      pace,
      volumes,
      origin,
      clock,
      log,
      address: options.address ?? '',
    },
    {
      concurrency: options.concurrencyPerNode ?? 32,
      backlog: options.backlogPerNode ?? 1_024,
      readyMs: options.readyMs ?? 25_000,
    },
    stopping.signal,
  );

  return {
    module: {
      name: 'edgecontroller',
      // Ready at once: the caches fill by themselves, also when the API server is away at first.
      async start() {
        caches.start(stopping.signal);
        void caches.ready.then(() => down.begin());
      },
      async stop() {
        stopping.abort(new Error('edgecontroller is stopping'));
        down.end();
        await up.idle();
      },
    },
    upstream: up.upstream,
    lifecycle: {
      arriving(node, headers) {
        peers.arriving(node, headers);
        down.mark(node);
      },
      // What a node must have does not depend on whether it is connected.
      connected: () => {},
      disconnected(node) {
        peers.left(node);
        pace.forget(node);
        volumes.forget(node);
      },
    },
    nodes: caches.nodes,
    idle: up.idle,
  };
}
