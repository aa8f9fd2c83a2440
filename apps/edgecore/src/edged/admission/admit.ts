import type { Pod } from '@kubeedge-ts/apis';
import type { Taint } from '../config.ts';
import { qosOf } from '../pod/qos.ts';
import { allContainersOf, isStatic } from '../pod/spec.ts';
import { parseQuantity } from '../quantity.ts';
import { isCritical } from './critical.ts';
import { matchesNode } from './node-affinity.ts';
import { portsConflict } from './node-ports.ts';
import { type Shortage, shortagesOf } from './pod-requests.ts';
import { podsToPreempt } from './preemption.ts';
import { tolerates } from './tolerations.ts';

export type Pressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** What the admission of a pod depends on besides the pods. */
export interface AdmissionNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly allocatable: Readonly<Record<string, string>>;
  readonly pressures: readonly Pressure[];
  readonly shuttingDown: boolean;
}

/** The pod's `reason`, and the message without its prefix `Pod was rejected: `, as the event shows it. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
  /** The pod is critical, and with these ended it fits: it is to be admitted after that, not refused. */
  readonly preempt?: readonly Pod[];
}

const OS = 'linux';
const OS_LABEL = 'kubernetes.io/os';

/**
 * Why this node does not take the pod on, undefined when it does: the kubelet's checks in its order and words
 * (spec/edged.md §13, "Admission failures"). For a pod that has not been started here before: one that has is never
 * asked again, so that a reboot with older labels or a smaller disk restores what ran. `others`: the pods that are on
 * the node and have not ended.
 */
export function admit(pod: Pod, others: readonly Pod[], node: AdmissionNode): Refusal | undefined {
  return underPressure(pod, node) ?? malformed(pod) ?? misplaced(pod, others, node) ?? shuttingDown(node);
}

function underPressure(pod: Pod, { pressures }: AdmissionNode): Refusal | undefined {
  if (pressures.length === 0 || isCritical(pod)) return undefined;
  if (pressures.length === 1 && pressures[0] === 'MemoryPressure') {
    const taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };
    if (qosOf(pod) !== 'BestEffort' || tolerates(pod, taint)) return undefined;
  }
  return { reason: 'Evicted', message: `The node had condition: [${pressures.join(' ')}]. ` };
}

/** The API server lets no such pod through; a file on the node may hold one. */
function malformed(pod: Pod): Refusal | undefined {
  const refusal = (problem: string): Refusal => ({ reason: 'UnexpectedAdmissionError', message: problem });
  if ((pod.spec?.containers ?? []).length === 0) return refusal('The pod has no containers.');
  for (const { name, resources } of allContainersOf(pod)) {
    for (const kind of ['requests', 'limits'] as const) {
      for (const [resource, amount] of Object.entries(resources?.[kind] ?? {})) {
        const value = parseQuantity(amount);
        if (value === undefined || value < 0)
          return refusal(
            `resources.${kind}.${resource} of container ${name} is not a quantity: "${String(amount)}"`,
          );
      }
    }
  }
  return undefined;
}

function misplaced(pod: Pod, others: readonly Pod[], node: AdmissionNode): Refusal | undefined {
  // A label of the pod, not its selector: so the kubelet has it.
  const wantedOs = pod.metadata.labels?.[OS_LABEL];
  if (wantedOs !== undefined && wantedOs !== OS) {
    return {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  }
  if (pod.spec?.os !== undefined && pod.spec.os.name !== OS) {
    return {
      reason: 'PodOSNotSupported',
      message: "Failed to admit pod as the OS field doesn't match node OS",
    };
  }
  const shortages = shortagesOf(pod, others, node.allocatable);
  const failed = failedPredicate(pod, others, node);
  const [shortage] = shortages;
  if (shortage === undefined) return failed;
  if (!isCritical(pod)) return outOf(shortage);
  if (failed !== undefined) return failed;
  const preempt = podsToPreempt(pod, others, shortages);
  return preempt === undefined ? outOf(shortage) : { ...outOf(shortage), preempt };
}

function failedPredicate(pod: Pod, others: readonly Pod[], node: AdmissionNode): Refusal | undefined {
  if (!matchesNode(pod, node))
    return predicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  if (pod.spec?.nodeName !== undefined && pod.spec.nodeName !== '' && pod.spec.nodeName !== node.name)
    return predicate('NodeName', "node(s) didn't match the requested node name");
  if (portsConflict(pod, others))
    return predicate('NodePorts', "node(s) didn't have free ports for the requested pod ports");
  const untolerated = node.taints.some((taint) => taint.effect === 'NoExecute' && !tolerates(pod, taint));
  if (untolerated && !isStatic(pod))
    return predicate('TaintToleration', "node(s) had taints that the pod didn't tolerate");
  return undefined;
}

function shuttingDown(node: AdmissionNode): Refusal | undefined {
  return node.shuttingDown
    ? { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' }
    : undefined;
}

function predicate(reason: string, problem: string): Refusal {
  return { reason, message: `Predicate ${reason} failed: ${problem}` };
}

function outOf({ resource, requested, used, capacity }: Shortage): Refusal {
  const amounts = `requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return { reason: `OutOf${resource}`, message: `Node didn't have enough resource: ${resource}, ${amounts}` };
}
