import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { records } from '../registry/pod-defaults.ts';
import type { JsonObject } from '../registry/types.ts';
import type { CustomResource } from './crd-object.ts';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

/** Sets a condition in place; its time moves only when its status does. True when anything changed. */
export function setCondition(object: UnknownObject, condition: Condition): boolean {
  if (!isRecord(object['status'])) object['status'] = {};
  const status = object['status'] as JsonObject;
  const conditions = records(status['conditions']);
  const existing = conditions.find((other) => other['type'] === condition.type);
  if (existing === undefined) {
    status['conditions'] = [...conditions, condition];
    return true;
  }
  const same = existing['status'] === condition.status;
  if (same && existing['reason'] === condition.reason && existing['message'] === condition.message)
    return false;
  const next = same ? { ...condition, lastTransitionTime: existing['lastTransitionTime'] } : condition;
  status['conditions'] = conditions.map((other) => (other === existing ? next : other));
  return true;
}

/** Why a definition cannot have its names: another one of the group has them. */
export function nameConflict(
  wanted: CustomResource,
  others: readonly CustomResource[],
): { reason: string; message: string } | undefined {
  const taken = (pick: (other: CustomResource) => readonly string[], names: readonly string[]) =>
    names.find((name) =>
      others.some(
        (other) => other.group === wanted.group && other.name !== wanted.name && pick(other).includes(name),
      ),
    );
  const lookup = (other: CustomResource): string[] => [other.plural, other.singular, ...other.shortNames];
  const plural = taken(lookup, [wanted.plural]);
  if (plural !== undefined) {
    return { reason: 'PluralConflict', message: `${JSON.stringify(plural)} is already in use` };
  }
  const short = taken(lookup, [wanted.singular, ...wanted.shortNames]);
  if (short !== undefined) {
    return { reason: 'ShortNamesConflict', message: `${JSON.stringify(short)} is already in use` };
  }
  const kind = taken((other) => [other.kind, other.listKind], [wanted.kind, wanted.listKind]);
  if (kind !== undefined) {
    return { reason: 'KindConflict', message: `${JSON.stringify(kind)} is already in use` };
  }
  return undefined;
}

/** The status of a definition whose names are, or are not, accepted; true when it changed. In place. */
export function updateStatus(
  object: UnknownObject,
  resource: CustomResource,
  problem: { reason: string; message: string } | undefined,
  now: string,
): boolean {
  const accepted = problem === undefined;
  let changed = setCondition(object, {
    type: 'NamesAccepted',
    status: accepted ? 'True' : 'False',
    lastTransitionTime: now,
    reason: problem?.reason ?? 'NoConflicts',
    message: problem?.message ?? 'no conflicts found',
  });
  const established = setCondition(object, {
    type: 'Established',
    status: accepted ? 'True' : 'False',
    lastTransitionTime: now,
    reason: accepted ? 'InitialNamesAccepted' : 'NotAccepted',
    message: accepted ? 'the initial names have been accepted' : 'not all names are accepted',
  });
  changed ||= established;
  const status = object['status'] as JsonObject;
  const names = {
    plural: resource.plural,
    singular: resource.singular,
    kind: resource.kind,
    listKind: resource.listKind,
    ...(resource.shortNames.length > 0 && { shortNames: resource.shortNames }),
    ...(resource.categories.length > 0 && { categories: resource.categories }),
  };
  if (accepted && JSON.stringify(status['acceptedNames']) !== JSON.stringify(names)) {
    status['acceptedNames'] = names;
    changed = true;
  }
  return changed;
}
