import { ContainerState, type CriClient, PodSandboxState } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, createBackoff, type Logger, type Random, sleep } from '@kubeedge-ts/runtime';
import { type PodIdentity, podOf } from './runtime/labels.ts';

export interface PlegOptions {
  readonly cri: Pick<CriClient, 'listPodSandbox' | 'listContainers' | 'getContainerEvents'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Something of this pod appeared, changed its state, or went. */
  readonly onChange: (pod: PodIdentity) => void;
  /** After every successful relist: all pods the runtime has something of, and how long it took. */
  readonly onRelist: (pods: ReadonlyMap<string, PodIdentity>, tookMs: number) => void;
}

/**
 * The pod life-cycle event generator (spec/edged.md §11): tells whose state changed. It lists once a second; from a
 * runtime that streams its events (CRI-O, containerd from 1.7) it hears at once and lists only to make sure.
 */
export interface Pleg {
  /** Lists until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Monotonic ms of the last successful relist. */
  readonly listedAt: number | undefined;
}

const PERIOD_MS = 1_000;
/** Between two lists while the runtime tells its events. */
const PERIOD_WITH_EVENTS_MS = 10_000;
/** A stream that is open for so long without being refused works, though nothing may have happened. */
const STREAM_TRUSTED_AFTER_MS = 5_000;

interface Seen {
  readonly pod: PodIdentity;
  readonly fingerprint: string;
}

export function createPleg({ cri, clock, random, log, onChange, onRelist }: PlegOptions): Pleg {
  let seen = new Map<string, Seen>();
  let listedAt: number | undefined;
  let failing = false;
  let hearing = false;

  /** One stream, until it ends; rejects with why. */
  const hear = async (signal: AbortSignal): Promise<void> => {
    const trust = clock.after(STREAM_TRUSTED_AFTER_MS, () => {
      hearing = true;
    });
    try {
      for await (const { podSandboxStatus } of cri.getContainerEvents({}, { signal })) {
        hearing = true;
        const pod = podOf(podSandboxStatus?.labels ?? {});
        if (pod !== undefined) onChange(pod);
      }
    } finally {
      trust();
      hearing = false;
    }
  };

  const listen = async (signal: AbortSignal): Promise<void> => {
    const backoff = createBackoff({ initialMs: 1_000, maxMs: 60_000 }, random);
    while (!signal.aborted) {
      const begun = clock.monotonic();
      try {
        await hear(signal);
      } catch (error) {
        // A runtime that has no such call may be replaced by one that has: asked again, rarely.
        if (!signal.aborted) log.debug({ err: errorText(error) }, 'the runtime tells no events');
      }
      if (clock.monotonic() - begun > STREAM_TRUSTED_AFTER_MS) backoff.reset();
      await sleep(clock, backoff.next(), signal).catch(() => undefined);
    }
  };

  const relist = async (signal: AbortSignal): Promise<void> => {
    const started = clock.monotonic();
    const [{ items }, { containers }] = await Promise.all([
      cri.listPodSandbox({}, { signal }),
      cri.listContainers({}, { signal }),
    ]);
    const parts = new Map<string, { pod: PodIdentity; marks: string[] }>();
    const add = (labels: Readonly<Record<string, string>>, mark: string): void => {
      const pod = podOf(labels);
      if (pod === undefined) return;
      const entry = parts.get(pod.uid);
      if (entry === undefined) parts.set(pod.uid, { pod, marks: [mark] });
      else entry.marks.push(mark);
    };
    for (const { id, state, labels } of items)
      add(labels, `${id}${state === PodSandboxState.SANDBOX_READY ? '+' : '-'}`);
    for (const { id, state, labels } of containers) add(labels, `${id}${STATE_MARK[state] ?? '?'}`);
    const now = new Map<string, Seen>();
    for (const [uid, { pod, marks }] of parts) now.set(uid, { pod, fingerprint: marks.sort().join() });
    const before = seen;
    seen = now;
    listedAt = clock.monotonic();
    for (const [uid, { pod, fingerprint }] of now) {
      if (before.get(uid)?.fingerprint !== fingerprint) onChange(pod);
    }
    for (const [uid, { pod }] of before) if (!now.has(uid)) onChange(pod);
    onRelist(new Map([...now].map(([uid, { pod }]) => [uid, pod])), listedAt - started);
  };

  return {
    get listedAt() {
      return listedAt;
    },
    async run(signal) {
      const listening = listen(signal);
      while (!signal.aborted) {
        try {
          await relist(signal);
          failing = false;
        } catch (error) {
          if (signal.aborted) break;
          if (!failing) log.warn({ err: errorText(error) }, 'containers cannot be listed, trying again');
          failing = true;
        }
        await sleep(clock, hearing ? PERIOD_WITH_EVENTS_MS : PERIOD_MS, signal).catch(() => undefined);
      }
      await listening;
    },
  };
}

const STATE_MARK: Record<number, string> = {
  [ContainerState.CONTAINER_CREATED]: 'c',
  [ContainerState.CONTAINER_RUNNING]: 'r',
  [ContainerState.CONTAINER_EXITED]: 'x',
};
