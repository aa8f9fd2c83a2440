import type { NodeStatus } from '@kubeedge-ts/apis';
import type { EventType } from '../events.ts';

export interface NodeEvent {
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
}

/** What a new status has to tell besides itself: changes of its conditions, and a boot since the last one. */
export function eventsOfStatus(
  name: string,
  before: NodeStatus | undefined,
  after: NodeStatus,
): readonly NodeEvent[] {
  const events: NodeEvent[] = [];
  const { bootID } = after.nodeInfo ?? {};
  if (before?.nodeInfo?.bootID && bootID && before.nodeInfo.bootID !== bootID) {
    const message = `Node ${name} has been rebooted, boot id: ${bootID}`;
    events.push({ type: 'Warning', reason: 'Rebooted', message });
  }
  for (const { type, status, reason = '' } of after.conditions ?? []) {
    const old = before?.conditions?.find((condition) => condition.type === type);
    // As the kubelet: a first Ready is no change, a first word on a pressure is.
    if (old?.status === status || (type === 'Ready' && old === undefined)) continue;
    const ready = status === 'True' ? 'NodeReady' : 'NodeNotReady';
    const what = type === 'Ready' ? ready : reason.replace(/^Kubelet/, 'Node');
    events.push({ type: 'Normal', reason: what, message: `Node ${name} status is now: ${what}` });
  }
  return events;
}
