import { errorText } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import type { MetaClient } from '../metamanager/meta-client.ts';
import { isMirror } from './pod/spec.ts';
import type { PodSet } from './pod-set.ts';
import type { NodeSettings } from './runtime/node-settings.ts';
import type { PodLogs } from './runtime/pod-logs.ts';
import type { ManifestFolder } from './static/manifest-folder.ts';
import type { MirrorPods } from './static/mirror-pods.ts';
import type { NodeVolumes } from './volumes/node-volumes.ts';

export interface PodLoadingOptions {
  readonly meta: Pick<MetaClient, 'listPods'>;
  readonly manifests: Pick<ManifestFolder, 'read' | 'run'>;
  readonly mirrors: Pick<MirrorPods, 'seen' | 'want' | 'statusOf' | 'run'>;
  readonly pods: Pick<PodSet, 'setStatic' | 'load' | 'has' | 'adoptOrphans'>;
  readonly volumes: Pick<NodeVolumes, 'directories'>;
  readonly settings: Pick<NodeSettings, 'leftCgroups' | 'poke'>;
  readonly logs: Pick<PodLogs, 'removeUnknown'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The pods this node is to run, from the store and from files, and what is left of others. */
export interface PodLoading {
  /** All pods are known; before that nobody can say which container belongs to none. */
  readonly loaded: boolean;
  /** Loads the pods, then follows the files until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Directories and cgroups of pods that ended while edgecore was away; nothing before the pods are loaded. */
  removeLeftovers(): Promise<void>;
}

const RETRY = { initialMs: 200, maxMs: 10_000 };

export function createPodLoading(options: PodLoadingOptions): PodLoading {
  const { meta, manifests, mirrors, pods, volumes, settings, logs, clock, random, log } = options;
  let loaded = false;

  const load = async (signal: AbortSignal): Promise<void> => {
    const known = await meta.listPods();
    for (const pod of known) if (isMirror(pod)) mirrors.seen(pod);
    const found = await manifests.read(signal);
    mirrors.want(found);
    // What the API last showed of a static pod is what is known of its past.
    pods.setStatic(found.map((pod) => ({ ...pod, status: mirrors.statusOf(pod) ?? pod.status ?? {} })));
    pods.load(known);
    loaded = true;
    settings.poke();
    log.info({ pods: known.length }, 'pods of the store are started');
  };

  const removeLeftovers = async (): Promise<void> => {
    if (!loaded) return;
    for (const uid of [...(await volumes.directories()), ...(await settings.leftCgroups())]) {
      if (pods.has(uid)) continue;
      pods.adoptOrphans([{ uid, name: uid, namespace: 'unknown' }]);
    }
    await logs.removeUnknown((uid) => pods.has(uid));
  };

  return {
    get loaded() {
      return loaded;
    },
    removeLeftovers,
    async run(signal) {
      const backoff = createBackoff(RETRY, random);
      // The store is local, so it answers; should it not, orphans must not be touched until it does.
      while (!loaded && !signal.aborted) {
        try {
          await load(signal);
        } catch (error) {
          log.error({ err: errorText(error) }, 'pods could not be read from the store, trying again');
          await sleep(clock, backoff.next(), signal).catch(() => undefined);
        }
      }
      if (!loaded) return;
      const following = [manifests.run(signal), mirrors.run(signal)];
      await removeLeftovers().catch((error) => {
        log.warn({ err: errorText(error) }, 'leftovers of ended pods could not be removed');
      });
      await Promise.all(following);
    },
  };
}
