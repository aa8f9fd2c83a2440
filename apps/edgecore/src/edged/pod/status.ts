import type { PodStatus } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { conditionsOf } from './conditions.ts';
import { containerStatusOf, roleOf } from './container-status.ts';
import { phaseOf } from './phase.ts';
import { qosOf } from './qos.ts';
import { initContainersOf, isTerminal, mainContainersOf } from './spec.ts';
import type { PodState } from './types.ts';

/**
 * The pod's status as the API shows it (spec/edged.md §10). `ending`: nothing is started any more; `ended`: and
 * nothing runs any more.
 */
export function statusOf(state: PodState, ending: boolean, ended: boolean, now: number): PodStatus {
  if (state.released) return state.previous;
  const inits = initContainersOf(state.pod).map((container) =>
    containerStatusOf(state, container, roleOf(container, true), ending, now),
  );
  const mains = mainContainersOf(state.pod).map((container) =>
    containerStatusOf(state, container, 'main', ending, now),
  );
  const phase = phaseOf(state, inits, mains, ended);
  const { hostIPs } = state.node;
  const podIPs = podIPsOf(state);
  const previous = state.previous;
  return {
    phase,
    conditions: conditionsOf(state, phase, inits, mains, now),
    ...(isTerminal(phase) && previous.reason !== undefined ? { reason: previous.reason } : {}),
    ...(isTerminal(phase) && previous.message !== undefined ? { message: previous.message } : {}),
    ...(hostIPs.length > 0 ? { hostIP: hostIPs[0], hostIPs: hostIPs.map((ip) => ({ ip })) } : {}),
    ...(podIPs.length > 0 ? { podIP: podIPs[0], podIPs: podIPs.map((ip) => ({ ip })) } : {}),
    startTime: previous.startTime ?? rfc3339(now),
    ...(inits.length > 0 ? { initContainerStatuses: inits } : {}),
    containerStatuses: mains,
    qosClass: previous.qosClass ?? qosOf(state.pod),
  };
}

function podIPsOf({ pod, runtime, node }: PodState): readonly string[] {
  if (pod.spec?.hostNetwork === true) return runtime.sandboxes.length > 0 ? node.hostIPs : [];
  return runtime.sandboxes[0]?.ips ?? [];
}
