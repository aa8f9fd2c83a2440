import type { Container } from '@kubeedge-ts/apis';
import { type Role, restartsAfter, roleOf, runsOf } from './container-status.ts';
import { nextToStop, runningOf, stopOf } from './end-pod.ts';
import { judge } from './judge.ts';
import {
  ephemeralContainersOf,
  initContainersOf,
  isSidecar,
  mainContainersOf,
  restartPolicyOf,
} from './spec.ts';
import type { Action, PodState, RuntimeContainer, Sandbox, Start, Stop } from './types.ts';

/** While the pod network is not ready (spec/edged.md §2.2, "transient"). */
const NETWORK_RETRY_MS = 1_000;
/** Least time between two sandboxes of a pod: one that ends at once must not be made over and over. */
const SANDBOX_SPACING_MS = 5_000;

export interface Plan {
  readonly actions: readonly Action[];
  /** Times at which something that must wait now may go on. */
  readonly wakeAt: readonly (number | undefined)[];
}

const NOTHING: Plan = { actions: [], wakeAt: [] };

/** The next step of a pod that should run (spec/edged.md §3.2). */
export function planRunning(state: PodState, now: number): Plan {
  if (state.held) return NOTHING;
  const sandbox = usableSandbox(state);
  return sandbox === undefined ? planSandbox(state, now) : planContainers(state, sandbox, now);
}

/** The sandbox to run in, or undefined when a new one is needed (spec/edged.md §3.2, step 1). */
function usableSandbox({ pod, runtime }: PodState): Sandbox | undefined {
  const [newest, ...older] = runtime.sandboxes;
  if (newest === undefined || !newest.ready || older.some(({ ready }) => ready)) return undefined;
  const hostNetwork = pod.spec?.hostNetwork === true;
  if (newest.hostNetwork !== hostNetwork) return undefined;
  return hostNetwork || newest.ips.length > 0 ? newest : undefined;
}

function planSandbox(state: PodState, now: number): Plan {
  const stopping = nextToStop(state);
  const ready = state.runtime.sandboxes.filter((sandbox) => sandbox.ready);
  if (stopping.length > 0) {
    const why = 'Pod sandbox changed, it will be killed and re-created.';
    return only({ do: 'stopContainers', containers: stopping.map((run) => stopOf(state, run, why)) });
  }
  if (ready.length > 0) return only({ do: 'stopSandboxes', ids: ready.map(({ id }) => id) });
  if (!worthASandbox(state)) return NOTHING;
  const retryAt = state.failures.get('')?.retryAt ?? 0;
  if (retryAt > now) return { actions: [], wakeAt: [retryAt] };
  const { createdAt = 0 } = state.runtime.sandboxes[0] ?? {};
  if (createdAt + SANDBOX_SPACING_MS > now) return { actions: [], wakeAt: [createdAt + SANDBOX_SPACING_MS] };
  if (state.node.networkProblem !== undefined && state.pod.spec?.hostNetwork !== true) {
    return { actions: [], wakeAt: [now + NETWORK_RETRY_MS] };
  }
  const attempt = Math.max(-1, ...state.runtime.sandboxes.map((sandbox) => sandbox.attempt)) + 1;
  return only({ do: 'createSandbox', attempt });
}

function only(action: Action): Plan {
  return { actions: [action], wakeAt: [] };
}

/** A run-once pod that has run gets no second sandbox. */
function worthASandbox(state: PodState): boolean {
  const policy = restartPolicyOf(state.pod);
  if (policy === 'Never' && state.runtime.containers.length > 0) return false;
  return mainContainersOf(state.pod).some((container) => {
    const [run] = runsOf(state, container.name);
    return run?.state !== 'exited' || restartsAfter(state, 'main', run);
  });
}

function planContainers(state: PodState, sandbox: Sandbox, now: number): Plan {
  const wakeAt: (number | undefined)[] = [];
  const starts: Start[] = [];
  const removals: string[] = surplusRuns(state);
  const stops: Stop[] = [];
  let busy = false;

  const consider = (container: Container, role: Role): 'done' | 'running' | 'pending' => {
    const verdict = judge(state, sandbox, container, role, now);
    if (verdict.removeFirst !== undefined) removals.push(verdict.removeFirst);
    if (verdict.stop !== undefined) stops.push(verdict.stop);
    if (verdict.start !== undefined) starts.push(verdict.start);
    if (verdict.waitUntil !== undefined) wakeAt.push(verdict.waitUntil);
    if (verdict.is !== 'done') busy = true;
    return verdict.is;
  };

  for (const container of ephemeralContainersOf(state.pod)) consider(container, 'ephemeral');
  if (initDone(state, sandbox)) {
    for (const container of initContainersOf(state.pod))
      if (isSidecar(container)) consider(container, 'sidecar');
    busy = false;
    for (const container of mainContainersOf(state.pod)) consider(container, 'main');
  } else {
    for (const container of initContainersOf(state.pod)) {
      const role = roleOf(container, true);
      const is = consider(container, role);
      if (is === 'done' || (role === 'sidecar' && is === 'running')) continue;
      break;
    }
    busy = true;
  }

  if (removals.length > 0) return { actions: [{ do: 'removeContainers', ids: removals }], wakeAt };
  if (stops.length > 0) return { actions: [{ do: 'stopContainers', containers: stops }], wakeAt };
  const stale = staleSandboxes(state, sandbox);
  if (stale.length > 0) return { actions: [{ do: 'removeSandboxes', ids: stale }], wakeAt };
  if (!busy) {
    const rest = runningOf(state).length > 0 ? nextToStop(state) : [];
    const containers = rest.map((run) => stopOf(state, run, `Stopping container ${run.name}`));
    if (containers.length > 0) return { actions: [{ do: 'stopContainers', containers }], wakeAt };
    return { actions: [{ do: 'stopSandboxes', ids: [sandbox.id] }], wakeAt };
  }
  return { actions: starts.map((start) => ({ do: 'startContainer', start })), wakeAt };
}

/** All init containers have run in this sandbox; a main container there proves it when their records are gone. */
function initDone(state: PodState, sandbox: Sandbox): boolean {
  const inSandbox = (name: string): RuntimeContainer | undefined =>
    runsOf(state, name).find(({ sandboxId }) => sandboxId === sandbox.id);
  if (mainContainersOf(state.pod).some(({ name }) => inSandbox(name) !== undefined)) return true;
  return initContainersOf(state.pod).every((container) => {
    const run = inSandbox(container.name);
    if (isSidecar(container)) {
      return run?.state === 'running' && state.probes.get(run.id)?.started !== false;
    }
    return run?.state === 'exited' && run.exitCode === 0;
  });
}

/** Dead runs beyond the newest one of each container (spec/edged.md §13). */
function surplusRuns(state: PodState): string[] {
  const seen = new Map<string, number>();
  const surplus: string[] = [];
  for (const run of state.runtime.containers) {
    if (run.state !== 'exited') continue;
    const count = (seen.get(run.name) ?? 0) + 1;
    seen.set(run.name, count);
    if (count > 1) surplus.push(run.id);
  }
  return surplus;
}

/** Ended sandboxes that no remembered container belongs to (spec/edged.md §13). */
function staleSandboxes({ runtime }: PodState, current: Sandbox): string[] {
  const used = new Set(runtime.containers.map(({ sandboxId }) => sandboxId));
  return runtime.sandboxes
    .filter(({ id, ready }) => id !== current.id && !ready && !used.has(id))
    .map(({ id }) => id);
}
