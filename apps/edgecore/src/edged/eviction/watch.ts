import type { Pod } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, type Logger, sleep } from '@kubeedge-ts/runtime';
import { isCritical, type Pressure } from '../admission/index.ts';
import type { EdgedConfig } from '../config.ts';
import type { Events } from '../events.ts';
import type { EndOrder } from '../pod/types.ts';
import { identityOf } from '../runtime/labels.ts';
import { hasStorageLimits, storageExcess } from './local-storage.ts';
import { evictionMessage } from './message.ts';
import type { Sighting } from './observe.ts';
import { assess, NO_PRESSURE } from './pressure.ts';
import { rankForEviction } from './rank.ts';
import { SIGNALS, type Signal } from './signals.ts';
import { crossed, type Threshold } from './thresholds.ts';
import type { Usages } from './usage.ts';

export interface EvictionWatchOptions {
  readonly config: Pick<
    EdgedConfig,
    'evictionTransitionMs' | 'evictionMaxPodGraceSeconds' | 'localStorageIsolation'
  >;
  readonly thresholds: readonly Threshold[];
  readonly observe: () => Promise<Sighting>;
  /** Pods of which something may run still. */
  readonly pods: () => readonly Pod[];
  /** What these pods use; with `storage` also what they have on disk, which costs more. */
  readonly usage: (pods: readonly Pod[], options: { readonly storage: boolean }) => Promise<Usages>;
  readonly evict: (podUid: string, order: EndOrder) => void;
  /** Whether nothing of the pod runs and its files are gone: what it used is free again. */
  readonly isGone: (podUid: string) => Promise<boolean>;
  /** What can go before any pod must, in this order. */
  readonly reclaim: readonly ((signal: AbortSignal) => Promise<void>)[];
  readonly onPressure: () => void;
  readonly events: Events;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Keeps the node from running out of memory, disk and process ids by ending pods (spec/edged.md §13). */
export interface EvictionWatch {
  /** Conditions the node is in, in the order of its status. */
  readonly pressures: readonly Pressure[];
  /** Looks every 10 s until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

const PERIOD_MS = 10_000;
const HARD_GRACE_SECONDS = 1;
/** So long the effect of an eviction is waited for before the next look. */
const CLEANUP_MS = 30_000;
const CLEANUP_LOOK_MS = 500;

export function createEvictionWatch(options: EvictionWatchOptions): EvictionWatch {
  const { config, thresholds, observe, pods, usage, events, clock, log } = options;
  let memory = NO_PRESSURE;
  let pressures: readonly Pressure[] = [];
  /** Said already that nothing can be done. */
  let stuck = false;

  const evict = (pod: Pod, message: string, graceSeconds: number, disruption?: true): string => {
    const { uid, name, namespace } = identityOf(pod);
    stuck = false;
    log.warn({ pod: name, namespace, graceSeconds, why: message }, 'pod is evicted');
    events.pod(pod, 'Warning', 'Evicted', message);
    options.evict(uid, {
      reason: 'Evicted',
      message,
      graceSeconds,
      ...(disruption === undefined ? {} : { disruption }),
    });
    return uid;
  };

  /** Pods above their own limits of local storage; they go whether the node is short or not. */
  const evictGreedy = async (dedicatedImageFs: boolean): Promise<readonly string[]> => {
    if (!config.localStorageIsolation) return [];
    const limited = pods().filter((pod) => hasStorageLimits(pod) && !isCritical(pod));
    if (limited.length === 0) return [];
    const usages = await usage(limited, { storage: true });
    return limited.flatMap((pod) => {
      const used = usages.get(pod.metadata.uid ?? '');
      const excess = used === undefined ? undefined : storageExcess(pod, used, dedicatedImageFs);
      return excess === undefined ? [] : [evict(pod, excess, HARD_GRACE_SECONDS)];
    });
  };

  const reclaimed = async (
    wanted: Signal,
    dedicatedImageFs: boolean,
    signal: AbortSignal,
  ): Promise<boolean> => {
    const disk = wanted.startsWith('imagefs.') || (wanted.startsWith('nodefs.') && !dedicatedImageFs);
    if (!disk) return false;
    for (const task of options.reclaim) {
      await task(signal).catch((error) => {
        log.warn({ signal: wanted, err: errorText(error) }, 'not all that is unused could be removed');
      });
    }
    const { observations } = await observe();
    return crossed(thresholds, observations, true).length === 0;
  };

  const evictRanked = async (
    due: readonly Threshold[],
    first: Threshold,
    { observations, dedicatedImageFs }: Sighting,
  ): Promise<readonly string[]> => {
    const { resource, pressure } = SIGNALS[first.signal];
    // A pod of which nothing runs gives no memory and no process ids back; files it may have.
    const active = pods().filter((pod) => pressure === 'DiskPressure' || runsSomething(pod));
    const usages = await usage(active, { storage: pressure === 'DiskPressure' });
    for (const pod of rankForEviction(first.signal, active, usages, dedicatedImageFs)) {
      if (isCritical(pod)) continue;
      const message = evictionMessage(resource, pod, usages.get(pod.metadata.uid ?? ''), due, observations);
      const soft = Math.min(config.evictionMaxPodGraceSeconds, pod.spec?.terminationGracePeriodSeconds ?? 30);
      return [evict(pod, message, first.graceMs === 0 ? HARD_GRACE_SECONDS : soft, true)];
    }
    if (!stuck) log.warn({ resource, pods: active.length }, 'no pod can be evicted');
    stuck = true;
    return [];
  };

  /** Resolves with the pods that were told to go. */
  const pass = async (signal: AbortSignal): Promise<readonly string[]> => {
    const sighting = await observe();
    const { observations, dedicatedImageFs } = sighting;
    const found = assess(thresholds, observations, memory, clock.monotonic(), config.evictionTransitionMs);
    memory = found.memory;
    if (found.pressures.join() !== pressures.join()) {
      log.warn({ before: pressures, now: found.pressures }, 'what the node is short of has changed');
      pressures = found.pressures;
      options.onPressure();
    }
    const greedy = await evictGreedy(dedicatedImageFs);
    const [first] = found.due;
    if (greedy.length > 0 || first === undefined) return greedy;
    const { resource } = SIGNALS[first.signal];
    events.node('Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    if (await reclaimed(first.signal, dedicatedImageFs, signal)) return [];
    return evictRanked(found.due, first, sighting);
  };

  /** Another pod must not go for what the last one is about to free. */
  const freed = async (uids: readonly string[], signal: AbortSignal): Promise<void> => {
    for (const until = clock.monotonic() + CLEANUP_MS; clock.monotonic() < until; ) {
      const gone = await Promise.all(uids.map((uid) => options.isGone(uid)));
      if (gone.every((one) => one)) return;
      await sleep(clock, CLEANUP_LOOK_MS, signal);
    }
  };

  return {
    get pressures() {
      return pressures;
    },
    async run(signal) {
      while (!signal.aborted) {
        try {
          const evicted = await pass(signal);
          if (evicted.length > 0) await freed(evicted, signal);
          else await sleep(clock, PERIOD_MS, signal);
        } catch (error) {
          if (signal.aborted) return;
          log.warn({ err: errorText(error) }, 'resources of the node could not be checked, trying again');
          await sleep(clock, PERIOD_MS, signal).catch(() => undefined);
        }
      }
    },
  };
}

function runsSomething({ status }: Pod): boolean {
  return [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].some(
    ({ state }) => state?.running !== undefined,
  );
}
