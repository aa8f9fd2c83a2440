import type { Pod } from '@kubeedge-ts/apis';
import { type Clock, sleep } from '@kubeedge-ts/runtime';
import type { CgroupSettings, PodCgroups } from './cgroups.ts';
import { hierarchyLimits, type NodeCapacity } from './qos-limits.ts';

export interface QosCgroupsOptions {
  readonly cgroups: Pick<PodCgroups, 'limit'>;
  /** Undefined until the runtime has said how it names cgroups. */
  readonly settings: () => CgroupSettings | undefined;
  readonly node: () => NodeCapacity;
  /** Pods that run or are to run. */
  readonly pods: () => readonly Pod[];
  readonly clock: Clock;
}

/** Keeps the limits of `kubepods` and of the classes below it. */
export interface QosCgroups {
  run(signal: AbortSignal): Promise<void>;
  /** The pods, or what is known of the runtime, changed. */
  poke(): void;
}

/** Also without a change: somebody else may have written to them. */
const RECONCILE_MS = 60_000;
/** Pods that come together are counted together. */
const GATHER_MS = 200;

export function createQosCgroups({ cgroups, settings, node, pods, clock }: QosCgroupsOptions): QosCgroups {
  let awake = Promise.withResolvers<void>();
  let written = '';
  let dueAt = 0;

  const reconcile = async (): Promise<void> => {
    const known = settings();
    if (known === undefined) return;
    const limits = hierarchyLimits(pods(), node());
    const text = JSON.stringify([limits, known]);
    if (text === written && clock.monotonic() < dueAt) return;
    await cgroups.limit(limits, known);
    written = text;
    dueAt = clock.monotonic() + RECONCILE_MS;
  };

  return {
    poke: () => awake.resolve(),
    async run(signal) {
      while (!signal.aborted) {
        await reconcile();
        const alarm = new AbortController();
        const rest = sleep(clock, RECONCILE_MS, AbortSignal.any([signal, alarm.signal]));
        await Promise.race([rest, awake.promise]).catch(() => undefined);
        alarm.abort();
        await rest.catch(() => undefined);
        awake = Promise.withResolvers<void>();
        await sleep(clock, GATHER_MS, signal).catch(() => undefined);
      }
    },
  };
}
