import { type KubeObject, type Namespace, namespaces, pods, type Resource } from '@kubeedge-ts/apis';
import { isNotFound } from '@kubeedge-ts/kube';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { withCondition } from './conditions.ts';
import type { Controller, ControllerPorts } from './context.ts';
import { type Discovery, discover, supports } from './discovery.ts';
import type { Informers } from './informers.ts';
import { createReconciler } from './reconciler.ts';
import { writeStatus } from './status-writer.ts';

const FINALIZER = 'kubernetes';
/** Pods end in their own time; their deletion also wakes the loop. */
const LOOK_AGAIN_MS = 5_000;
const PAGE = 500;

/**
 * Empties namespaces that are being deleted, pods first, since running containers may need what else is there. When
 * nothing is left, its finalizer is removed, and the API server removes the namespace.
 */
export function createNamespaceDeletion(ports: ControllerPorts, informers: Informers): Controller {
  const { client, clock } = ports;

  const listAll = async (resource: Resource<KubeObject>, namespace: string, signal: AbortSignal) => {
    const items: KubeObject[] = [];
    let next: string | undefined;
    do {
      const page = await client.list(resource, { namespace, limit: PAGE, continue: next, signal });
      items.push(...page.items);
      next = page.metadata.continue || undefined;
    } while (next !== undefined);
    return items;
  };
  const isThere = async (
    resource: Resource<KubeObject>,
    { metadata: { namespace, name, uid } }: KubeObject,
    signal: AbortSignal,
  ): Promise<boolean> => {
    try {
      return (await client.get(resource, { namespace, name }, { signal })).metadata.uid === uid;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  };
  /** Deletes every object of the resource; returns how many remain. */
  const empty = async (
    resource: Resource<KubeObject>,
    namespace: string,
    signal: AbortSignal,
  ): Promise<number> => {
    let remaining = 0;
    for (const object of await listAll(resource, namespace, signal)) {
      const { name, uid, deletionTimestamp } = object.metadata;
      if (deletionTimestamp === undefined) {
        const preconditions = { uid };
        try {
          await client.delete(
            resource,
            { namespace, name },
            { preconditions, signal, propagationPolicy: 'Background' },
          );
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }
      if (await isThere(resource, object, signal)) remaining += 1;
    }
    return remaining;
  };

  const reconcile = async (name: string, signal: AbortSignal): Promise<void> => {
    const namespace = informers.namespaces.get({ name });
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    if (!namespace.spec?.finalizers?.includes(FINALIZER)) return;
    const discovery = await discover(client, signal);
    const remaining = new Map<string, number>();
    const targets: Resource<KubeObject>[] = discovery.resources.filter(
      (resource) => resource.namespaced && supports(resource, 'list', 'delete') && !isPods(resource),
    );
    const podsLeft = await empty(pods, name, signal);
    if (podsLeft > 0) remaining.set('pods.', podsLeft);
    for (const resource of podsLeft > 0 ? [] : targets) {
      const count = await empty(resource, name, signal);
      if (count > 0) remaining.set(`${resource.plural}.${resource.group}`, count);
    }
    if (remaining.size === 0 && discovery.failed.size === 0) {
      const finalizers = namespace.spec.finalizers.filter((finalizer) => finalizer !== FINALIZER);
      const finalized = { ...namespace, spec: { ...namespace.spec, finalizers } };
      try {
        await client.update(namespaces, finalized, { subresource: 'finalize', signal });
      } catch (error) {
        // The cache was behind: it has gone already.
        if (!isNotFound(error)) throw error;
      }
      return;
    }
    await writeStatus(client, namespaces, namespace, {
      ...namespace.status,
      conditions: conditionsOf(namespace, remaining, discovery, rfc3339(clock.now())),
    });
    reconciler.addAfter(name, LOOK_AGAIN_MS);
  };

  const reconciler = createReconciler({ name: 'namespace', needs: [informers.namespaces], reconcile }, ports);
  const look = (namespace: Namespace): void => {
    if (namespace.metadata.deletionTimestamp !== undefined) reconciler.add(namespace.metadata.name);
  };
  const unsubscribe = [
    informers.namespaces.subscribe({ added: look, updated: look }),
    informers.pods.subscribe({
      deleted(pod) {
        const namespace = informers.namespaces.get({ name: pod.metadata.namespace ?? '' });
        if (namespace !== undefined) look(namespace);
      },
    }),
  ];
  return {
    name: 'namespace',
    idle: reconciler.idle,
    stop() {
      for (const end of unsubscribe) end();
      return reconciler.stop();
    },
  };
}

function isPods(resource: Resource<KubeObject>): boolean {
  return resource.group === pods.group && resource.plural === pods.plural;
}

function conditionsOf(
  namespace: Namespace,
  remaining: ReadonlyMap<string, number>,
  { failed }: Discovery,
  now: string,
) {
  const content = [...remaining].map(([resource, count]) => `${resource} has ${count} resource instances`);
  const discovery = [...failed].map(([groupVersion, problem]) => `${groupVersion}: ${problem}`);
  const conditions = withCondition(namespace.status?.conditions, {
    type: 'NamespaceDeletionDiscoveryFailure',
    status: failed.size > 0 ? 'True' : 'False',
    reason: failed.size > 0 ? 'DiscoveryFailed' : 'ResourcesDiscovered',
    message:
      failed.size > 0
        ? `Discovery failed for some groups: ${discovery.join(', ')}`
        : 'All resources successfully discovered',
    lastTransitionTime: now,
  });
  return withCondition(conditions, {
    type: 'NamespaceContentRemaining',
    status: remaining.size > 0 ? 'True' : 'False',
    reason: remaining.size > 0 ? 'SomeResourcesRemain' : 'ContentRemoved',
    message:
      remaining.size > 0
        ? `Some resources are remaining: ${content.join(', ')}`
        : 'All content successfully removed',
    lastTransitionTime: now,
  });
}
