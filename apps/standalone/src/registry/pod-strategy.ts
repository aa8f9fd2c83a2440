import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import { admitPriority } from '../admission/priority.ts';
import { admitServiceAccount } from '../admission/service-account.ts';
import { admitTolerations } from '../admission/tolerations.ts';
import type { FieldError } from '../rest/field-error.ts';
import { parseQuantity } from '../schema/quantity.ts';
import { defaultPod, fallback, records } from './pod-defaults.ts';
import { ephemeralContainers } from './pod-ephemeral.ts';
import { immutablePodSpec, validatePodSpec } from './pod-validation.ts';
import type { JsonObject, Strategy } from './types.ts';

export const podStrategy: Strategy = {
  unconditionalUpdate: true,
  returnsDeleted: true,
  defaults(pod) {
    defaultPod(pod);
    const status = isRecord(pod['status']) ? pod['status'] : {};
    for (const condition of records(status['conditions'])) {
      // Go writes unset times as null.
      fallback(condition, 'lastProbeTime', null);
      fallback(condition, 'lastTransitionTime', null);
    }
  },
  admit(pod, context) {
    admitServiceAccount(pod, context);
    admitTolerations(pod);
    admitPriority(pod, context);
  },
  initialStatus: (pod) => ({ phase: 'Pending', qosClass: qosClass(pod) }),
  validate: (pod) => validatePodSpec(pod['spec'], 'spec'),
  validateUpdate: (next, old) => validatePodUpdate(next, old),
  parts: { ephemeralcontainers: ephemeralContainers },
  gracePeriod(pod, asked) {
    const spec = isRecord(pod['spec']) ? pod['spec'] : {};
    const phase = isRecord(pod['status']) ? pod['status']['phase'] : undefined;
    // Nobody runs it, so nobody needs time to stop it.
    if (!spec['nodeName'] || phase === 'Succeeded' || phase === 'Failed') return 0;
    const grace = asked ?? spec['terminationGracePeriodSeconds'];
    // A negative period means "at once, but let the node confirm".
    return typeof grace === 'number' ? (grace < 0 ? 1 : grace) : 30;
  },
};

/** Only images, deadlines, and additional tolerations of a pod may change; gates may go. */
function validatePodUpdate(next: UnknownObject, old: UnknownObject): FieldError[] {
  const [after, before] = [comparableSpec(next), comparableSpec(old)];
  const changed = [...new Set([...Object.keys(after), ...Object.keys(before)])].filter(
    (field) => !sameJson(after[field], before[field]),
  );
  const tolerationsKept = records(before['tolerations']).every((old) =>
    records(after['tolerations']).some((toleration) => sameJson(toleration, old)),
  );
  const gatesKept = records(after['schedulingGates']).every((gate) =>
    records(before['schedulingGates']).some((old) => sameJson(old, gate)),
  );
  const refused = changed.filter(
    (field) => !(field === 'tolerations' && tolerationsKept) && !(field === 'schedulingGates' && gatesKept),
  );
  return refused.length === 0 ? [] : [immutablePodSpec(refused.sort())];
}

function comparableSpec(pod: UnknownObject): JsonObject {
  const spec = structuredClone(isRecord(pod['spec']) ? pod['spec'] : {});
  for (const container of [...records(spec['containers']), ...records(spec['initContainers'])]) {
    delete container['image'];
  }
  delete spec['activeDeadlineSeconds'];
  delete spec['terminationGracePeriodSeconds'];
  return spec;
}

const QOS_RESOURCES = ['cpu', 'memory'];

/** Guaranteed when every container limits cpu and memory and requests the same; BestEffort when none asks for any. */
export function qosClass(pod: UnknownObject): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const spec = isRecord(pod['spec']) ? pod['spec'] : {};
  const containers = [...records(spec['containers']), ...records(spec['initContainers'])];
  let anything = false;
  let guaranteed = true;
  for (const container of containers) {
    const resources = isRecord(container['resources']) ? container['resources'] : {};
    for (const name of QOS_RESOURCES) {
      const limit = amount(resources['limits'], name);
      const request = amount(resources['requests'], name);
      if (limit > 0n || request > 0n) anything = true;
      if (limit === 0n || (request !== 0n && request !== limit)) guaranteed = false;
    }
  }
  if (!anything) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function amount(list: unknown, name: string): bigint {
  const value = isRecord(list) ? list[name] : undefined;
  return value === undefined ? 0n : (parseQuantity(String(value)) ?? 0n);
}
