import type { ContainerStatus, PodStatus } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { initContainersOf, isSidecar, mainContainersOf } from './spec.ts';
import type { PodState } from './types.ts';

export type PodCondition = NonNullable<PodStatus['conditions']>[number];

/** The conditions edged always reports, in the order upstream sends them. */
const OWN = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'] as const;
type OwnType = (typeof OWN)[number];
/** As upstream words it. */
const HELD = 'Upgrade is currently held due to edge-hold-upgrade annotation';
/** Reported only when there is something to say; they stay what they were otherwise. */
const OCCASIONAL = ['DisruptionTarget', 'HeldUpgrade'] as const;

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
  const foreign = foreignConditions(state);
  const containersReady = containersReadyOf(state, phase, inits, mains);
  const verdicts: Record<OwnType, Verdict> = {
    PodReadyToStartContainers: { status: hasNetworkedSandbox(state) ? 'True' : 'False' },
    Initialized: initializedOf(state, phase, inits, mains),
    Ready: readyOf(state, containersReady, foreign),
    ContainersReady: containersReady,
    PodScheduled: { status: 'True' },
  };
  const conditionOf = (type: string, { status, reason, message }: Verdict): PodCondition => {
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
  };
  const occasional = OCCASIONAL.flatMap((type) => {
    const verdict = occasionalOf(state, type);
    if (verdict !== undefined) return [conditionOf(type, verdict)];
    return previous.filter((condition) => condition.type === type);
  });
  return [...foreign, ...occasional, ...OWN.map((type) => conditionOf(type, verdicts[type]))];
}

/** Conditions of other owners, such as readiness gates: as the API shows them, else as they were. */
function foreignConditions({ pod, previous }: PodState): readonly PodCondition[] {
  const own: readonly string[] = [...OWN, ...OCCASIONAL];
  const shown = pod.status?.conditions ?? [];
  const before = (previous.conditions ?? []).filter(({ type }) => !shown.some((one) => one.type === type));
  return [...shown, ...before].filter(({ type }) => !own.includes(type));
}

function occasionalOf(
  { order, held, previous }: PodState,
  type: (typeof OCCASIONAL)[number],
): Verdict | undefined {
  if (type === 'DisruptionTarget') {
    if (order?.disruption !== true) return undefined;
    return { status: 'True', reason: 'TerminationByKubelet', message: order.message };
  }
  if (held) return { status: 'True', reason: 'HoldUpgradeEnabled', message: HELD };
  const was = previous.conditions?.find((condition) => condition.type === type);
  return was?.status === 'True' ? { status: 'False', reason: 'HoldUpgradeReleased' } : undefined;
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
