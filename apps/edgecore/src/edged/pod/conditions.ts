import type { ContainerStatus, PodStatus } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { initContainersOf, isSidecar, mainContainersOf } from './spec.ts';
import type { PodState } from './types.ts';

export type PodCondition = NonNullable<PodStatus['conditions']>[number];

/** The conditions edged owns, in the order upstream sends them. */
const OWN = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'] as const;
type OwnType = (typeof OWN)[number];

interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

/** The pod's conditions (spec/edged.md §10.2); those of other owners are kept as they are. */
export function conditionsOf(
  state: PodState,
  phase: string,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
  now: number,
): PodCondition[] {
  const previous = state.previous.conditions ?? [];
  const foreign = previous.filter(({ type }) => !(OWN as readonly string[]).includes(type));
  const containersReady = containersReadyOf(state, phase, inits, mains);
  const verdicts: Record<OwnType, Verdict> = {
    PodReadyToStartContainers: { status: hasNetworkedSandbox(state) ? 'True' : 'False' },
    Initialized: initializedOf(state, phase, inits, mains),
    Ready: readyOf(state, containersReady, foreign),
    ContainersReady: containersReady,
    PodScheduled: { status: 'True' },
  };
  return [
    ...foreign,
    ...OWN.map((type) => {
      const { status, reason, message } = verdicts[type];
      const old = previous.find((condition) => condition.type === type);
      return {
        type,
        status,
        lastProbeTime: null as unknown as string,
        lastTransitionTime:
          old?.status === status && old.lastTransitionTime ? old.lastTransitionTime : rfc3339(now),
        ...(reason === undefined ? {} : { reason }),
        ...(message === undefined ? {} : { message }),
      };
    }),
  ];
}

function hasNetworkedSandbox({ runtime }: PodState): boolean {
  const [sandbox] = runtime.sandboxes;
  return sandbox?.ready === true && (sandbox.hostNetwork || sandbox.ips.length > 0);
}

function initializedOf(
  state: PodState,
  phase: string,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
): Verdict {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  if (mains.some(({ started }) => started === true)) return { status: 'True' };
  const incomplete = initContainersOf(state.pod)
    .filter((container) => {
      const status = inits.find(({ name }) => name === container.name);
      return isSidecar(container) ? status?.started !== true : status?.ready !== true;
    })
    .map(({ name }) => name);
  if (incomplete.length === 0) return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.join(' ')}]`,
  };
}

function containersReadyOf(
  state: PodState,
  phase: string,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const sidecars = initContainersOf(state.pod).filter(isSidecar);
  const counted = [...sidecars, ...mainContainersOf(state.pod)];
  const unready = counted
    .filter(({ name }) => [...inits, ...mains].find((status) => status.name === name)?.ready !== true)
    .map(({ name }) => name);
  if (unready.length === 0) return { status: 'True' };
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  };
}

function readyOf(state: PodState, containersReady: Verdict, foreign: readonly PodCondition[]): Verdict {
  if (containersReady.status === 'False') return containersReady;
  const problems = (state.pod.spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = foreign.find(({ type }) => type === conditionType);
    if (condition === undefined) {
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    }
    if (condition.status === 'True') return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`];
  });
  if (problems.length === 0) return { status: 'True' };
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: problems.join(', ') };
}
