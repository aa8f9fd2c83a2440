import { nodes, type Pod, pods } from '@kubeedge-ts/apis';
import { isNotFound } from '@kubeedge-ts/kube';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { withCondition } from './conditions.ts';
import type { Controller, ControllerPorts } from './context.ts';
import type { Informers } from './informers.ts';
import { keyOf, splitKey } from './object-key.ts';
import { hasEnded } from './pod-state.ts';
import { createReconciler } from './reconciler.ts';
import { writeStatus } from './status-writer.ts';

/** A node that registers anew within this time keeps its pods. */
const QUARANTINE_MS = 40_000;

/** Removes pods nobody will ever end: bound to a node that was deleted, or deleted before they were bound. */
export function createPodGc(ports: ControllerPorts, informers: Informers): Controller {
  const { client, clock } = ports;
  const missingSince = new Map<string, number>();

  const remove = async (pod: Pod): Promise<void> => {
    const { namespace, name, uid } = pod.metadata;
    try {
      await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };
  const nodeExists = async (name: string): Promise<boolean> => {
    try {
      await client.get(nodes, { name });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  };
  const reconcile = async (key: string): Promise<void> => {
    const pod = informers.pods.get(splitKey(key));
    if (pod === undefined) return;
    const node = pod.spec?.nodeName;
    if (!node) {
      if (pod.metadata.deletionTimestamp !== undefined) await remove(pod);
      return;
    }
    if (informers.nodes.get({ name: node }) !== undefined) {
      missingSince.delete(node);
      return;
    }
    const since = missingSince.get(node) ?? clock.monotonic();
    missingSince.set(node, since);
    const leftMs = since + QUARANTINE_MS - clock.monotonic();
    if (leftMs > 0) return reconciler.addAfter(key, leftMs);
    if (await nodeExists(node)) return;
    if (!hasEnded(pod)) {
      const conditions = withCondition(pod.status?.conditions, {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByPodGC',
        message: 'PodGC: node no longer exists',
        lastTransitionTime: rfc3339(clock.now()),
      });
      await writeStatus(client, pods, pod, { ...pod.status, phase: 'Failed', conditions }, { exact: true });
    }
    await remove(pod);
  };

  const reconciler = createReconciler(
    { name: 'pod-gc', needs: [informers.pods, informers.nodes], reconcile },
    ports,
  );
  const look = (pod: Pod): void => {
    const node = pod.spec?.nodeName;
    const lost = node ? informers.nodes.get({ name: node }) === undefined : pod.metadata.deletionTimestamp;
    if (lost) reconciler.add(keyOf(pod));
  };
  const unsubscribe = [
    informers.pods.subscribe({ added: look, updated: look }),
    informers.nodes.subscribe({
      added: (node) => missingSince.delete(node.metadata.name),
      deleted(node) {
        for (const pod of informers.pods.byIndex('node', node.metadata.name)) reconciler.add(keyOf(pod));
      },
    }),
  ];
  return {
    name: 'pod-gc',
    idle: reconciler.idle,
    stop() {
      for (const end of unsubscribe) end();
      return reconciler.stop();
    },
  };
}
