import type { Lease } from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, type Logger, type Random, rfc3339Micro, sleep } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';

export interface NodeLeaseOptions {
  readonly nodeName: string;
  readonly leaseSeconds: number;
  readonly meta: Pick<MetaClient, 'getLease' | 'putLease' | 'connected'>;
  /** Uid of the registered node; the lease gets no owner while it is unknown. */
  readonly nodeUid: () => string | undefined;
  /** The cluster has the lease no more: it goes with the node it belongs to. */
  readonly onLost: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Renews the node's lease, by which the cluster knows that it is alive (spec/edged.md §2.2). */
export interface NodeLease {
  run(signal: AbortSignal): Promise<void>;
  /** Renew at once: the connection is back. */
  poke(): void;
}

const NAMESPACE = 'kube-node-lease';
const RENEW_SHARE = 0.25;
const RETRY_MS = 1_000;

export function createNodeLease(options: NodeLeaseOptions): NodeLease {
  const { nodeName, leaseSeconds, meta, nodeUid, onLost, clock, random, log } = options;
  let held: Lease | undefined;
  let awake = Promise.withResolvers<void>();

  const renew = async (): Promise<void> => {
    // Another edgecore of this node, or the API, may have written it since.
    held ??= await meta.getLease(nodeName);
    try {
      held = await meta.putLease(renewed(held, nodeName, leaseSeconds, nodeUid(), clock.now()));
    } catch (error) {
      held = undefined;
      if (isKubeEdgeError(error, 'EDGE_REMOTE_FAILED') && error.details['reason'] === 'NotFound') onLost();
      throw error;
    }
  };

  return {
    poke() {
      awake.resolve();
    },
    async run(signal) {
      const period = leaseSeconds * 1000 * RENEW_SHARE;
      let failing = false;
      while (!signal.aborted) {
        let waitMs = period;
        if (meta.connected) {
          try {
            await renew();
            failing = false;
          } catch (error) {
            if (signal.aborted) return;
            if (!failing) log.warn({ err: errorText(error) }, 'lease could not be renewed, trying again');
            failing = true;
            waitMs = RETRY_MS * (1 + random.next());
          }
        }
        const alarm = new AbortController();
        await Promise.race([
          sleep(clock, waitMs, AbortSignal.any([signal, alarm.signal])).catch(() => undefined),
          awake.promise,
        ]);
        alarm.abort();
        awake = Promise.withResolvers<void>();
      }
    },
  };
}

export function renewed(
  held: Lease | undefined,
  nodeName: string,
  leaseSeconds: number,
  uid: string | undefined,
  now: number,
): Lease {
  const owner = uid === undefined ? undefined : [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }];
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: leaseSeconds, renewTime: rfc3339Micro(now) };
  if (held === undefined) {
    return {
      metadata: {
        name: nodeName,
        namespace: NAMESPACE,
        creationTimestamp: null as unknown as string,
        ...(owner === undefined ? {} : { ownerReferences: owner }),
      },
      spec,
    };
  }
  const owners = held.metadata.ownerReferences ?? [];
  // A node that was registered anew is another one, and the lease must not go with the old one.
  const stale = owner !== undefined && !owners.some((one) => one.uid === uid);
  return {
    ...held,
    metadata: { ...held.metadata, ...(stale ? { ownerReferences: owner } : {}) },
    spec: { ...held.spec, ...spec },
  };
}
