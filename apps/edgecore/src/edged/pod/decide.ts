import type { Container } from '@kubeedge-ts/apis';
import { FAILURE_SHOWN_MS, type Role, restartsAfter, roleOf, runsOf } from './container-status.ts';
import { restartAllowedAt } from './crash-backoff.ts';
import { imageChanged } from './image-match.ts';
import {
  graceSecondsOf,
  initContainersOf,
  isSidecar,
  isTerminal,
  mainContainersOf,
  restartPolicyOf,
} from './spec.ts';
import { statusOf } from './status.ts';
import type { Action, Decision, PodState, RuntimeContainer, Sandbox, Start, Stop } from './types.ts';

/** While the pod network is not ready (spec/edged.md §2.2, "transient"). */
const NETWORK_RETRY_MS = 1_000;
/** Least time between two sandboxes of a pod: one that ends at once must not be made over and over. */
const SANDBOX_SPACING_MS = 5_000;

/**
 * The heart of edged: what to do next for one pod, and what to say about it. A pure function of what the store wants,
 * what the runtime has, what failed before, and the time (spec/edged.md §3, §7, §9, §10). Called again after every
 * action with a fresh look at the runtime, so it names one step at a time, never a whole plan.
 */
export function decide(state: PodState, now: number): Decision {
  if (endsNow(state)) return decideEnding(state, now);
  const plan = planRunning(state, now);
  const status = statusOf(state, false, false, now);
  if (isTerminal(status.phase)) {
    // The statuses say the pod is done; what is left running (a sandbox, sidecars) is taken down in the next look.
    return { actions: endingActions(state), status, requeueAt: undefined };
  }
  return {
    actions: plan.actions,
    status,
    requeueAt: earliest([...plan.wakeAt, ...failureTimes(state, now)]),
  };
}

function endsNow({ gone, pod, previous }: PodState): boolean {
  return gone || pod.metadata.deletionTimestamp !== undefined || isTerminal(previous.phase);
}

function decideEnding(state: PodState, now: number): Decision {
  const ended = runningOf(state).length === 0;
  return {
    actions: endingActions(state),
    status: statusOf(state, true, ended, now),
    requeueAt: earliest(failureTimes(state, now)),
  };
}

/** Containers, then sandboxes, then files; and when the API object goes too, what the runtime remembers. */
function endingActions(state: PodState): Action[] {
  const { runtime, pod, gone, released } = state;
  const running = runningOf(state);
  if (running.length > 0) {
    return [{ do: 'stopContainers', containers: running.map((c) => stopOf(state, c, 'the pod ends')) }];
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

interface Plan {
  readonly actions: readonly Action[];
  /** Times at which something that must wait now may go on. */
  readonly wakeAt: readonly (number | undefined)[];
}

function planRunning(state: PodState, now: number): Plan {
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
  const running = runningOf(state);
  const ready = state.runtime.sandboxes.filter((sandbox) => sandbox.ready);
  if (running.length > 0) {
    const containers = running.map((c) => stopOf(state, c, 'the sandbox changed'));
    return { actions: [{ do: 'stopContainers', containers }], wakeAt: [] };
  }
  if (ready.length > 0) {
    return { actions: [{ do: 'stopSandboxes', ids: ready.map(({ id }) => id) }], wakeAt: [] };
  }
  if (!worthASandbox(state)) return { actions: [], wakeAt: [] };
  const retryAt = state.failures.get('')?.retryAt ?? 0;
  if (retryAt > now) return { actions: [], wakeAt: [retryAt] };
  const { createdAt = 0 } = state.runtime.sandboxes[0] ?? {};
  if (createdAt + SANDBOX_SPACING_MS > now) return { actions: [], wakeAt: [createdAt + SANDBOX_SPACING_MS] };
  if (state.node.networkProblem !== undefined && state.pod.spec?.hostNetwork !== true) {
    return { actions: [], wakeAt: [now + NETWORK_RETRY_MS] };
  }
  const attempt = Math.max(-1, ...state.runtime.sandboxes.map((sandbox) => sandbox.attempt)) + 1;
  return { actions: [{ do: 'createSandbox', attempt }], wakeAt: [] };
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
    const rest = runningOf(state).map((c) => stopOf(state, c, 'the pod has completed'));
    if (rest.length > 0) return { actions: [{ do: 'stopContainers', containers: rest }], wakeAt };
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
    if (isSidecar(container)) return run?.state === 'running';
    return run?.state === 'exited' && run.exitCode === 0;
  });
}

interface Verdict {
  readonly is: 'done' | 'running' | 'pending';
  readonly start?: Start;
  readonly stop?: Stop;
  readonly removeFirst?: string;
  readonly waitUntil?: number;
}

function judge(state: PodState, sandbox: Sandbox, container: Container, role: Role, now: number): Verdict {
  const [run] = runsOf(state, container.name);
  const inThisSandbox = run !== undefined && run.sandboxId === sandbox.id;
  const startNow = (attempt: number | undefined, afterExit?: number): Verdict => {
    const retryAt = Math.max(
      state.failures.get(container.name)?.retryAt ?? 0,
      state.failures.get('')?.retryAt ?? 0,
    );
    if (retryAt > now) return { is: 'pending', waitUntil: retryAt };
    return {
      is: 'pending',
      start: { name: container.name, init: role !== 'main', sandboxId: sandbox.id, attempt, afterExit },
    };
  };

  if (run === undefined) return startNow(undefined);
  if (run.state === 'running' && inThisSandbox) {
    if (!imageChanged(container.image ?? '', run)) return { is: 'running' };
    const stop = stopOf(state, run, `container ${run.name} definition changed`);
    return { is: 'pending', stop: { ...stop, replace: true } };
  }
  // Created but never started: a crash or an abort between two calls. It has not run, so its number is free again.
  if (run.state === 'created') return { ...startNow(run.restartCount), removeFirst: run.id };
  if (run.state !== 'exited') return { is: 'pending', stop: stopOf(state, run, 'its state is unknown') };
  if (role === 'init' && !inThisSandbox) return startNow(run.restartCount + 1);
  if (!restartsAfter(state, role, run)) return { is: 'done' };
  if (!inThisSandbox) return startNow(run.restartCount + 1);
  const allowedAt = state.replaced.has(run.id)
    ? now
    : restartAllowedAt(state.crashes.get(container.name), run.finishedAt);
  if (allowedAt > now) return { is: 'pending', waitUntil: allowedAt };
  return startNow(run.restartCount + 1, run.finishedAt);
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

function runningOf({ runtime }: PodState): readonly RuntimeContainer[] {
  return runtime.containers.filter(({ state }) => state === 'running' || state === 'unknown');
}

function stopOf(state: PodState, run: RuntimeContainer, why: string): Stop {
  return { id: run.id, name: run.name, graceSeconds: graceSecondsOf(state.pod), why };
}

/** When a recorded failure changes its text or may be tried again. */
function failureTimes(state: PodState, now: number): (number | undefined)[] {
  return [...state.failures.values()].flatMap((failure) => [
    failure.later === undefined ? undefined : later(failure.at + FAILURE_SHOWN_MS, now),
    later(failure.retryAt, now),
  ]);
}

function later(time: number, now: number): number | undefined {
  return time > now ? time : undefined;
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
