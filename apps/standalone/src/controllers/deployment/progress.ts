import type { Deployment, ReplicaSet } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { findCondition } from '../conditions.ts';

export type DeploymentStatus = NonNullable<Deployment['status']>;
export type DeploymentCondition = NonNullable<DeploymentStatus['conditions']>[number];

const DEFAULT_PROGRESS_DEADLINE_S = 600;
/** The largest int32 stands for "no deadline". */
const NO_DEADLINE_S = 2_147_483_647;

export interface Progress {
  readonly deployment: Deployment;
  readonly current: ReplicaSet | undefined;
  /** The counts about to be written. */
  readonly counts: DeploymentStatus;
  /** What this round did to the current set. */
  readonly event: 'created' | 'found' | undefined;
}

/** All pods are of the present template and serve. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = deployment.spec?.replicas ?? 1;
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted
  );
}

/** The Progressing condition, in the words `kubectl rollout status` understands; undefined when there is none. */
export function progressCondition(progress: Progress, nowMs: number): DeploymentCondition | undefined {
  const { deployment, current, counts, event } = progress;
  if (deployment.spec?.progressDeadlineSeconds === NO_DEADLINE_S) return undefined;
  const before = findCondition(deployment.status?.conditions, 'Progressing');
  const name = current?.metadata.name;
  const subject = name === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${name}"`;
  const make = (status: string, reason: string, message: string): DeploymentCondition => ({
    type: 'Progressing',
    status,
    reason,
    message,
    lastUpdateTime: rfc3339(nowMs),
    lastTransitionTime: rfc3339(nowMs),
  });
  const once = (next: DeploymentCondition): DeploymentCondition =>
    before !== undefined && before.reason === next.reason && before.message === next.message ? before : next;

  if (deployment.spec?.paused) return once(make('Unknown', 'DeploymentPaused', 'Deployment is paused'));
  if (before?.reason === 'DeploymentPaused') {
    return make('Unknown', 'DeploymentResumed', 'Deployment is resumed');
  }
  if (event === 'created') return make('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`);
  const complete = once(make('True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`));
  if (isComplete(deployment, counts)) return complete;
  // A pod that falls out of readiness after the rollout, or a scaling, is no rollout.
  if (complete === before && counts.replicas === counts.updatedReplicas) return before;
  if (event === 'found' && before === undefined) {
    return make('True', 'FoundNewReplicaSet', `Found new replica set "${name}"`);
  }
  if (hasProgressed(deployment.status ?? {}, counts)) {
    return make('True', 'ReplicaSetUpdated', `${subject} is progressing.`);
  }
  const left = deadlineIn(deployment, before, nowMs);
  return left !== undefined && left <= 0
    ? make('False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`)
    : before;
}

function hasProgressed(before: DeploymentStatus, next: DeploymentStatus): boolean {
  const more = (field: 'updatedReplicas' | 'readyReplicas' | 'availableReplicas') =>
    (next[field] ?? 0) > (before[field] ?? 0);
  const old = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    more('updatedReplicas') || more('readyReplicas') || more('availableReplicas') || old(next) < old(before)
  );
}

/** Milliseconds until the progress deadline; undefined when none runs. */
export function deadlineIn(
  deployment: Deployment,
  progress: DeploymentCondition | undefined,
  nowMs: number,
): number | undefined {
  const seconds = deployment.spec?.progressDeadlineSeconds ?? DEFAULT_PROGRESS_DEADLINE_S;
  const settled = ['NewReplicaSetAvailable', 'ProgressDeadlineExceeded', 'DeploymentPaused'];
  if (progress === undefined || seconds === NO_DEADLINE_S || settled.includes(progress.reason ?? '')) {
    return undefined;
  }
  const since = Date.parse(progress.lastUpdateTime ?? progress.lastTransitionTime ?? '');
  return Number.isNaN(since) ? undefined : since + seconds * 1000 - nowMs;
}
