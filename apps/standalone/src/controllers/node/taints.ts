import type { Node } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import { findCondition } from '../conditions.ts';

type NodeTaint = NonNullable<NonNullable<Node['spec']>['taints']>[number];

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';
const PRESSURES: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};
const MANAGED: ReadonlySet<string> = new Set([
  NOT_READY,
  UNREACHABLE,
  UNSCHEDULABLE,
  ...Object.values(PRESSURES),
]);

/**
 * The taints a node should carry: those of others untouched, ours by its conditions. Undefined when it carries them
 * already. NoExecute is set as upstream sets it, but nothing here evicts: pods of an edge that is away keep running.
 */
export function wantedTaints(node: Node, now: string): readonly NodeTaint[] | undefined {
  const existing = node.spec?.taints ?? [];
  const kept = existing.filter((taint) => !MANAGED.has(taint.key));
  const managed = managedTaints(node).map((taint): NodeTaint => {
    const known = existing.find(({ key, effect }) => key === taint.key && effect === taint.effect);
    if (known !== undefined) return known;
    return taint.effect === 'NoExecute' ? { ...taint, timeAdded: now } : taint;
  });
  const wanted = [...kept, ...managed];
  const order = (taints: readonly NodeTaint[]) =>
    [...taints].sort((a, b) => (`${a.key} ${a.effect}` < `${b.key} ${b.effect}` ? -1 : 1));
  return sameJson(order(existing), order(wanted)) ? undefined : wanted;
}

function managedTaints(node: Node): NodeTaint[] {
  const conditions = node.status?.conditions;
  const ready = findCondition(conditions, 'Ready')?.status;
  const taints: NodeTaint[] = [];
  if (ready !== 'True') {
    const key = ready === 'Unknown' ? UNREACHABLE : NOT_READY;
    taints.push({ key, effect: 'NoSchedule' });
    // A node that has never reported runs nothing that could be executed against.
    if (ready !== undefined) taints.push({ key, effect: 'NoExecute' });
  }
  if (node.spec?.unschedulable) taints.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' });
  for (const [type, key] of Object.entries(PRESSURES)) {
    if (findCondition(conditions, type)?.status === 'True') taints.push({ key, effect: 'NoSchedule' });
  }
  return taints;
}
