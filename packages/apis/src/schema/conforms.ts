import { isRecord } from '../json.ts';
import type { StructuralSchema } from './structural.ts';

/** What is wrong with `value`, as `path: problem`; undefined when it fits. Unknown fields are allowed: they are pruned, not refused. */
export function violation(schema: StructuralSchema, value: unknown, path = '$'): string | undefined {
  const wrong = wrongType(schema, value) ?? outOfRange(schema, value);
  if (wrong !== undefined) return `${path}: ${wrong}`;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const problem = schema.items && violation(schema.items, item, `${path}[${index}]`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  for (const name of schema.required ?? []) {
    if (value[name] === undefined) return `${path}.${name}: required`;
  }
  for (const [name, field] of Object.entries(value)) {
    const known = Object.hasOwn(schema.properties ?? {}, name)
      ? schema.properties?.[name]
      : schema.additionalProperties;
    const problem = known && violation(known, field, `${path}.${name}`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** True when `value` is valid under `schema`. */
export function conforms(schema: StructuralSchema, value: unknown): boolean {
  return violation(schema, value) === undefined;
}

function wrongType({ type }: StructuralSchema, value: unknown): string | undefined {
  switch (type) {
    case 'object':
      return isRecord(value) ? undefined : 'not an object';
    case 'array':
      return Array.isArray(value) ? undefined : 'not an array';
    case 'integer':
      return Number.isSafeInteger(value) ? undefined : 'not an integer';
    case 'number':
      return Number.isFinite(value) ? undefined : 'not a number';
    case 'string':
    case 'boolean':
      return typeof value === type ? undefined : `not a ${type}`;
    default:
      return undefined;
  }
}

function outOfRange(schema: StructuralSchema, value: unknown): string | undefined {
  if (schema.enum && !schema.enum.includes(value as string)) return `not one of ${schema.enum.join(', ')}`;
  if (schema.minimum !== undefined && (value as number) < schema.minimum)
    return `less than ${schema.minimum}`;
  if (schema.maximum !== undefined && (value as number) > schema.maximum)
    return `more than ${schema.maximum}`;
  return undefined;
}
