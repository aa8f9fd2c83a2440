import type { Pod } from '@kubeedge-ts/apis';
import type { MetaClient } from '../metamanager/meta-client.ts';
import { admit, type Pressure } from './admission/index.ts';
import type { EdgedConfig } from './config.ts';
import type { Events } from './events.ts';
import type { EndOrder } from './pod/types.ts';
import type { Admission } from './pod-set.ts';

export interface AdmitPodOptions {
  readonly config: Pick<EdgedConfig, 'nodeName' | 'nodeLabels' | 'taints'>;
  readonly meta: Pick<MetaClient, 'getNode'>;
  readonly allocatable: () => Readonly<Record<string, string>>;
  readonly pressures: () => readonly Pressure[];
  readonly shuttingDown: () => boolean;
  /** What the machine or its runtime cannot keep apart as the pod asks for. */
  readonly isolation: (pod: Pod) => Refusal | undefined;
  readonly events: Events;
}

interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** Grace of a pod that makes room for a critical one: none beyond what the kubelet always gives. */
const PREEMPTION_GRACE_SECONDS = 0;

/** Asks the node's admission about a pod, and says what came of it as status orders and events (spec/edged.md §13). */
export function createAdmitPod(options: AdmitPodOptions) {
  const { config, meta, allocatable, pressures, shuttingDown, isolation, events } = options;
  const refused = (pod: Pod, { reason, message }: Refusal): Admission => {
    events.pod(pod, 'Warning', reason, message);
    return { refusal: { reason, message: `Pod was rejected: ${message}`, refused: true } };
  };
  return async (pod: Pod, others: readonly Pod[]): Promise<Admission> => {
    const unkept = isolation(pod);
    if (unkept !== undefined) return refused(pod, unkept);
    // The API's labels and taints count, as the cloud sent them before the pod; without it those of the configuration.
    const node = await meta.getNode(config.nodeName);
    const refusal = admit(pod, others, {
      name: config.nodeName,
      labels: node?.metadata.labels ?? config.nodeLabels,
      taints: (node?.spec?.taints as EdgedConfig['taints'] | undefined) ?? config.taints,
      allocatable: allocatable(),
      pressures: pressures(),
      shuttingDown: shuttingDown(),
    });
    if (refusal === undefined) return { refusal: undefined };
    if (refusal.preempt !== undefined) {
      return { refusal: undefined, preempt: refusal.preempt.map((victim) => preempted(victim, events)) };
    }
    return refused(pod, refusal);
  };
}

function preempted(victim: Pod, events: Events): { uid: string; order: EndOrder } {
  const message = 'Preempted in order to admit critical pod';
  events.pod(victim, 'Warning', 'Preempting', message);
  const order = {
    reason: 'Preempting',
    message,
    graceSeconds: PREEMPTION_GRACE_SECONDS,
    disruption: true,
  } as const;
  return { uid: victim.metadata.uid ?? '', order };
}
