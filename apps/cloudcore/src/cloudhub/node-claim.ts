import { type Node, nodes } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { isNotFound, type KubeClient } from '@kubeedge-ts/kube';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';

/** On the Node: address of the cloudcore that holds its newest connection. Upstream's name. */
export const CLOUDCORE_ANNOTATION = 'cloudcore';

export interface NodeClaimPorts {
  readonly kube: Pick<KubeClient, 'get' | 'patch'>;
  readonly advertiseAddress: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Bounds the calls under way. */
  readonly limited: <T>(call: () => Promise<T>) => Promise<T>;
}

/**
 * Writes our address on the Node. Returns who had the node before: `other` means that another cloudcore may have
 * written records since we last looked. A Node that does not exist yet gets its annotation when it registers.
 *
 * @throws the signal's reason
 */
export async function claimNode(
  ports: NodeClaimPorts,
  name: string,
  signal: AbortSignal,
): Promise<'ours' | 'other'> {
  const { kube, advertiseAddress, clock, random, log, limited } = ports;
  const backoff = createBackoff({ initialMs: 500, maxMs: 15_000 }, random);
  const claim = async (): Promise<'ours' | 'other'> => {
    const node: Node = await kube.get(nodes, { name }, { signal });
    const before = node.metadata.annotations?.[CLOUDCORE_ANNOTATION];
    if (before === advertiseAddress) return 'ours';
    const body = { metadata: { annotations: { [CLOUDCORE_ANNOTATION]: advertiseAddress } } };
    await kube.patch(nodes, { name }, { type: 'merge', body }, { signal });
    return before === undefined ? 'ours' : 'other';
  };
  for (;;) {
    signal.throwIfAborted();
    try {
      return await limited(claim);
    } catch (error) {
      signal.throwIfAborted();
      if (isNotFound(error)) return 'ours';
      log.warn({ node: name, err: errorText(error) }, 'node not claimed, will retry');
      await sleep(clock, backoff.next(), signal);
    }
  }
}
