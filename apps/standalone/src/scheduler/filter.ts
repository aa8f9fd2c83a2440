import type { Pod } from '@kubeedge-ts/apis';
import { matchesNode } from './affinity.ts';
import { hostPortsOf, type NodeInfo, portsConflict } from './node-info.ts';
import { podRequest } from './resources.ts';
import { NOT_READY, type Taint, tolerates, UNSCHEDULABLE, untolerated } from './taints.ts';

const ONE = 1_000_000_000n;

/** Why the pod cannot run on the node, in kube-scheduler's words; empty when it can. Only the first kind of obstacle is told. */
export function obstacles(pod: Pod, info: NodeInfo): readonly string[] {
  const { node } = info;
  if (node.spec?.unschedulable && !tolerates(pod, UNSCHEDULABLE)) return ['node(s) were unschedulable'];
  if (node.metadata.deletionTimestamp !== undefined) return ['node(s) were unschedulable'];
  const taint = untolerated(pod, node);
  if (taint !== undefined) return [taintReason(taint)];
  // The node may not carry the taint of its condition yet.
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  if (!ready && !tolerates(pod, NOT_READY)) return [taintReason(NOT_READY)];
  if (!matchesNode(pod, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  const wantedPorts = hostPortsOf(pod);
  if (wantedPorts.some((wanted) => info.hostPorts.some((taken) => portsConflict(wanted, taken)))) {
    return ["node(s) didn't have free ports for the requested pod ports"];
  }
  return shortages(pod, info);
}

function taintReason({ key, value }: Taint): string {
  return `node(s) had untolerated taint {${key}: ${value ?? ''}}`;
}

function shortages(pod: Pod, { allocatable, requested, pods }: NodeInfo): string[] {
  const reasons: string[] = [];
  const room = allocatable.get('pods');
  if (room !== undefined && BigInt(pods + 1) * ONE > room) reasons.push('Too many pods');
  for (const [name, amount] of podRequest(pod)) {
    if (amount > 0n && (requested.get(name) ?? 0n) + amount > (allocatable.get(name) ?? 0n)) {
      reasons.push(`Insufficient ${name}`);
    }
  }
  return reasons;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function unschedulableMessage(reasonsOfNodes: readonly (readonly string[])[]): string {
  if (reasonsOfNodes.length === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const reason of reasonsOfNodes.flat()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const told = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${reasonsOfNodes.length} nodes are available: ${told.join(', ')}.`;
}
