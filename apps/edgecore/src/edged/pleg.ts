import { ContainerState, type CriClient, PodSandboxState } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import { type Clock, type Logger, sleep } from '@kubeedge-ts/runtime';
import { type PodIdentity, podOf } from './runtime/labels.ts';

export interface PlegOptions {
  readonly cri: Pick<CriClient, 'listPodSandbox' | 'listContainers'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Something of this pod appeared, changed its state, or went. */
  readonly onChange: (pod: PodIdentity) => void;
  /** After every successful relist: all pods the runtime has something of. */
  readonly onRelist: (pods: ReadonlyMap<string, PodIdentity>) => void;
}

/** The pod life-cycle event generator (spec/edged.md §11): lists once a second and tells whose state changed. */
export interface Pleg {
  /** Lists until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Monotonic ms of the last successful relist. */
  readonly listedAt: number | undefined;
}

const PERIOD_MS = 1_000;

interface Seen {
  readonly pod: PodIdentity;
  readonly fingerprint: string;
}

export function createPleg({ cri, clock, log, onChange, onRelist }: PlegOptions): Pleg {
  let seen = new Map<string, Seen>();
  let listedAt: number | undefined;
  let failing = false;

  const relist = async (signal: AbortSignal): Promise<void> => {
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
    onRelist(new Map([...now].map(([uid, { pod }]) => [uid, pod])));
  };

  return {
    get listedAt() {
      return listedAt;
    },
    async run(signal) {
      while (!signal.aborted) {
        try {
          await relist(signal);
          failing = false;
        } catch (error) {
          if (signal.aborted) return;
          if (!failing) log.warn({ err: errorText(error) }, 'containers cannot be listed, trying again');
          failing = true;
        }
        await sleep(clock, PERIOD_MS, signal).catch(() => undefined);
      }
    },
  };
}

const STATE_MARK: Record<number, string> = {
  [ContainerState.CONTAINER_CREATED]: 'c',
  [ContainerState.CONTAINER_RUNNING]: 'r',
  [ContainerState.CONTAINER_EXITED]: 'x',
};
