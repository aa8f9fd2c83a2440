import type { Deployment, ReplicaSet } from '@kubeedge-ts/apis';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

/** Annotations that belong to the Deployment or the ReplicaSet itself and are not handed down. */
const OWN: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
]);

type Annotations = Readonly<Record<string, string>>;

/** What a Deployment hands down to its current ReplicaSet, e.g. `kubernetes.io/change-cause`. */
export function inheritedAnnotations(deployment: Deployment): Annotations {
  const entries = Object.entries(deployment.metadata.annotations ?? {});
  return Object.fromEntries(entries.filter(([name]) => !OWN.has(name)));
}

/** The number of the rollout that a ReplicaSet (or Deployment) carries; 0 when it has none. */
export function revisionOf({ metadata }: ReplicaSet | Deployment): number {
  const revision = Number(metadata.annotations?.[REVISION] ?? 0);
  return Number.isSafeInteger(revision) && revision >= 0 ? revision : 0;
}

/**
 * Annotations of the current ReplicaSet at `revision`. A template that is rolled back to gets a new number; the
 * numbers it had are kept in the history.
 */
export function currentSetAnnotations(
  deployment: Deployment,
  revision: number,
  existing: Annotations = {},
): Annotations {
  const before = Number(existing[REVISION] ?? 0);
  if (before >= revision) return { ...existing, ...inheritedAnnotations(deployment) };
  const history = [existing[REVISION_HISTORY], existing[REVISION]].filter(Boolean).join(',');
  return {
    ...existing,
    ...inheritedAnnotations(deployment),
    [REVISION]: String(revision),
    ...(history === '' ? {} : { [REVISION_HISTORY]: history }),
  };
}

export function scaleAnnotations(desired: number, max: number): Annotations {
  return { [DESIRED_REPLICAS]: String(desired), [MAX_REPLICAS]: String(max) };
}
