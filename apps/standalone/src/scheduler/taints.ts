import type { Node, Pod } from '@kubeedge-ts/apis';

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}
type PodToleration = NonNullable<NonNullable<Pod['spec']>['tolerations']>[number];

export const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
export const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export function tolerates(pod: Pod, taint: Taint): boolean {
  return (pod.spec?.tolerations ?? []).some((toleration) => covers(toleration, taint));
}

function covers(
  { key = '', operator = 'Equal', value = '', effect = '' }: PodToleration,
  taint: Taint,
): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return operator === 'Equal' && key !== '' && value === (taint.value ?? '');
}

/** The first taint that keeps the pod off the node. */
export function untolerated(pod: Pod, node: Node): Taint | undefined {
  return (node.spec?.taints ?? []).find(
    (taint) => (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !tolerates(pod, taint),
  );
}

/** How many taints would rather not have the pod. */
export function reluctance(pod: Pod, node: Node): number {
  return (node.spec?.taints ?? []).filter(
    (taint) => taint.effect === 'PreferNoSchedule' && !tolerates(pod, taint),
  ).length;
}
