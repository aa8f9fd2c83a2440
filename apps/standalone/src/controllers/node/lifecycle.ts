import { type Lease, type Node, nodes, type Pod, pods } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { findCondition, withCondition } from '../conditions.ts';
import type { Controller, ControllerPorts } from '../context.ts';
import type { EventRecorder } from '../event-recorder.ts';
import type { Informers } from '../informers.ts';
import { LEASE_NAMESPACE } from '../informers.ts';
import { createReconciler } from '../reconciler.ts';
import { writeStatus } from '../status-writer.ts';
import { wantedTaints } from './taints.ts';

/** A node is taken for gone when neither its lease nor its Ready condition has moved for so long. */
const GRACE_MS = 40_000;
const REPORTED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

type NodeCondition = NonNullable<NonNullable<Node['status']>['conditions']>[number];

/**
 * Watches over nodes: one that stops posting gets conditions Unknown, taints against new pods, and its pods are marked
 * not ready, so that Services and Deployments count right. Nothing is evicted (LESSONS A4); all is taken back when the
 * node returns.
 */
export function createNodeLifecycle(
  ports: ControllerPorts,
  informers: Informers,
  recorder: EventRecorder,
): Controller {
  const { client, clock } = ports;
  /** By our own clock, when the node last gave a sign of life. */
  const heard = new Map<string, { sign: string; atMs: number }>();

  const signOf = (node: Node, lease: Lease | undefined): string =>
    JSON.stringify([
      node.metadata.uid,
      lease?.spec?.renewTime,
      lease?.spec?.holderIdentity,
      findCondition(node.status?.conditions, 'Ready')?.lastHeartbeatTime,
    ]);
  /** Milliseconds of silence. */
  const silence = (node: Node): number => {
    const { name } = node.metadata;
    const sign = signOf(node, informers.nodeLeases.get({ namespace: LEASE_NAMESPACE, name }));
    const known = heard.get(name);
    if (known?.sign === sign) return clock.monotonic() - known.atMs;
    heard.set(name, { sign, atMs: clock.monotonic() });
    return 0;
  };
  const unknownConditions = (node: Node): NodeCondition[] => {
    const now = rfc3339(clock.now());
    let conditions: NodeCondition[] = [...(node.status?.conditions ?? [])];
    for (const type of REPORTED) {
      const before = findCondition(conditions, type);
      if (before?.status === 'Unknown') continue;
      conditions = withCondition(conditions, {
        type,
        status: 'Unknown',
        reason: before === undefined ? 'NodeStatusNeverUpdated' : 'NodeStatusUnknown',
        message:
          before === undefined ? 'Kubelet never posted node status.' : 'Kubelet stopped posting node status.',
        lastHeartbeatTime: before?.lastHeartbeatTime ?? node.metadata.creationTimestamp,
        lastTransitionTime: now,
      });
    }
    return conditions;
  };
  const markNotReady = async (pod: Pod): Promise<void> => {
    const ready = findCondition(pod.status?.conditions, 'Ready');
    if (ready?.status !== 'True') return;
    const conditions = withCondition(pod.status?.conditions, {
      ...ready,
      status: 'False',
      lastTransitionTime: rfc3339(clock.now()),
    });
    if (await writeStatus(client, pods, pod, { ...pod.status, conditions }, { exact: true })) {
      recorder.record(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
    }
  };

  const markUnknown = async (node: Node): Promise<boolean> => {
    const status = { ...node.status, conditions: unknownConditions(node) };
    if (!(await writeStatus(client, nodes, node, status, { exact: true }))) return false;
    const { name } = node.metadata;
    if (findCondition(node.status?.conditions, 'Ready')?.status === 'True') {
      recorder.record(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    }
    return true;
  };

  const reconcile = async (name: string): Promise<void> => {
    const node = informers.nodes.get({ name });
    if (node === undefined) {
      heard.delete(name);
      return;
    }
    const silentMs = silence(node);
    const gone = silentMs >= GRACE_MS;
    if (!gone) reconciler.addAfter(name, GRACE_MS - silentMs);
    else if (await markUnknown(node)) return; // and look again at the node as it is then
    const taints = wantedTaints(node, rfc3339(clock.now()));
    if (taints !== undefined) {
      const { uid, resourceVersion } = node.metadata;
      const body = {
        metadata: { uid, resourceVersion },
        spec: { taints: taints.length === 0 ? null : taints },
      };
      await client.patch(nodes, { name }, { type: 'merge', body });
    }
    if (findCondition(node.status?.conditions, 'Ready')?.status === 'Unknown') {
      for (const pod of informers.pods.byIndex('node', name)) await markNotReady(pod);
    }
  };

  const reconciler = createReconciler(
    {
      name: 'node-lifecycle',
      needs: [informers.nodes, informers.nodeLeases, informers.pods],
      reconcile,
    },
    ports,
  );
  const look = (object: Node | Lease): void => reconciler.add(object.metadata.name);
  const unsubscribe = [
    informers.nodes.subscribe({ added: look, updated: look, deleted: look }),
    informers.nodeLeases.subscribe({
      added: look,
      // Most renewals change nothing but the time the node was last heard of.
      updated(lease) {
        const node = informers.nodes.get({ name: lease.metadata.name });
        if (node !== undefined) silence(node);
      },
      deleted: look,
    }),
  ];
  return {
    name: 'node-lifecycle',
    idle: reconciler.idle,
    stop() {
      for (const end of unsubscribe) end();
      return reconciler.stop();
    },
  };
}
