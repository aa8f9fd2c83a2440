import { type Pod, pods as podResource, type ReplicaSet, replicaSets } from '@kubeedge-ts/apis';
import { errorText } from '@kubeedge-ts/errors';
import { isNamespaceTerminating, isNotFound } from '@kubeedge-ts/kube';
import type { Controller, ControllerPorts } from '../context.ts';
import type { EventRecorder } from '../event-recorder.ts';
import type { Informers } from '../informers.ts';
import { keyOf, splitKey } from '../object-key.ts';
import { claim, controllerOf, controllerReference } from '../owner.ts';
import { isActive } from '../pod-state.ts';
import { createReconciler } from '../reconciler.ts';
import { writeStatus } from '../status-writer.ts';
import { deletionOrder } from './deletion-order.ts';
import { createExpectations } from './expectations.ts';
import { type ReplicaFailure, replicaSetStatus } from './status.ts';

/** Most pods created or deleted in one round. */
const BURST = 500;

/** Keeps as many pods of its template alive as a ReplicaSet asks for. */
export function createReplicaSetController(
  ports: ControllerPorts,
  informers: Informers,
  recorder: EventRecorder,
): Controller {
  const { client, clock } = ports;
  const expectations = createExpectations(clock);

  const setOf = (pod: Pod): ReplicaSet | undefined => {
    const controller = controllerOf(pod);
    if (controller?.kind !== 'ReplicaSet') return undefined;
    const set = informers.replicaSets.get({ namespace: pod.metadata.namespace, name: controller.name });
    return set?.metadata.uid === controller.uid ? set : undefined;
  };
  const enqueueOwner = (pod: Pod): void => {
    const owner = setOf(pod);
    if (owner !== undefined) reconciler.add(keyOf(owner));
    else if (controllerOf(pod) === undefined && pod.metadata.deletionTimestamp === undefined) {
      // An orphan may be adopted by any set of its namespace.
      for (const set of informers.replicaSets.byIndex('namespace', pod.metadata.namespace ?? '')) {
        reconciler.add(keyOf(set));
      }
    }
  };
  const observeDeletion = (pod: Pod): void => {
    const owner = controllerOf(pod);
    if (owner !== undefined) expectations.deleted(owner.uid, String(pod.metadata.uid));
  };

  const createOne = async (set: ReplicaSet): Promise<void> => {
    const template = set.spec?.template;
    const pod = await client.create(podResource, {
      metadata: {
        // The server makes the name.
        name: '',
        generateName: `${set.metadata.name}-`,
        namespace: set.metadata.namespace,
        labels: { ...template?.metadata?.labels },
        annotations: { ...template?.metadata?.annotations },
        finalizers: template?.metadata?.finalizers,
        ownerReferences: [controllerReference(replicaSets, set)],
      },
      spec: template?.spec,
    });
    recorder.record(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  };

  /** In growing batches, so that a quota or a broken template costs few failing calls. */
  const create = async (set: ReplicaSet, count: number): Promise<ReplicaFailure | undefined> => {
    const owner = String(set.metadata.uid);
    expectations.expectCreations(owner, count);
    let left = count;
    for (let batch = 1; left > 0; batch *= 2) {
      const size = Math.min(batch, left);
      const outcomes = await Promise.allSettled(Array.from({ length: size }, () => createOne(set)));
      left -= size;
      const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
      for (const _ of failures) expectations.created(owner);
      const error: unknown = failures[0]?.reason;
      if (error === undefined) continue;
      for (let skipped = 0; skipped < left; skipped++) expectations.created(owner);
      if (isNamespaceTerminating(error)) return undefined;
      const message = errorText(error);
      recorder.record(set, 'Warning', 'FailedCreate', `Error creating: ${message}`);
      return { reason: 'FailedCreate', message, cause: error };
    }
    return undefined;
  };

  const remove = async (set: ReplicaSet, victims: readonly Pod[]): Promise<ReplicaFailure | undefined> => {
    const owner = String(set.metadata.uid);
    expectations.expectDeletions(
      owner,
      victims.map((pod) => String(pod.metadata.uid)),
    );
    let failure: ReplicaFailure | undefined;
    const removeOne = async (pod: Pod): Promise<void> => {
      const { namespace, name, uid } = pod.metadata;
      try {
        await client.delete(podResource, { namespace, name }, { preconditions: { uid } });
        recorder.record(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
      } catch (error) {
        expectations.deleted(owner, String(uid));
        if (isNotFound(error)) return;
        recorder.record(set, 'Warning', 'FailedDelete', `Error deleting: ${errorText(error)}`);
        failure = { reason: 'FailedDelete', message: errorText(error), cause: error };
      }
    };
    await Promise.all(victims.map(removeOne));
    return failure;
  };

  /** Pods of all ReplicaSets with the same owner, so that a rollout thins out crowded nodes first. */
  const relatedPods = (set: ReplicaSet): readonly Pod[] => {
    const owner = controllerOf(set)?.uid;
    const sets = owner === undefined ? [set] : informers.replicaSets.byIndex('owner', owner);
    return sets.flatMap(({ metadata }) => informers.pods.byIndex('owner', String(metadata.uid)));
  };

  const reconcile = async (key: string): Promise<void> => {
    const set = informers.replicaSets.get(splitKey(key));
    if (set === undefined) return;
    const pods = await claim({
      client,
      owner: set,
      ownerResource: replicaSets,
      selector: set.spec?.selector,
      resource: podResource,
      candidates: informers.pods.byIndex('namespace', set.metadata.namespace ?? '').filter(isActive),
    });
    let failure: ReplicaFailure | undefined;
    if (set.metadata.deletionTimestamp === undefined && expectations.satisfied(String(set.metadata.uid))) {
      const missing = (set.spec?.replicas ?? 1) - pods.length;
      if (missing > 0) failure = await create(set, Math.min(missing, BURST));
      else if (missing < 0) {
        const victims = deletionOrder(pods, relatedPods(set)).slice(0, Math.min(-missing, BURST));
        failure = await remove(set, victims);
      }
    }
    const { status, nextMs } = replicaSetStatus(set, pods, failure, clock.now());
    await writeStatus(client, replicaSets, set, status);
    if (nextMs !== undefined) reconciler.addAfter(key, nextMs);
    if (failure !== undefined) throw failure.cause;
  };

  const reconciler = createReconciler(
    {
      name: 'replicaset',
      needs: [informers.replicaSets, informers.pods],
      concurrency: 5,
      reconcile,
    },
    ports,
  );
  const unsubscribe = [
    informers.replicaSets.subscribe({
      added: (set) => reconciler.add(keyOf(set)),
      updated: (set) => reconciler.add(keyOf(set)),
      deleted: (set) => expectations.forget(String(set.metadata.uid)),
    }),
    informers.pods.subscribe({
      added(pod) {
        const owner = controllerOf(pod);
        if (owner !== undefined) expectations.created(owner.uid);
        if (pod.metadata.deletionTimestamp !== undefined) observeDeletion(pod);
        enqueueOwner(pod);
      },
      updated(pod, previous) {
        if (pod.metadata.deletionTimestamp !== undefined) observeDeletion(pod);
        const before = setOf(previous);
        if (before !== undefined) reconciler.add(keyOf(before));
        enqueueOwner(pod);
      },
      deleted(pod) {
        observeDeletion(pod);
        enqueueOwner(pod);
      },
    }),
  ];
  return {
    name: 'replicaset',
    idle: reconciler.idle,
    stop() {
      for (const end of unsubscribe) end();
      return reconciler.stop();
    },
  };
}
