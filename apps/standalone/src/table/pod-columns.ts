import type { UnknownObject } from '@kubeedge-ts/apis';
import type { Column } from '../registry/types.ts';
import { ageColumn, at, column, listAt, nameColumn, numberAt, orNone, textAt, wide } from './column.ts';
import { humanDuration } from './duration.ts';

export const podColumns: readonly Column[] = [
  nameColumn,
  column('Ready', 'Containers that are ready, out of all.', readyText),
  column('Status', 'State of the pod as its containers show it.', podStatusText),
  column('Restarts', 'How often its containers were restarted, and when last.', restartsText),
  ageColumn,
  wide('IP', 'Address of the pod.', (pod) => orNone(textAt(pod, 'status', 'podIP') || firstPodIp(pod))),
  wide('Node', 'Node the pod is bound to.', (pod) => orNone(textAt(pod, 'spec', 'nodeName'))),
  wide('Nominated Node', 'Node the scheduler makes room on.', (pod) =>
    orNone(textAt(pod, 'status', 'nominatedNodeName')),
  ),
  wide('Readiness Gates', 'Extra conditions that are true, out of all.', gatesText),
];

function firstPodIp(pod: UnknownObject): string {
  return textAt(listAt(pod, 'status', 'podIPs')[0], 'ip');
}

function readyText(pod: UnknownObject): string {
  const ready = listAt(pod, 'status', 'containerStatuses').filter((status) => status['ready'] === true);
  const sidecars = listAt(pod, 'spec', 'initContainers').filter(isSidecar);
  const readySidecars = listAt(pod, 'status', 'initContainerStatuses').filter(
    (status) =>
      status['ready'] === true && sidecars.some((container) => container['name'] === status['name']),
  );
  const total = listAt(pod, 'spec', 'containers').length + sidecars.length;
  return `${ready.length + readySidecars.length}/${total}`;
}

function isSidecar(container: unknown): boolean {
  return textAt(container, 'restartPolicy') === 'Always';
}

/** What kubectl shows under STATUS: the phase, unless a container or the deletion says something more precise. */
export function podStatusText(pod: UnknownObject): string {
  let reason = textAt(pod, 'status', 'reason') || textAt(pod, 'status', 'phase');
  const conditions = listAt(pod, 'status', 'conditions');
  if (conditions.some((c) => c['type'] === 'PodScheduled' && c['reason'] === 'SchedulingGated')) {
    reason = 'SchedulingGated';
  }
  const init = initReason(pod);
  if (init !== undefined) reason = init;
  if (init === undefined || initialized(conditions)) {
    reason = containersReason(pod, conditions, reason);
  }
  if (pod.metadata.deletionTimestamp === undefined) return reason;
  if (textAt(pod, 'status', 'reason') === 'NodeLost') return 'Unknown';
  const phase = textAt(pod, 'status', 'phase');
  return phase === 'Failed' || phase === 'Succeeded' ? reason : 'Terminating';
}

function initialized(conditions: readonly Record<string, unknown>[]): boolean {
  return conditions.some((c) => c['type'] === 'Initialized' && c['status'] === 'True');
}

function initReason(pod: UnknownObject): string | undefined {
  const containers = listAt(pod, 'spec', 'initContainers');
  const statuses = listAt(pod, 'status', 'initContainerStatuses');
  for (const [index, status] of statuses.entries()) {
    const container = containers.find((c) => c['name'] === status['name']);
    const terminated = at(status, 'state', 'terminated');
    if (terminated !== undefined && numberAt(terminated, 'exitCode') === 0) continue;
    if (isSidecar(container) && status['started'] === true) continue;
    if (terminated !== undefined) return `Init:${terminationText(terminated)}`;
    const waiting = textAt(status, 'state', 'waiting', 'reason');
    if (waiting !== '' && waiting !== 'PodInitializing') return `Init:${waiting}`;
    return `Init:${index}/${containers.length}`;
  }
  return undefined;
}

function terminationText(terminated: unknown): string {
  const reason = textAt(terminated, 'reason');
  if (reason !== '') return reason;
  const signal = numberAt(terminated, 'signal');
  return signal === 0 ? `ExitCode:${numberAt(terminated, 'exitCode')}` : `Signal:${signal}`;
}

function containersReason(
  pod: UnknownObject,
  conditions: readonly Record<string, unknown>[],
  start: string,
): string {
  let reason = start;
  let running = false;
  for (const status of listAt(pod, 'status', 'containerStatuses').toReversed()) {
    const waiting = textAt(status, 'state', 'waiting', 'reason');
    const terminated = at(status, 'state', 'terminated');
    if (waiting !== '') reason = waiting;
    else if (terminated !== undefined) reason = terminationText(terminated);
    else if (status['ready'] === true && at(status, 'state', 'running') !== undefined) running = true;
  }
  if (reason !== 'Completed' || !running) return reason;
  const ready = conditions.some((c) => c['type'] === 'Ready' && c['status'] === 'True');
  return ready ? 'Running' : 'NotReady';
}

function restartsText(pod: UnknownObject, nowMs: number): string {
  const statuses = [
    ...listAt(pod, 'status', 'containerStatuses'),
    ...listAt(pod, 'status', 'initContainerStatuses'),
  ];
  const total = statuses.reduce((sum, status) => sum + numberAt(status, 'restartCount'), 0);
  const times = statuses
    .map((status) => Date.parse(textAt(status, 'lastState', 'terminated', 'finishedAt')))
    .filter((time) => !Number.isNaN(time));
  if (total === 0 || times.length === 0) return String(total);
  return `${total} (${humanDuration(nowMs - Math.max(...times))} ago)`;
}

function gatesText(pod: UnknownObject): string {
  const gates = listAt(pod, 'spec', 'readinessGates');
  if (gates.length === 0) return '<none>';
  const met = gates.filter((gate) =>
    listAt(pod, 'status', 'conditions').some(
      (c) => c['type'] === gate['conditionType'] && c['status'] === 'True',
    ),
  );
  return `${met.length}/${gates.length}`;
}
