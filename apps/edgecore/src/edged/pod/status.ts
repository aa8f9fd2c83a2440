import type { Container, PodStatus } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { conditionsOf } from './conditions.ts';
import { containerStatusOf, type Role, roleOf } from './container-status.ts';
import { runningOf } from './end-pod.ts';
import { limitMessages } from './message-limit.ts';
import { phaseOf } from './phase.ts';
import { qosOf } from './qos.ts';
import { ephemeralContainersOf, initContainersOf, isTerminal, mainContainersOf } from './spec.ts';
import type { EndOrder, PodState } from './types.ts';

export interface ComputedStatus {
  readonly status: PodStatus;
  /** The containers have reached an end, even if the status does not say so yet because something still runs. */
  readonly done: boolean;
}

/** The pod's status as the API shows it (spec/edged.md §10). `ending`: nothing is started any more. */
export function statusOf(state: PodState, ending: boolean, now: number): ComputedStatus {
  const { previous, order } = state;
  if (state.released) return { status: previous, done: isTerminal(previous.phase) };
  if (order?.refused === true) return { status: refusedStatus(state, order), done: true };
  const statusesOf = (containers: readonly Container[], role: (container: Container) => Role) =>
    containers.map((container) => containerStatusOf(state, container, role(container), ending, now));
  const inits = statusesOf(initContainersOf(state.pod), (container) => roleOf(container, true));
  const mains = statusesOf(mainContainersOf(state.pod), () => 'main');
  const ephemerals = statusesOf(ephemeralContainersOf(state.pod), () => 'ephemeral');
  const still = runningOf(state).length > 0;
  const reached = phaseOf(state, inits, mains, ending && !still);
  const done = isTerminal(reached);
  // A pod is never shown as ended while something of it may run: controllers would start its successor.
  const phase = done && still && !isTerminal(previous.phase) ? (previous.phase ?? 'Running') : reached;
  const { hostIPs } = state.node;
  const podIPs = podIPsOf(state);
  const containers = inits.length + mains.length + ephemerals.length;
  const status = {
    phase,
    conditions: conditionsOf(state, phase, inits, mains, now),
    ...reasonOf(state, phase),
    ...(hostIPs.length > 0 ? { hostIP: hostIPs[0], hostIPs: hostIPs.map((ip) => ({ ip })) } : {}),
    ...(podIPs.length > 0 ? { podIP: podIPs[0], podIPs: podIPs.map((ip) => ({ ip })) } : {}),
    startTime: previous.startTime ?? rfc3339(now),
    ...(inits.length > 0 ? { initContainerStatuses: limitMessages(inits, containers) } : {}),
    containerStatuses: limitMessages(mains, containers),
    ...(ephemerals.length > 0 ? { ephemeralContainerStatuses: limitMessages(ephemerals, containers) } : {}),
    qosClass: previous.qosClass ?? qosOf(state.pod),
  };
  return { status, done };
}

/** Why the pod ended, if not by itself; once said it stays. */
function reasonOf({ previous, order }: PodState, phase: string): Pick<PodStatus, 'reason' | 'message'> {
  if (!isTerminal(phase)) return {};
  const { reason, message } = isTerminal(previous.phase) ? previous : (order ?? previous);
  return { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) };
}

function refusedStatus({ pod, previous }: PodState, { reason, message }: EndOrder): PodStatus {
  return { phase: 'Failed', reason, message, qosClass: previous.qosClass ?? qosOf(pod) };
}

function podIPsOf({ pod, runtime, node }: PodState): readonly string[] {
  if (pod.spec?.hostNetwork === true) return runtime.sandboxes.length > 0 ? node.hostIPs : [];
  return runtime.sandboxes[0]?.ips ?? [];
}
