import type { NodeStatus } from '@kubeedge-ts/apis';
import type { EdgedConfig } from '../config.ts';
import type { Conditions, Machine } from './machine.ts';
import { threshold } from './node-object.ts';

export type NodeCondition = NonNullable<NodeStatus['conditions']>[number];

/** Why the node is not ready; empty when it is. */
export type NodeHealth = readonly string[];

export interface PressureInputs {
  readonly config: Pick<EdgedConfig, 'evictionHard'>;
  readonly machine: Pick<Machine, 'memoryBytes'>;
  readonly now: Pick<Conditions, 'rootFs' | 'memoryAvailableBytes' | 'pids'>;
}

/** Share of process ids that must stay free; upstream has no default threshold, so only exhaustion counts. */
const MIN_FREE_PIDS = 0;

/** The four conditions in upstream's order and words (spec/edged.md §2.1). */
export function nodeConditions(
  health: NodeHealth,
  inputs: PressureInputs,
  previous: readonly NodeCondition[],
  time: string,
): NodeCondition[] {
  const { config, machine, now } = inputs;
  const lowMemory =
    now.memoryAvailableBytes < threshold(config.evictionHard['memory.available'], machine.memoryBytes);
  const { rootFs, pids } = now;
  const lowDisk =
    rootFs.availableBytes < threshold(config.evictionHard['nodefs.available'], rootFs.totalBytes) ||
    (rootFs.inodes > 0 &&
      rootFs.inodesFree < threshold(config.evictionHard['nodefs.inodesFree'], rootFs.inodes));
  const lowPids = pids.max > 0 && pids.max - pids.running <= MIN_FREE_PIDS;
  const pressure = (
    type: string,
    low: boolean,
    good: string,
    bad: string,
    words: readonly [string, string],
  ) => ({
    type,
    status: low ? 'True' : 'False',
    reason: `Kubelet${low ? bad : good}`,
    message: `kubelet has ${low ? words[1] : words[0]}`,
  });
  const ready =
    health.length === 0
      ? { status: 'True', reason: 'EdgeReady', message: 'edge is posting ready status' }
      : { status: 'False', reason: 'KubeletNotReady', message: aggregate(health) };
  const conditions = [
    pressure('MemoryPressure', lowMemory, 'HasSufficientMemory', 'HasInsufficientMemory', [
      'sufficient memory available',
      'insufficient memory available',
    ]),
    pressure('DiskPressure', lowDisk, 'HasNoDiskPressure', 'HasDiskPressure', [
      'no disk pressure',
      'disk pressure',
    ]),
    pressure('PIDPressure', lowPids, 'HasSufficientPID', 'HasInsufficientPID', [
      'sufficient PID available',
      'insufficient PID available',
    ]),
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
