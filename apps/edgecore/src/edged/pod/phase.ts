import type { ContainerStatus, PodStatus } from '@kubeedge-ts/apis';
import { runsOf } from './container-status.ts';
import { initContainersOf, isSidecar, isTerminal, mainContainersOf, restartPolicyOf } from './spec.ts';
import type { PodState } from './types.ts';

/** The phase from the container statuses (spec/edged.md §10.1). `ended`: the pod will start nothing any more. */
export function phaseOf(
  state: PodState,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
  ended: boolean,
): NonNullable<PodStatus['phase']> {
  if (isTerminal(state.previous.phase)) return state.previous.phase as string;
  if (ended && state.order !== undefined) return 'Failed';
  const policy = restartPolicyOf(state.pod);
  const init = countInits(state, inits);
  const main = countMains(state, mains);

  // Main containers start only after init has succeeded: where one has, a lost init record says nothing.
  if (init.failed > 0 && policy === 'Never' && main.started === 0) return 'Failed';
  if (init.pending > 0 || (init.sidecarsPending && main.started === 0) || main.waiting > 0) {
    if (!(ended && main.started === main.total && main.total > 0)) return 'Pending';
  }
  if (main.running > 0 && main.unknown === 0) return 'Running';
  if (main.running === 0 && main.stopped > 0 && main.unknown === 0) {
    const allSucceeded = main.stopped === main.succeeded;
    if (ended) return allSucceeded ? 'Succeeded' : 'Failed';
    if (policy === 'Always') return 'Running';
    if (allSucceeded) return 'Succeeded';
    return policy === 'Never' ? 'Failed' : 'Running';
  }
  return 'Pending';
}

function countInits(state: PodState, statuses: readonly ContainerStatus[]) {
  let pending = 0;
  let failed = 0;
  let sidecarsPending = false;
  for (const container of initContainersOf(state.pod)) {
    const status = statuses.find(({ name }) => name === container.name);
    if (isSidecar(container)) {
      if (status?.started !== true) sidecarsPending = true;
      continue;
    }
    const ended = status?.state?.terminated;
    const last = status?.lastState?.terminated;
    if (ended !== undefined) {
      if (ended.exitCode !== 0) failed += 1;
    } else if (status?.state?.waiting !== undefined && last !== undefined) {
      if (last.exitCode !== 0) failed += 1;
      else pending += 1;
    } else pending += 1;
  }
  return { pending, failed, sidecarsPending };
}

function countMains(state: PodState, statuses: readonly ContainerStatus[]) {
  const counts = { total: 0, running: 0, waiting: 0, stopped: 0, succeeded: 0, unknown: 0, started: 0 };
  for (const { name } of mainContainersOf(state.pod)) {
    counts.total += 1;
    const status = statuses.find((candidate) => candidate.name === name);
    const last = status?.lastState?.terminated;
    const [run] = runsOf(state, name);
    const between = run?.state === 'exited' && state.replaced.has(run.id);
    if (status?.state?.running !== undefined || between) counts.running += 1;
    else if (status?.state?.terminated !== undefined) {
      counts.stopped += 1;
      if (status.state.terminated.exitCode === 0) counts.succeeded += 1;
    } else if (status?.state?.waiting !== undefined) {
      if (last !== undefined) counts.stopped += 1;
      else counts.waiting += 1;
    } else counts.unknown += 1;
  }
  counts.started = counts.running + counts.stopped;
  return counts;
}
