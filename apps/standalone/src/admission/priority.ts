import type { UnknownObject } from '@kubeedge-ts/apis';
import type { JsonObject, StrategyContext } from '../registry/types.ts';
import { forbidden } from '../rest/api-error.ts';

const CLASSES = 'priorityclasses.scheduling.k8s.io';

/** Turns the name of a priority class into the number the scheduler and the node work with. */
export function admitPriority(pod: UnknownObject, { store }: StrategyContext): void {
  const spec = pod['spec'] as JsonObject;
  const named = String(spec['priorityClassName'] ?? '');
  const found =
    named === ''
      ? store.list(CLASSES).find((entry) => entry.object['globalDefault'] === true)
      : store.get({ resource: CLASSES, namespace: '', name: named });
  if (named !== '' && found === undefined) {
    throw forbidden(
      { group: '', plural: 'pods' },
      pod.metadata.name,
      `no PriorityClass with name ${named} was found`,
    );
  }
  const value = found?.object['value'] ?? 0;
  if (spec['priority'] !== undefined && spec['priority'] !== value) {
    throw forbidden(
      { group: '', plural: 'pods' },
      pod.metadata.name,
      `the integer value of priority (${String(spec['priority'])}) must not be provided in pod spec; priority admission controller computed ${String(value)} from the given PriorityClass name`,
    );
  }
  if (found !== undefined && named === '') spec['priorityClassName'] = found.object.metadata.name;
  spec['priority'] = value;
  spec['preemptionPolicy'] ??= found?.object['preemptionPolicy'] ?? 'PreemptLowerPriority';
}
