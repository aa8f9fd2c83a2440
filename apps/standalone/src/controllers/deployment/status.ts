import type { Deployment, ReplicaSet } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { findCondition, withCondition, withoutCondition } from '../conditions.ts';
import {
  type DeploymentCondition,
  type DeploymentStatus,
  deadlineIn,
  type Progress,
  progressCondition,
} from './progress.ts';
import { rolloutLimits } from './rollout.ts';

export interface DeploymentView {
  readonly deployment: Deployment;
  /** The ReplicaSet of the present template, once it exists. */
  readonly current: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  readonly event?: Progress['event'];
}

type Count = 'replicas' | 'readyReplicas' | 'availableReplicas';

/** The status the ReplicaSets add up to, and when the progress deadline is due (ms from now). */
export function deploymentStatus(
  { deployment, current, old, event }: DeploymentView,
  nowMs: number,
): { status: DeploymentStatus; nextMs: number | undefined } {
  const sets = current === undefined ? old : [current, ...old];
  const total = (count: Count) => sets.reduce((sum, set) => sum + (set.status?.[count] ?? 0), 0);
  const asked = sets.reduce((sum, set) => sum + (set.spec?.replicas ?? 1), 0);
  const available = total('availableReplicas');
  // Zero is left out, as the API's own types leave it out.
  const counts: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation,
    replicas: total('replicas') || undefined,
    updatedReplicas: current?.status?.replicas || undefined,
    readyReplicas: total('readyReplicas') || undefined,
    availableReplicas: available || undefined,
    unavailableReplicas: Math.max(0, asked - available) || undefined,
    collisionCount: deployment.status?.collisionCount,
  };
  const progress = progressCondition({ deployment, current, counts, event }, nowMs);
  let conditions = withCondition(
    deployment.status?.conditions,
    availableCondition(deployment, available, nowMs),
  );
  conditions =
    progress === undefined
      ? withoutCondition(conditions, 'Progressing')
      : withCondition(conditions, progress);
  const failure = sets
    .map((set) => findCondition(set.status?.conditions, 'ReplicaFailure'))
    .find((condition) => condition?.status === 'True');
  conditions =
    failure === undefined
      ? withoutCondition(conditions, 'ReplicaFailure')
      : withCondition(conditions, { ...failure, lastUpdateTime: failure.lastTransitionTime });
  return { status: { ...counts, conditions }, nextMs: deadlineIn(deployment, progress, nowMs) };
}

function availableCondition(deployment: Deployment, available: number, nowMs: number): DeploymentCondition {
  const wanted = deployment.spec?.replicas ?? 1;
  const mayMiss = isRecreate(deployment)
    ? 0
    : rolloutLimits(wanted, deployment.spec?.strategy?.rollingUpdate).maxUnavailable;
  const enough = available >= wanted - mayMiss;
  const before = findCondition(deployment.status?.conditions, 'Available');
  // Unchanged is unchanged: the update time does not tick.
  if (before?.status === (enough ? 'True' : 'False')) return before;
  return {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: enough
      ? 'Deployment has minimum availability.'
      : 'Deployment does not have minimum availability.',
    lastUpdateTime: rfc3339(nowMs),
    lastTransitionTime: rfc3339(nowMs),
  };
}

export function isRecreate(deployment: Deployment): boolean {
  return deployment.spec?.strategy?.type === 'Recreate';
}
