import type { Pod } from '@kubeedge-ts/apis';
import { errorText, isKubeEdgeError } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../../metamanager/meta-client.ts';
import { CONFIG_HASH, CONFIG_MIRROR, isMirror, isTerminal } from '../pod/spec.ts';
import { identityOf, type PodIdentity } from '../runtime/labels.ts';

export interface MirrorPodsOptions {
  readonly nodeName: string;
  readonly meta: Pick<MetaClient, 'createPod' | 'getPod' | 'deleteMirrorPod' | 'connected'>;
  /** Uid of the registered node: the owner of its mirror pods. */
  readonly nodeUid: () => string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The static pod has another API object now, or none. */
  readonly onMirror: (staticUid: string) => void;
}

/** The API objects that show this node's static pods (spec/edged.md §14). */
export interface MirrorPods {
  /** The static pods there are. */
  want(pods: readonly Pod[]): void;
  /** A mirror pod as the cloud sent it. */
  seen(mirror: Pod): void;
  /** It is gone from the API; an empty uid means any of that name. */
  gone(mirror: PodIdentity): void;
  /** Whose status the static pod's is; undefined while there is no mirror of its present content. */
  identityOf(pod: Pod): PodIdentity | undefined;
  /**
   * What the API last showed of it; undefined also when that was its end: the file is still there, so it starts anew,
   * as after a shutdown of the node.
   */
  statusOf(pod: Pod): Pod['status'];
  /** Something it may have waited for is there: the connection, the node. */
  poke(): void;
  /** Keeps the API as it should be until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

interface Pair {
  pod: Pod | undefined;
  mirror: Pod | undefined;
}

export function createMirrorPods(options: MirrorPodsOptions): MirrorPods {
  const { nodeName, meta, nodeUid, clock, random, log, onMirror } = options;
  /** By `namespace/name`, which both share. */
  const pairs = new Map<string, Pair>();
  let changed = Promise.withResolvers<void>();

  const pairOf = (pod: PodIdentity): Pair => {
    const key = `${pod.namespace}/${pod.name}`;
    const pair = pairs.get(key) ?? { pod: undefined, mirror: undefined };
    pairs.set(key, pair);
    return pair;
  };
  const poke = (): void => changed.resolve();

  const setMirror = (pair: Pair, mirror: Pod | undefined): void => {
    const before = pair.mirror?.metadata.uid;
    pair.mirror = mirror;
    const { pod } = pair;
    if (pod?.metadata.uid !== undefined && before !== mirror?.metadata.uid) onMirror(pod.metadata.uid);
  };

  const remove = async (pair: Pair, mirror: Pod): Promise<void> => {
    await meta.deleteMirrorPod(identityOf(mirror));
    setMirror(pair, undefined);
  };

  const settle = async (key: string, pair: Pair): Promise<void> => {
    const { pod, mirror } = pair;
    if (pod === undefined) {
      if (mirror !== undefined) await remove(pair, mirror);
      pairs.delete(key);
      return;
    }
    if (mirror !== undefined) {
      if (!isMirrorOf(mirror, pod) || mirror.metadata.deletionTimestamp !== undefined)
        await remove(pair, mirror);
      else return;
    }
    const owner = nodeUid();
    if (owner === undefined) return;
    try {
      setMirror(pair, await meta.createPod(mirrorOf(pod, nodeName, owner)));
      log.info({ pod: key }, 'mirror pod created');
    } catch (error) {
      if (!isKubeEdgeError(error, 'EDGE_REMOTE_FAILED') || error.details['reason'] !== 'AlreadyExists')
        throw error;
      // One from an earlier life of this node; or a pod of somebody else, which the cloud does not show us.
      const { namespace, name } = identityOf(pod);
      const found = await meta.getPod(namespace, name);
      if (found === undefined || !isMirror(found)) throw error;
      setMirror(pair, found);
      return settle(key, pair);
    }
  };

  const settleAll = async (): Promise<boolean> => {
    let done = true;
    for (const [key, pair] of pairs) {
      try {
        await settle(key, pair);
      } catch (error) {
        done = false;
        if (meta.connected)
          log.warn({ pod: key, err: errorText(error) }, 'mirror pod is not as it should be');
      }
    }
    return done;
  };

  return {
    want(pods) {
      const wanted = new Map(
        pods.map((pod) => [`${identityOf(pod).namespace}/${identityOf(pod).name}`, pod]),
      );
      for (const [key, pair] of pairs) pair.pod = wanted.get(key);
      for (const pod of pods) pairOf(identityOf(pod)).pod = pod;
      poke();
    },
    seen(mirror) {
      setMirror(pairOf(identityOf(mirror)), mirror);
      poke();
    },
    gone({ uid, ...name }) {
      const pair = pairOf({ uid, ...name });
      if (uid === '' || pair.mirror?.metadata.uid === uid) setMirror(pair, undefined);
      poke();
    },
    identityOf(pod) {
      const { mirror } = pairOf(identityOf(pod));
      return mirror !== undefined && isMirrorOf(mirror, pod) ? identityOf(mirror) : undefined;
    },
    statusOf(pod) {
      const { mirror } = pairOf(identityOf(pod));
      if (mirror === undefined || !isMirrorOf(mirror, pod) || isTerminal(mirror.status?.phase))
        return undefined;
      return mirror.status;
    },
    poke,
    async run(signal) {
      const backoff = createBackoff({ initialMs: 1_000, maxMs: 60_000 }, random);
      while (!signal.aborted) {
        changed = Promise.withResolvers<void>();
        // Without the cloud there is nothing to settle; the connection's return wakes us.
        const done = !meta.connected || (await settleAll());
        if (done) backoff.reset();
        const alarm = new AbortController();
        const waiting = AbortSignal.any([signal, alarm.signal]);
        const pause = done ? aborted(waiting) : sleep(clock, backoff.next(), waiting).catch(() => undefined);
        await Promise.race([pause, changed.promise]);
        alarm.abort();
      }
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function isMirrorOf(mirror: Pod, pod: Pod): boolean {
  return mirror.metadata.annotations?.[CONFIG_MIRROR] === pod.metadata.annotations?.[CONFIG_HASH];
}

/** What the API is told of a static pod. Its uid is the API's own. */
function mirrorOf({ metadata, spec }: Pod, nodeName: string, nodeUid: string): Pod {
  const { name, namespace, labels, annotations } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [CONFIG_MIRROR]: annotations?.[CONFIG_HASH] ?? '' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid, controller: true }],
    },
    ...(spec === undefined ? {} : { spec }),
  };
}
