import {
  type Deployment,
  deployments,
  type KubeObject,
  type LabelSelector,
  type ReplicaSet,
  type Resource,
  replicaSets,
} from '@kubeedge-ts/apis';
import { createMergePatch, isAlreadyExists, isNotFound, type KubeClient } from '@kubeedge-ts/kube';
import type { EventRecorder } from '../event-recorder.ts';
import { controllerOf, controllerReference } from '../owner.ts';
import { writeStatus } from '../status-writer.ts';
import { currentSetAnnotations, REVISION, revisionOf, scaleAnnotations } from './annotations.ts';
import { isComplete } from './progress.ts';
import { rolloutLimits } from './rollout.ts';
import { type DeploymentView, isRecreate } from './status.ts';
import { sameTemplate, TEMPLATE_HASH, templateHash } from './template.ts';

/** Writes the ReplicaSets of Deployments. */
export interface ReplicaSetWriter {
  /** Numbers the current set as the newest revision, and creates it when it is missing and `create` is set. */
  ensureCurrent(view: DeploymentView, create: boolean): Promise<DeploymentView>;
  scale(deployment: Deployment, set: ReplicaSet, size: number, maxSurge: number): Promise<void>;
  /** Deletes old empty sets beyond the history limit, once the rollout is complete. */
  cleanUp(view: DeploymentView): Promise<void>;
}

const DEFAULT_HISTORY = 10;

export function createReplicaSetWriter(client: KubeClient, recorder: EventRecorder): ReplicaSetWriter {
  /** Fails with a conflict when the object is no longer the one that was looked at. */
  const setAnnotations = async <T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    annotations: Readonly<Record<string, string>>,
    change: { readonly spec?: object } = {},
  ): Promise<T> => {
    const { namespace, name, uid, resourceVersion, annotations: before = {} } = object.metadata;
    const difference = createMergePatch(before, { ...before, ...annotations });
    if (difference === undefined && change.spec === undefined) return object;
    const body = { ...change, metadata: { uid, resourceVersion, annotations: difference } };
    return client.patch(resource, { namespace, name }, { type: 'merge', body });
  };

  const create = async (
    deployment: Deployment,
    size: number,
    revision: number,
  ): Promise<ReplicaSet | undefined> => {
    const collisions = deployment.status?.collisionCount ?? 0;
    const set = newReplicaSet(deployment, { size, revision, collisions });
    try {
      return await client.create(replicaSets, set);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const { namespace, name } = set.metadata;
      const existing = await client.get(replicaSets, { namespace, name });
      const ours = controllerOf(existing)?.uid === deployment.metadata.uid;
      // The cache was behind: the next round sees it.
      if (ours && sameTemplate(existing.spec?.template, deployment.spec?.template)) return undefined;
      await writeStatus(client, deployments, deployment, {
        ...deployment.status,
        collisionCount: collisions + 1,
      });
      return undefined;
    }
  };

  return {
    async ensureCurrent(view, createMissing) {
      const { deployment, old } = view;
      const revision = Math.max(0, ...old.map(revisionOf)) + 1;
      let current = view.current;
      let event: DeploymentView['event'];
      if (current !== undefined) {
        const annotations = currentSetAnnotations(deployment, revision, current.metadata.annotations);
        const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
        const change =
          (current.spec?.minReadySeconds ?? 0) === minReadySeconds ? {} : { spec: { minReadySeconds } };
        current = await setAnnotations(replicaSets, current, annotations, change);
        event = 'found';
      } else if (createMissing) {
        const sizes = { wanted: deployment.spec?.replicas ?? 1, existing: sizesOf(old) };
        const size = firstSize(deployment, sizes);
        current = await create(deployment, size, revision);
        if (current === undefined) return view;
        event = 'created';
        if (size > 0) {
          const message = `Scaled up replica set ${current.metadata.name} from 0 to ${size}`;
          recorder.record(deployment, 'Normal', 'ScalingReplicaSet', message);
        }
      }
      if (current === undefined) return view;
      const numbered = { [REVISION]: String(revisionOf(current)) };
      return { old, current, event, deployment: await setAnnotations(deployments, deployment, numbered) };
    },

    async scale(deployment, set, size, maxSurge) {
      const wanted = deployment.spec?.replicas ?? 1;
      const before = set.spec?.replicas ?? 1;
      const annotations = scaleAnnotations(wanted, wanted + maxSurge);
      const change = before === size ? {} : { spec: { replicas: size } };
      await setAnnotations(replicaSets, set, annotations, change);
      if (before === size) return;
      const direction = size > before ? 'up' : 'down';
      const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${size}`;
      recorder.record(deployment, 'Normal', 'ScalingReplicaSet', message);
    },

    async cleanUp({ deployment, old }) {
      if (!isComplete(deployment, deployment.status ?? {})) return;
      const limit = deployment.spec?.revisionHistoryLimit ?? DEFAULT_HISTORY;
      const empty = old
        .filter(isEmpty)
        .sort((a, b) => revisionOf(a) - revisionOf(b))
        .slice(0, Math.max(0, old.length - limit));
      for (const set of empty) {
        const { namespace, name, uid } = set.metadata;
        try {
          await client.delete(replicaSets, { namespace, name }, { preconditions: { uid } });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }
    },
  };
}

const sizesOf = (sets: readonly ReplicaSet[]): number =>
  sets.reduce((sum, set) => sum + (set.spec?.replicas ?? 1), 0);

/** How large a new set may start without exceeding the surge. */
function firstSize(deployment: Deployment, sizes: { wanted: number; existing: number }): number {
  if (isRecreate(deployment)) return sizes.wanted;
  const { maxSurge } = rolloutLimits(sizes.wanted, deployment.spec?.strategy?.rollingUpdate);
  return Math.max(0, Math.min(sizes.wanted, sizes.wanted + maxSurge - sizes.existing));
}

function isEmpty(set: ReplicaSet): boolean {
  return (
    (set.spec?.replicas ?? 1) === 0 &&
    (set.status?.replicas ?? 0) === 0 &&
    (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0) &&
    set.metadata.deletionTimestamp === undefined
  );
}

function newReplicaSet(
  deployment: Deployment,
  { size, revision, collisions }: { size: number; revision: number; collisions: number },
): ReplicaSet {
  const { spec } = deployment;
  const hash = templateHash(spec?.template, collisions);
  const wanted = spec?.replicas ?? 1;
  const { maxSurge } = isRecreate(deployment)
    ? { maxSurge: 0 }
    : rolloutLimits(wanted, spec?.strategy?.rollingUpdate);
  const labels = { ...spec?.template?.metadata?.labels, [TEMPLATE_HASH]: hash };
  const selector: LabelSelector = {
    ...spec?.selector,
    matchLabels: { ...spec?.selector?.matchLabels, [TEMPLATE_HASH]: hash },
  };
  return {
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: {
        ...currentSetAnnotations(deployment, revision),
        ...scaleAnnotations(wanted, wanted + maxSurge),
      },
      ownerReferences: [controllerReference(deployments, deployment)],
    },
    spec: {
      replicas: size,
      minReadySeconds: spec?.minReadySeconds,
      selector,
      template: { ...spec?.template, metadata: { ...spec?.template?.metadata, labels } },
    },
  };
}
