import { graceLeft, graceSecondsOf, initContainersOf, isSidecar } from './spec.ts';
import type { Action, PodState, RuntimeContainer, Stop } from './types.ts';

/** Containers, then sandboxes, then files; and when the API object goes too, what the runtime remembers. */
export function endingActions(state: PodState, now: number): Action[] {
  const { runtime, pod, gone, released } = state;
  const stopping = nextToStop(state);
  if (stopping.length > 0) {
    return [{ do: 'stopContainers', containers: stopping.map((run) => stopInTime(state, run, now)) }];
  }
  const ready = runtime.sandboxes.filter((sandbox) => sandbox.ready);
  if (ready.length > 0) return [{ do: 'stopSandboxes', ids: ready.map(({ id }) => id) }];
  if (!released) return [{ do: 'release' }];
  if (!gone && pod.metadata.deletionTimestamp === undefined) return [];
  if (runtime.containers.length > 0) {
    return [{ do: 'removeContainers', ids: runtime.containers.map(({ id }) => id) }];
  }
  if (runtime.sandboxes.length > 0) {
    return [{ do: 'removeSandboxes', ids: runtime.sandboxes.map(({ id }) => id) }];
  }
  return [{ do: 'finish' }];
}

/** What runs, or may: a state the runtime cannot tell counts as running. */
export function runningOf({ runtime }: Pick<PodState, 'runtime'>): readonly RuntimeContainer[] {
  return runtime.containers.filter(({ state }) => state === 'running' || state === 'unknown');
}

/** Sidecars serve the others: they end after them, the last declared first (spec/edged.md §7). */
export function nextToStop(state: Pick<PodState, 'runtime' | 'pod'>): readonly RuntimeContainer[] {
  const sidecars = initContainersOf(state.pod)
    .filter(isSidecar)
    .map(({ name }) => name);
  const running = runningOf(state);
  const others = running.filter(({ name }) => !sidecars.includes(name));
  if (others.length > 0) return others;
  const [last] = [...running].sort((a, b) => sidecars.indexOf(b.name) - sidecars.indexOf(a.name));
  return last === undefined ? [] : [last];
}

/** With the pod's whole grace. */
export function stopOf({ pod, order }: PodState, run: RuntimeContainer, why: string): Stop {
  return { id: run.id, name: run.name, graceSeconds: graceSecondsOf(pod, order?.graceSeconds), why };
}

/** With what is left of it: the pod's containers share one budget (spec/edged.md §9). */
function stopInTime(state: PodState, run: RuntimeContainer, now: number): Stop {
  const stop = stopOf(state, run, `Stopping container ${run.name}`);
  return { ...stop, graceSeconds: graceLeft(stop.graceSeconds, now - (state.endingSince ?? now)) };
}
