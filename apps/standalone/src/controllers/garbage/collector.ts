import type { KubeObject, OwnerReference } from '@kubeedge-ts/apis';
import { isNotFound } from '@kubeedge-ts/kube';
import type { Controller, ControllerPorts } from '../context.ts';
import { createReconciler } from '../reconciler.ts';
import { createOwnershipGraph, keyOfTracked, type Tracked } from './graph.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

/** `waiting`: the owner is being deleted in the foreground and waits for this dependent. */
type OwnerState = 'solid' | 'gone' | 'waiting';

/**
 * Deletes what nobody owns any more: objects whose owners are all gone. Carries out foreground deletion (dependents
 * first) and orphaning. Decides on the cache, acts on the live object, with its UID and version as preconditions.
 */
export function createGarbageCollector(ports: ControllerPorts): Controller {
  const { client } = ports;

  const enqueue = (tracked: Tracked): void => reconciler.add(keyOfTracked(tracked));
  const graph = createOwnershipGraph(ports, {
    changed(tracked) {
      const { metadata } = tracked.object;
      if (isDeletedWith(tracked.object, FOREGROUND)) graph.dependents(String(metadata.uid)).forEach(enqueue);
      if ((metadata.ownerReferences?.length ?? 0) > 0 || metadata.deletionTimestamp !== undefined)
        enqueue(tracked);
    },
    deleted({ object }) {
      graph.dependents(String(object.metadata.uid)).forEach(enqueue);
      for (const { uid } of object.metadata.ownerReferences ?? []) {
        const owner = graph.find(uid);
        if (owner !== undefined && isDeletedWith(owner.object, FOREGROUND)) enqueue(owner);
      }
    },
  });

  const live = async ({ resource, object }: Tracked): Promise<KubeObject | undefined> => {
    const { namespace, name, uid } = object.metadata;
    try {
      const found = await client.get(resource, { namespace, name });
      return found.metadata.uid === uid ? found : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const patchMetadata = async ({ resource, object }: Tracked, change: object): Promise<void> => {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const body = { metadata: { uid, resourceVersion, ...change } };
    try {
      await client.patch(resource, { namespace, name }, { type: 'merge', body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };
  const removeFinalizer = (tracked: Tracked, finalizer: string): Promise<void> =>
    patchMetadata(tracked, {
      finalizers: (tracked.object.metadata.finalizers ?? []).filter((name) => name !== finalizer),
    });

  const stateOf = async (dependent: KubeObject, reference: OwnerReference): Promise<OwnerState> => {
    const known = graph.find(reference.uid);
    if (known !== undefined) return isDeletedWith(known.object, FOREGROUND) ? 'waiting' : 'solid';
    const resource = graph.resourceOf(reference.apiVersion, reference.kind);
    // An owner of a kind nobody serves cannot be looked up, and a guess would delete data.
    if (resource === undefined) return 'solid';
    const { namespace } = dependent.metadata;
    if (resource.namespaced && namespace === undefined) return 'solid';
    try {
      const owner = await client.get(resource, { namespace, name: reference.name });
      if (owner.metadata.uid !== reference.uid) return 'gone';
      return isDeletedWith(owner, FOREGROUND) ? 'waiting' : 'solid';
    } catch (error) {
      if (isNotFound(error)) return 'gone';
      throw error;
    }
  };

  const collect = async (tracked: Tracked): Promise<void> => {
    const cached = tracked.object.metadata.ownerReferences ?? [];
    const allSolid = cached.every(({ uid }) => {
      const owner = graph.find(uid);
      return owner !== undefined && !isDeletedWith(owner.object, FOREGROUND);
    });
    if (allSolid) return;
    const object = await live(tracked);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
    const references = object.metadata.ownerReferences ?? [];
    const states = await Promise.all(references.map((reference) => stateOf(object, reference)));
    if (references.length === 0) return;
    if (states.includes('solid')) {
      const kept = references.filter((_, index) => states[index] === 'solid');
      const current = { ...tracked, object };
      if (kept.length < references.length) await patchMetadata(current, { ownerReferences: kept });
      return;
    }
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const inForeground = states.includes('waiting') && graph.dependents(String(uid)).length > 0;
    try {
      await client.delete(
        tracked.resource,
        { namespace, name },
        {
          propagationPolicy: inForeground ? 'Foreground' : policyOf(object),
          preconditions: { uid, resourceVersion },
        },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  const finishForeground = async (tracked: Tracked): Promise<void> => {
    const uid = String(tracked.object.metadata.uid);
    const blocking = graph.dependents(uid).filter(({ object }) => {
      const reference = object.metadata.ownerReferences?.find((owner) => owner.uid === uid);
      return reference?.blockOwnerDeletion === true;
    });
    if (blocking.length > 0) {
      blocking.filter(({ object }) => object.metadata.deletionTimestamp === undefined).forEach(enqueue);
      return;
    }
    const object = await live(tracked);
    if (object !== undefined) await removeFinalizer({ ...tracked, object }, FOREGROUND);
  };

  const orphan = async (tracked: Tracked): Promise<void> => {
    const uid = String(tracked.object.metadata.uid);
    for (const dependent of graph.dependents(uid)) {
      const object = await live(dependent);
      const references = object?.metadata.ownerReferences ?? [];
      const kept = references.filter((reference) => reference.uid !== uid);
      if (object === undefined || kept.length === references.length) continue;
      await patchMetadata({ ...dependent, object }, { ownerReferences: kept });
    }
    const object = await live(tracked);
    if (object !== undefined) await removeFinalizer({ ...tracked, object }, ORPHAN);
  };

  const reconcile = async (key: string): Promise<void> => {
    const tracked = graph.get(key);
    if (tracked === undefined) return;
    if (isDeletedWith(tracked.object, ORPHAN)) return orphan(tracked);
    if (isDeletedWith(tracked.object, FOREGROUND)) return finishForeground(tracked);
    if (tracked.object.metadata.deletionTimestamp === undefined) return collect(tracked);
  };
  const reconciler = createReconciler({ name: 'garbage', needs: [graph], concurrency: 5, reconcile }, ports);
  return {
    name: 'garbage',
    idle: reconciler.idle,
    stop() {
      graph.stop();
      return reconciler.stop();
    },
  };
}

function isDeletedWith({ metadata }: KubeObject, finalizer: string): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(finalizer);
}

/** An object that already carries a deletion finalizer is deleted the way that asks for. */
function policyOf({ metadata }: KubeObject): 'Orphan' | 'Foreground' | 'Background' {
  if (metadata.finalizers?.includes(ORPHAN)) return 'Orphan';
  return metadata.finalizers?.includes(FOREGROUND) ? 'Foreground' : 'Background';
}
