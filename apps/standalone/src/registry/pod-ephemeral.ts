import { isRecord, type UnknownObject } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import { duplicate, type FieldError, forbiddenField, required } from '../rest/field-error.ts';
import { records } from './pod-defaults.ts';
import type { JsonObject, PartStrategy } from './types.ts';

const FIELD = 'ephemeralContainers';

/** pods/ephemeralcontainers: containers are added to a running pod, for debugging; they stay as they were added. */
export const ephemeralContainers: PartStrategy = {
  content: (sent, old) => ({ ...old, spec: { ...specOf(old), [FIELD]: specOf(sent)[FIELD] ?? [] } }),
  validate(next, old) {
    const errors: FieldError[] = [];
    const [after, before] = [records(specOf(next)[FIELD]), records(specOf(old)[FIELD])];
    const taken = new Set(
      ['containers', 'initContainers'].flatMap((list) => records(specOf(old)[list]).map(({ name }) => name)),
    );
    for (const [index, container] of after.entries()) {
      const { name, image } = container;
      const path = `spec.${FIELD}[${index}]`;
      if (typeof name !== 'string' || name === '') errors.push(required(`${path}.name`));
      else if (taken.has(name)) errors.push(duplicate(`${path}.name`, name));
      if (typeof image !== 'string' || image === '') errors.push(required(`${path}.image`));
      taken.add(name);
    }
    for (const container of before) {
      const kept = after.find(({ name }) => name === container['name']);
      const name = JSON.stringify(container['name']);
      if (kept === undefined)
        errors.push(
          forbiddenField(`spec.${FIELD}`, `existing ephemeral containers ${name} may not be removed`),
        );
      else if (!sameJson(kept, container))
        errors.push(
          forbiddenField(`spec.${FIELD}`, `existing ephemeral containers ${name} may not be changed`),
        );
    }
    return errors;
  },
};

function specOf(pod: UnknownObject): JsonObject {
  return isRecord(pod['spec']) ? pod['spec'] : {};
}
