import type { Pod, ReplicaSet } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { withCondition, withoutCondition } from '../conditions.ts';
import { availableIn } from '../pod-state.ts';

export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
  readonly cause: unknown;
}

/** The status of a ReplicaSet with these active pods, and when it changes by itself (ms from now). */
export function replicaSetStatus(
  set: ReplicaSet,
  pods: readonly Pod[],
  failure: ReplicaFailure | undefined,
  nowMs: number,
): { status: NonNullable<ReplicaSet['status']>; nextMs: number | undefined } {
  const labels = Object.entries(set.spec?.template?.metadata?.labels ?? {});
  const waits = pods.map((pod) => availableIn(pod, set.spec?.minReadySeconds ?? 0, nowMs));
  const before = set.status?.conditions;
  const conditions =
    failure === undefined
      ? withoutCondition(before, 'ReplicaFailure')
      : withCondition(before, {
          type: 'ReplicaFailure',
          status: 'True',
          reason: failure.reason,
          message: failure.message,
          lastTransitionTime: rfc3339(nowMs),
        });
  const pending = waits.filter((wait): wait is number => wait !== undefined && wait > 0);
  return {
    status: {
      replicas: pods.length,
      fullyLabeledReplicas: pods.filter((pod) =>
        labels.every(([name, value]) => pod.metadata.labels?.[name] === value),
      ).length,
      readyReplicas: waits.filter((wait) => wait !== undefined).length,
      availableReplicas: waits.filter((wait) => wait === 0).length,
      observedGeneration: set.metadata.generation,
      conditions: conditions.length === 0 ? undefined : conditions,
    },
    nextMs: pending.length === 0 ? undefined : Math.min(...pending),
  };
}
