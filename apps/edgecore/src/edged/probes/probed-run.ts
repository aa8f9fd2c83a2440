import type { Container, Pod } from '@kubeedge-ts/apis';
import { initContainersOf, isSidecar, mainContainersOf } from '../pod/spec.ts';
import type { PodRuntime, ProbeFindings, RuntimeContainer } from '../pod/types.ts';
import {
  type EarlierFindings,
  findingsOf,
  initialState,
  type ProbeState,
  type ProbeStates,
} from './probe-machine.ts';
import { hasProbes, type ProbeSpec, probeSpecsOf } from './probe-spec.ts';

/** One run of a container that has probes. */
export interface ProbedRun {
  readonly containerId: string;
  readonly name: string;
  /** Monotonic ms. */
  readonly startedAt: number;
  /** It ran before this process did. */
  readonly adopted: boolean;
  readonly probes: readonly Probe[];
  /** The newest object of the pod. */
  pod: Pod;
  /** Empty while unknown. */
  podIP: string;
  ending: boolean;
  findings: ProbeFindings;
  /** How long the startup probe kept the others, ms after the start. */
  unlockedAfter: number;
}

export interface Probe {
  readonly run: ProbedRun;
  readonly spec: ProbeSpec;
  state: ProbeState;
  /** Monotonic ms of the try that is to come or under way; undefined before the first and when not asked. */
  dueAt: number | undefined;
  /** Ends the try that is under way or has its turn soon. */
  trying: AbortController | undefined;
}

export interface RunTimes {
  readonly now: number;
  readonly monotonic: number;
  /** Monotonic ms at which this process began to probe. */
  readonly probingSince: number;
}

/** Sidecars are probed as main containers are; other init containers and ephemeral ones have no probes. */
export function probedContainersOf(pod: Pod): readonly Container[] {
  return [...initContainersOf(pod).filter(isSidecar), ...mainContainersOf(pod)].filter(hasProbes);
}

export function beginRun(
  pod: Pod,
  container: Container,
  newest: RuntimeContainer,
  times: RunTimes,
): ProbedRun {
  const { now, monotonic, probingSince } = times;
  const startedAt = monotonic - Math.max(0, now - newest.startedAt);
  const earlier = earlierOf(pod, container.name, newest.id);
  const probes: Probe[] = [];
  const run: ProbedRun = {
    containerId: newest.id,
    name: container.name,
    startedAt,
    adopted: startedAt < probingSince,
    probes,
    pod,
    podIP: '',
    ending: false,
    findings: { started: false, ready: false },
    unlockedAfter: 0,
  };
  for (const spec of probeSpecsOf(pod, container)) {
    probes.push({ run, spec, state: initialState(spec.kind, earlier), dueAt: undefined, trying: undefined });
  }
  run.findings = findingsOfRun(run);
  return run;
}

/** What the pod's status says of this very run: it comes from before edgecore restarted. */
function earlierOf({ status }: Pod, name: string, id: string): EarlierFindings | undefined {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const known = statuses.find((each) => each.name === name);
  if (known?.containerID?.endsWith(`://${id}`) !== true) return undefined;
  const ready = known.ready === true;
  return { ready, started: ready || known.started === true };
}

export function statesOf({ probes }: ProbedRun): ProbeStates {
  return Object.fromEntries(probes.map(({ spec, state }) => [spec.kind, state]));
}

export function findingsOfRun(run: ProbedRun): ProbeFindings {
  const grace = Object.fromEntries(run.probes.map(({ spec }) => [spec.kind, spec.graceSeconds]));
  return findingsOf(statesOf(run), run.ending, grace);
}

/** The address probes go to: the pod's first, or the node's. */
export function probedIPOf(pod: Pod, { sandboxes }: PodRuntime, hostIPs: readonly string[]): string {
  return (pod.spec?.hostNetwork === true ? hostIPs[0] : sandboxes[0]?.ips[0]) ?? '';
}
