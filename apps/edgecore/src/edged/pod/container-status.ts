import type { Container, ContainerStatus } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { goSeconds, restartAllowedAt } from './crash-backoff.ts';
import { initContainersOf, isSidecar, restartPolicyOf } from './spec.ts';
import type { PodState, RuntimeContainer, StartFailure } from './types.ts';

export type Role = 'init' | 'sidecar' | 'main' | 'ephemeral';

/** How long the outcome of an attempt is shown before the back-off that follows it, ms. */
export const FAILURE_SHOWN_MS = 2_000;

type Waiting = { reason: string; message?: string };

/** The runs of one container, newest first. */
export function runsOf(state: Pick<PodState, 'runtime'>, name: string): readonly RuntimeContainer[] {
  return state.runtime.containers.filter((container) => container.name === name);
}

export function roleOf(container: Container, init: boolean): Role {
  if (!init) return 'main';
  return isSidecar(container) ? 'sidecar' : 'init';
}

/** Whether a run that ended is followed by another (spec/edged.md §7). */
export function restartsAfter(
  state: PodState,
  role: Role,
  { id, exitCode }: { readonly id?: string; readonly exitCode: number },
): boolean {
  if (state.gone || state.pod.metadata.deletionTimestamp !== undefined || role === 'ephemeral') return false;
  if (role === 'sidecar' || (id !== undefined && state.replaced.has(id))) return true;
  if (role === 'init' && exitCode === 0) return false;
  const policy = restartPolicyOf(state.pod);
  if (policy === 'Always') return true;
  return policy === 'OnFailure' && exitCode !== 0;
}

/** API status of one container (spec/edged.md §10.3). */
export function containerStatusOf(
  state: PodState,
  container: Container,
  role: Role,
  ending: boolean,
  now: number,
): ContainerStatus {
  const runs = runsOf(state, container.name);
  const [newest, before] = runs;
  const base = {
    name: container.name,
    lastState: {},
    ready: false,
    restartCount: 0,
    image: container.image ?? '',
    imageID: '',
    started: false,
    ...volumeMountsOf(container),
  };
  if (newest === undefined) return { ...base, ...withoutRuns(state, container, role, ending, now) };

  const common = {
    ...base,
    restartCount: newest.restartCount,
    image: newest.image === '' ? base.image : newest.image,
    imageID: newest.imageId,
    containerID: containerId(state, newest),
    lastState: before?.state === 'exited' ? { terminated: terminationOf(state, before) } : {},
  };
  switch (newest.state) {
    case 'running':
      return {
        ...common,
        ...readinessOf(state, role, newest),
        state: { running: { startedAt: rfc3339(newest.startedAt) } },
      };
    case 'created':
      return { ...common, state: { waiting: waitingOf(state, container, role, now) } };
    case 'unknown':
      return {
        ...common,
        state: { terminated: { ...unknownTermination(), containerID: common.containerID } },
      };
    case 'exited': {
      const terminated = terminationOf(state, newest);
      const waiting = ending ? undefined : waitingToRestart(state, container, role, newest, now);
      if (waiting !== undefined) return { ...common, state: { waiting }, lastState: { terminated } };
      return { ...common, ready: role === 'init' && newest.exitCode === 0, state: { terminated } };
    }
  }
}

/** Without a probe of that kind a running container counts as started and ready at once. */
function readinessOf({ probes }: PodState, role: Role, run: RuntimeContainer) {
  const { started = true, ready = true } = probes.get(run.id) ?? {};
  if (role === 'init') return { ready: false, started };
  return role === 'ephemeral' ? { ready: false, started: false } : { ready: started && ready, started };
}

/** A container the runtime does not have: not started yet, or lost (spec/edged.md §10.3 and the recorded traffic). */
function withoutRuns(
  state: PodState,
  container: Container,
  role: Role,
  ending: boolean,
  now: number,
): Pick<ContainerStatus, 'state' | 'lastState' | 'restartCount'> & Partial<ContainerStatus> {
  const statuses = role === 'main' ? state.previous.containerStatuses : state.previous.initContainerStatuses;
  const old = statuses?.find(({ name }) => name === container.name);
  const waiting = waitingOf(state, container, role, now);
  if (old?.state?.running !== undefined) {
    return {
      state: { waiting },
      lastState: {
        terminated: {
          ...unknownTermination(),
          message:
            'The container could not be located when the pod was deleted.  The container used to be Running',
        },
      },
      restartCount: old.restartCount + 1,
    };
  }
  if (old?.state?.terminated !== undefined) {
    if (ending || !restartsAfter(state, role, old.state.terminated)) return old;
    return { state: { waiting }, lastState: old.state, restartCount: old.restartCount };
  }
  return {
    state: { waiting },
    lastState: old?.lastState ?? {},
    restartCount: old?.restartCount ?? 0,
  };
}

/** Why an exited container that should run again does not run yet; undefined when it may start now. */
function waitingToRestart(
  state: PodState,
  container: Container,
  role: Role,
  run: RuntimeContainer,
  now: number,
): Waiting | undefined {
  if (!restartsAfter(state, role, run)) return undefined;
  const failure = state.failures.get(container.name) ?? state.failures.get('');
  // A failed hook has ended the container: what it waits for after that is the back-off.
  const old = failure?.reason === 'PostStartHookError' && now - failure.at >= FAILURE_SHOWN_MS;
  if (failure !== undefined && !old) return shown(failure, now);
  const backoff = state.crashes.get(container.name);
  if (backoff === undefined || restartAllowedAt(backoff, run.finishedAt) <= now) return undefined;
  const { name, namespace, uid } = state.pod.metadata;
  return {
    reason: 'CrashLoopBackOff',
    message: `back-off ${goSeconds(backoff.delayMs)} restarting failed container=${container.name} pod=${name}_${namespace}(${uid})`,
  };
}

function waitingOf(state: PodState, container: Container, role: Role, now: number): Waiting {
  const failure = state.failures.get(container.name) ?? state.failures.get('');
  if (failure !== undefined) return shown(failure, now);
  const initialising = role === 'main' && initContainersOf(state.pod).length > 0;
  return { reason: initialising ? 'PodInitializing' : 'ContainerCreating' };
}

function shown(failure: StartFailure, now: number): Waiting {
  const { reason, message } =
    failure.later !== undefined && now - failure.at >= FAILURE_SHOWN_MS ? failure.later : failure;
  return message === '' ? { reason } : { reason, message };
}

function terminationOf(state: PodState, run: RuntimeContainer) {
  return {
    exitCode: run.exitCode,
    ...(run.reason === '' ? {} : { reason: run.reason }),
    ...(run.message === '' ? {} : { message: run.message }),
    startedAt: rfc3339(run.startedAt),
    finishedAt: rfc3339(run.finishedAt),
    containerID: containerId(state, run),
  };
}

/** Go's zero times are sent as null. */
function unknownTermination() {
  return {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    startedAt: null as unknown as string,
    finishedAt: null as unknown as string,
  };
}

function containerId(state: PodState, run: RuntimeContainer): string {
  return `${state.node.runtimeName}://${run.id}`;
}

function volumeMountsOf(container: Container): object {
  const mounts = container.volumeMounts ?? [];
  if (mounts.length === 0) return {};
  return {
    volumeMounts: mounts.map(({ name, mountPath, readOnly }) => ({
      name,
      mountPath,
      ...(readOnly === true ? { readOnly: true, recursiveReadOnly: 'Disabled' } : {}),
    })),
  };
}
