import type { NodeStatus } from '@kubeedge-ts/apis';
import type { Pressure } from '../admission/index.ts';

export type NodeCondition = NonNullable<NodeStatus['conditions']>[number];

/** Why the node is not ready; empty when it is. */
export type NodeHealth = readonly string[];

/** Reason and message of each pressure condition while there is none, and while there is. */
const PRESSURES: readonly (readonly [Pressure, good: Words, bad: Words])[] = [
  [
    'MemoryPressure',
    ['HasSufficientMemory', 'sufficient memory available'],
    ['HasInsufficientMemory', 'insufficient memory available'],
  ],
  ['DiskPressure', ['HasNoDiskPressure', 'no disk pressure'], ['HasDiskPressure', 'disk pressure']],
  [
    'PIDPressure',
    ['HasSufficientPID', 'sufficient PID available'],
    ['HasInsufficientPID', 'insufficient PID available'],
  ],
];
type Words = readonly [reason: string, message: string];

/** The four conditions in upstream's order and words (spec/edged.md §2.1). */
export function nodeConditions(
  health: NodeHealth,
  pressures: readonly Pressure[],
  previous: readonly NodeCondition[],
  time: string,
): NodeCondition[] {
  const ready =
    health.length === 0
      ? { status: 'True', reason: 'EdgeReady', message: 'edge is posting ready status' }
      : { status: 'False', reason: 'KubeletNotReady', message: aggregate(health) };
  const conditions = [
    ...PRESSURES.map(([type, good, bad]) => {
      const present = pressures.includes(type);
      const [reason, message] = present ? bad : good;
      return {
        type,
        status: present ? 'True' : 'False',
        reason: `Kubelet${reason}`,
        message: `kubelet has ${message}`,
      };
    }),
    { type: 'Ready', ...ready },
  ];
  return conditions.map(({ type, status, reason, message }) => {
    const old = previous.find((condition) => condition.type === type);
    return {
      type,
      status,
      lastHeartbeatTime: time,
      lastTransitionTime: old?.status === status && old.lastTransitionTime ? old.lastTransitionTime : time,
      reason,
      message,
    };
  });
}

/** Several errors as Kubernetes prints them: `[a, b]`. */
function aggregate(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] as string) : `[${problems.join(', ')}]`;
}
