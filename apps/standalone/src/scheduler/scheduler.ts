import { type Node, nodes as nodeResource, type Pod, pods as podResource } from '@kubeedge-ts/apis';
import type { Module } from '@kubeedge-ts/beehive';
import { createInformer, isConflict, isNotFound, sameJson } from '@kubeedge-ts/kube';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { findCondition, withCondition } from '../controllers/conditions.ts';
import type { ControllerPorts } from '../controllers/context.ts';
import { createEventRecorder } from '../controllers/event-recorder.ts';
import { withoutManagedFields } from '../controllers/informers.ts';
import { keyOf, splitKey } from '../controllers/object-key.ts';
import { hasEnded } from '../controllers/pod-state.ts';
import { createReconciler } from '../controllers/reconciler.ts';
import { writeStatus } from '../controllers/status-writer.ts';
import { obstacles, unschedulableMessage } from './filter.ts';
import { nodeInfo } from './node-info.ts';
import { pickNode } from './score.ts';

const NAME = 'default-scheduler';
/** Binds are trusted until the cache shows them; a lost event must not hold room for ever. */
const ASSUMED_MS = 30_000;

/** Binds pods that ask for the default scheduler to nodes that can run them, one at a time. */
export function createScheduler(ports: ControllerPorts): Module {
  const { client, clock } = ports;
  const stopping = new AbortController();
  const recorder = createEventRecorder(NAME, ports);
  const pods = createInformer(
    client,
    podResource,
    {
      transform: withoutManagedFields,
      indexes: { node: (pod) => (pod.spec?.nodeName && !hasEnded(pod) ? [pod.spec.nodeName] : []) },
    },
    ports,
  );
  const nodes = createInformer(client, nodeResource, { transform: withoutManagedFields }, ports);
  /** Bound by us, not yet seen bound: pod key → pod with its node. */
  const assumed = new Map<string, { pod: Pod; sinceMs: number }>();
  const waiting = new Set<string>();

  const podsOn = (node: string): Pod[] => {
    const seen = pods.byIndex('node', node);
    const uids = new Set(seen.map((pod) => pod.metadata.uid));
    const guessed = [...assumed.values()]
      .map(({ pod }) => pod)
      .filter((pod) => pod.spec?.nodeName === node && !uids.has(pod.metadata.uid));
    return [...seen, ...guessed];
  };
  const forgetStale = (): void => {
    for (const [key, { pod, sinceMs }] of assumed) {
      const seen = pods.get(splitKey(key));
      const settled = seen === undefined || seen.metadata.uid !== pod.metadata.uid || seen.spec?.nodeName;
      if (settled || clock.monotonic() - sinceMs > ASSUMED_MS) assumed.delete(key);
    }
  };

  const bind = async (pod: Pod, node: string): Promise<void> => {
    const { namespace, name, uid } = pod.metadata;
    const key = keyOf(pod);
    assumed.set(key, {
      pod: { ...pod, spec: { ...pod.spec, nodeName: node } as Pod['spec'] },
      sinceMs: clock.monotonic(),
    });
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { namespace, name, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    };
    try {
      await client.createSubresource(podResource, { namespace, name }, 'binding', binding);
    } catch (error) {
      assumed.delete(key);
      // Gone, or bound by someone else: the cache will say so.
      if (isNotFound(error) || isConflict(error)) return;
      throw error;
    }
    recorder.record(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`);
  };
  const refuse = async (pod: Pod, message: string): Promise<void> => {
    waiting.add(keyOf(pod));
    const before = findCondition(pod.status?.conditions, 'PodScheduled');
    if (before?.status === 'False' && before.message === message) return;
    recorder.record(pod, 'Warning', 'FailedScheduling', message);
    const conditions = withCondition(pod.status?.conditions, {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: rfc3339(clock.now()),
    });
    await writeStatus(client, podResource, pod, { ...pod.status, conditions });
  };

  const schedule = async (key: string): Promise<void> => {
    const pod = pods.get(splitKey(key));
    forgetStale();
    if (pod === undefined || !isOurs(pod) || assumed.has(key)) {
      waiting.delete(key);
      return;
    }
    const infos = nodes.list().map((node) => nodeInfo(node, podsOn(node.metadata.name)));
    const reasons = infos.map((info) => obstacles(pod, info));
    const feasible = infos.filter((_, index) => reasons[index]?.length === 0);
    const chosen = pickNode(pod, feasible);
    if (chosen === undefined) return refuse(pod, unschedulableMessage(reasons));
    waiting.delete(key);
    await bind(pod, chosen.node.metadata.name);
  };
  const reconciler = createReconciler(
    // One at a time: each decision counts on the ones before it.
    { name: 'scheduler', needs: [pods, nodes], concurrency: 1, reconcile: schedule },
    ports,
  );
  const retryWaiting = (): void => {
    for (const key of waiting) reconciler.add(key);
  };
  const look = (pod: Pod): void => {
    if (isOurs(pod)) reconciler.add(keyOf(pod));
  };

  return {
    name: 'scheduler',
    async start() {
      pods.subscribe({
        added: look,
        updated(pod, previous) {
          // Our own condition comes back as an update and asks for nothing.
          if (isOurs(pod) && !sameJson(pod.spec, previous.spec)) look(pod);
          else if (!isOurs(previous) && isOurs(pod)) look(pod);
          if (previous.spec?.nodeName && hasEnded(pod) && !hasEnded(previous)) retryWaiting();
        },
        deleted(pod) {
          waiting.delete(keyOf(pod));
          if (pod.spec?.nodeName) retryWaiting();
        },
      });
      nodes.subscribe({
        added: retryWaiting,
        updated: (node, previous) => {
          if (mattersToPods(node, previous)) retryWaiting();
        },
        deleted: retryWaiting,
      });
      pods.start(stopping.signal);
      nodes.start(stopping.signal);
    },
    async stop() {
      await reconciler.stop();
      stopping.abort(new Error('scheduler stops'));
      await recorder.flush();
    },
  };
}

function isOurs(pod: Pod): boolean {
  return (
    !pod.spec?.nodeName &&
    pod.metadata.deletionTimestamp === undefined &&
    !hasEnded(pod) &&
    (pod.spec?.schedulerName ?? NAME) === NAME &&
    (pod.spec?.schedulingGates ?? []).length === 0
  );
}

/** Heartbeats change nodes all the time; most of it decides nothing. */
function mattersToPods(node: Node, previous: Node): boolean {
  const view = ({ metadata, spec, status }: Node) => ({
    labels: metadata.labels,
    taints: spec?.taints,
    unschedulable: spec?.unschedulable,
    allocatable: status?.allocatable,
    ready: status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  });
  return !sameJson(view(node), view(previous));
}
