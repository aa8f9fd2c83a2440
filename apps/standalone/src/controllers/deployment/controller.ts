import { type Deployment, deployments, type Pod, type ReplicaSet, replicaSets } from '@kubeedge-ts/apis';
import type { Controller, ControllerPorts } from '../context.ts';
import type { EventRecorder } from '../event-recorder.ts';
import type { Informers } from '../informers.ts';
import { keyOf, splitKey } from '../object-key.ts';
import { claim, controllerOf } from '../owner.ts';
import { hasEnded } from '../pod-state.ts';
import { createReconciler } from '../reconciler.ts';
import { writeStatus } from '../status-writer.ts';
import { DESIRED_REPLICAS, MAX_REPLICAS } from './annotations.ts';
import { createReplicaSetWriter } from './replica-set-writer.ts';
import { proportionalSizes, rollingUpdateStep, rolloutLimits, type SetSize, type Sizes } from './rollout.ts';
import { type DeploymentView, deploymentStatus, isRecreate } from './status.ts';
import { currentSet, oldestFirst } from './template.ts';

/** Rolls a Deployment's template out through ReplicaSets, one per template. */
export function createDeploymentController(
  ports: ControllerPorts,
  informers: Informers,
  recorder: EventRecorder,
): Controller {
  const { client, clock } = ports;
  const writer = createReplicaSetWriter(client, recorder);

  const deploymentOf = (set: ReplicaSet): Deployment | undefined => {
    const controller = controllerOf(set);
    if (controller?.kind !== 'Deployment') return undefined;
    const found = informers.deployments.get({ namespace: set.metadata.namespace, name: controller.name });
    return found?.metadata.uid === controller.uid ? found : undefined;
  };
  const enqueueOwner = (set: ReplicaSet): void => {
    const owner = deploymentOf(set);
    if (owner !== undefined) reconciler.add(keyOf(owner));
    else if (controllerOf(set) === undefined) {
      for (const found of informers.deployments.byIndex('namespace', set.metadata.namespace ?? '')) {
        reconciler.add(keyOf(found));
      }
    }
  };
  /** A Recreate rollout waits for the last old pod to be gone. */
  const enqueueRecreate = (pod: Pod): void => {
    const reference = controllerOf(pod);
    if (reference?.kind !== 'ReplicaSet') return;
    const set = informers.replicaSets.get({ namespace: pod.metadata.namespace, name: reference.name });
    const owner = set === undefined ? undefined : deploymentOf(set);
    if (owner !== undefined && isRecreate(owner)) reconciler.add(keyOf(owner));
  };

  const limitsOf = (deployment: Deployment) =>
    isRecreate(deployment)
      ? { maxSurge: 0, maxUnavailable: 0 }
      : rolloutLimits(deployment.spec?.replicas ?? 1, deployment.spec?.strategy?.rollingUpdate);
  const scaleTo = async (
    deployment: Deployment,
    sets: readonly ReplicaSet[],
    sizes: Sizes,
  ): Promise<void> => {
    const { maxSurge } = limitsOf(deployment);
    for (const set of sets) {
      const size = sizes.get(set.metadata.name);
      if (size !== undefined) await writer.scale(deployment, set, size, maxSurge);
    }
  };
  const finish = async (view: DeploymentView): Promise<void> => {
    const { status, nextMs } = deploymentStatus(view, clock.now());
    await writeStatus(client, deployments, view.deployment, status);
    if (nextMs !== undefined) reconciler.addAfter(keyOf(view.deployment), Math.max(1000, nextMs));
  };

  /** Follows a change of the wanted number (or a pause) without rolling anything out. */
  const scaleOnly = async (view: DeploymentView): Promise<void> => {
    const { deployment, current, old } = view;
    const wanted = deployment.spec?.replicas ?? 1;
    const sets = current === undefined ? old : [current, ...old];
    const active = sets.filter((set) => replicasOf(set) > 0);
    const only = active.length === 0 ? (current ?? [...old].sort(oldestFirst).at(-1)) : active[0];
    const limits = limitsOf(deployment);
    if (active.length <= 1) {
      if (only !== undefined) await writer.scale(deployment, only, wanted, limits.maxSurge);
    } else if (!isRecreate(deployment)) {
      const newest = [...active].sort(oldestFirst).reverse();
      const sized = newest.map((set) => ({
        ...sizeOf(set),
        max: Number(set.metadata.annotations?.[MAX_REPLICAS] ?? 0),
      }));
      const changed = proportionalSizes(wanted, limits, sized);
      // Sets whose size stays still learn the number they were sized for.
      const sizes = new Map(sized.map((set) => [set.name, changed.get(set.name) ?? set.replicas]));
      await scaleTo(deployment, newest, sizes);
    }
    await finish(view);
  };

  const recreate = async (view: DeploymentView): Promise<void> => {
    const { deployment, old } = view;
    const running = old.filter((set) => replicasOf(set) > 0);
    if (running.length > 0) {
      await scaleTo(deployment, running, new Map(running.map((set) => [set.metadata.name, 0])));
      return finish(view);
    }
    const oldPods = old.flatMap((set) => informers.pods.byIndex('owner', String(set.metadata.uid)));
    if (oldPods.some((pod) => !hasEnded(pod))) return finish(view);
    const next = await writer.ensureCurrent(view, true);
    if (next.current !== undefined) {
      await writer.scale(deployment, next.current, deployment.spec?.replicas ?? 1, 0);
    }
    return finish(next);
  };

  const rollingUpdate = async (view: DeploymentView): Promise<void> => {
    const next = await writer.ensureCurrent(view, true);
    const { deployment, current, old } = next;
    if (current !== undefined) {
      const sizes = rollingUpdateStep(
        deployment.spec?.replicas ?? 1,
        limitsOf(deployment),
        sizeOf(current),
        old.map(sizeOf),
      );
      await scaleTo(deployment, [current, ...old], sizes);
    }
    await finish(next);
  };

  const reconcile = async (key: string): Promise<void> => {
    const deployment = informers.deployments.get(splitKey(key));
    if (deployment === undefined) return;
    const sets = await claim({
      client,
      owner: deployment,
      ownerResource: deployments,
      selector: deployment.spec?.selector,
      resource: replicaSets,
      candidates: informers.replicaSets.byIndex('namespace', deployment.metadata.namespace ?? ''),
    });
    const current = currentSet(deployment, sets);
    const old = sets.filter((set) => set !== current).sort(oldestFirst);
    const view: DeploymentView = { deployment, current, old };
    if (deployment.metadata.deletionTimestamp !== undefined) return finish(view);
    const numbered = await writer.ensureCurrent(view, false);
    if (deployment.spec?.paused || wasScaled(deployment, sets)) return scaleOnly(numbered);
    await (isRecreate(deployment) ? recreate(numbered) : rollingUpdate(numbered));
    await writer.cleanUp(numbered);
  };

  const reconciler = createReconciler(
    {
      name: 'deployment',
      needs: [informers.deployments, informers.replicaSets, informers.pods],
      concurrency: 5,
      reconcile,
    },
    ports,
  );
  const unsubscribe = [
    informers.deployments.subscribe({
      added: (deployment) => reconciler.add(keyOf(deployment)),
      updated: (deployment) => reconciler.add(keyOf(deployment)),
    }),
    informers.replicaSets.subscribe({
      added: enqueueOwner,
      updated(set, previous) {
        const before = deploymentOf(previous);
        if (before !== undefined) reconciler.add(keyOf(before));
        enqueueOwner(set);
      },
      deleted: enqueueOwner,
    }),
    informers.pods.subscribe({
      updated: (pod) => {
        if (hasEnded(pod)) enqueueRecreate(pod);
      },
      deleted: enqueueRecreate,
    }),
  ];
  return {
    name: 'deployment',
    idle: reconciler.idle,
    stop() {
      for (const end of unsubscribe) end();
      return reconciler.stop();
    },
  };
}

function replicasOf(set: ReplicaSet): number {
  return set.spec?.replicas ?? 1;
}

function sizeOf(set: ReplicaSet): SetSize {
  return {
    name: set.metadata.name,
    replicas: replicasOf(set),
    available: set.status?.availableReplicas ?? 0,
  };
}

/** True when the wanted number changed since a set in use was sized. */
function wasScaled(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets
    .filter((set) => replicasOf(set) > 0)
    .some((set) => {
      const desired = set.metadata.annotations?.[DESIRED_REPLICAS];
      return desired !== undefined && Number(desired) !== (deployment.spec?.replicas ?? 1);
    });
}
