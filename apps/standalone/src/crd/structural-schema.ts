import { isRecord } from '@kubeedge-ts/apis';
import type { JsonObject } from '../registry/types.ts';
import { ANY_FIELD, type FieldSchema } from '../schema/field-schema.ts';

/** An `openAPIV3Schema` as a CustomResourceDefinition carries it. */
export type Structural = JsonObject;

const PRESERVE = 'x-kubernetes-preserve-unknown-fields';
const EMBEDDED = 'x-kubernetes-embedded-resource';
export const INT_OR_STRING = 'x-kubernetes-int-or-string';
const TYPE_FIELDS = new Set(['apiVersion', 'kind', 'metadata']);

export function propertiesOf(schema: Structural): Readonly<Record<string, Structural>> {
  return isRecord(schema['properties']) ? (schema['properties'] as Record<string, Structural>) : {};
}

/** Schema of a field: declared, or the one of additional properties. */
export function childSchema(schema: Structural, name: string): Structural | undefined {
  const properties = propertiesOf(schema);
  if (Object.hasOwn(properties, name)) return properties[name];
  const additional = schema['additionalProperties'];
  if (isRecord(additional)) return additional;
  return additional === true ? { [PRESERVE]: true } : undefined;
}

/** Drops what the schema does not declare; names of dropped fields are added to `dropped`. Returns a new value. */
export function prune(value: unknown, schema: Structural, dropped: string[], path = ''): unknown {
  const items = schema['items'];
  if (Array.isArray(value)) {
    if (!isRecord(items)) return value;
    return value.map((item, index) => prune(item, items, dropped, `${path}[${index}]`));
  }
  if (!isRecord(value)) return value;
  const preserves = schema[PRESERVE] === true;
  const typed = path === '' || schema[EMBEDDED] === true;
  const kept: [string, unknown][] = [];
  for (const [key, child] of Object.entries(value)) {
    const here = path === '' ? key : `${path}.${key}`;
    const inner = childSchema(schema, key);
    if (typed && TYPE_FIELDS.has(key)) kept.push([key, child]);
    else if (inner !== undefined) kept.push([key, prune(child, inner, dropped, here)]);
    else if (preserves) kept.push([key, child]);
    else dropped.push(here);
  }
  return Object.fromEntries(kept);
}

/** Fills in the schema's defaults, in place; a null where null is not allowed counts as missing. */
export function applyDefaults(value: unknown, schema: Structural): void {
  if (Array.isArray(value)) {
    const items = schema['items'];
    if (isRecord(items)) for (const item of value) applyDefaults(item, items);
    return;
  }
  if (!isRecord(value)) return;
  for (const [name, property] of Object.entries(propertiesOf(schema))) {
    if (property['default'] === undefined) continue;
    const missing = value[name] === undefined || (value[name] === null && property['nullable'] !== true);
    if (missing) value[name] = structuredClone(property['default']);
  }
  for (const [key, child] of Object.entries(value)) {
    const inner = childSchema(schema, key);
    if (inner !== undefined) applyDefaults(child, inner);
  }
}

/** How server-side apply sees a custom resource. */
export function structuralFieldSchema(schema: Structural): FieldSchema {
  return fieldSchema(schema, true);
}

function fieldSchema(schema: Structural, root: boolean): FieldSchema {
  const { type } = schema;
  if (type === 'array') return listSchema(schema);
  const declared = isRecord(schema['properties']) || schema['additionalProperties'] !== undefined;
  if (type === 'object' || declared) {
    return {
      ...ANY_FIELD,
      kind: 'map',
      atomic: schema['x-kubernetes-map-type'] === 'atomic',
      child(name) {
        if (root && name === 'metadata') return METADATA;
        const inner = childSchema(schema, name);
        if (inner !== undefined) return fieldSchema(inner, false);
        return schema[PRESERVE] === true || root ? ANY_FIELD : undefined;
      },
    };
  }
  if (schema[PRESERVE] === true) return ANY_FIELD;
  return { ...ANY_FIELD, kind: 'leaf', atomic: true, child: () => undefined };
}

function listSchema(schema: Structural): FieldSchema {
  const items = isRecord(schema['items']) ? schema['items'] : { [PRESERVE]: true };
  const keys = schema['x-kubernetes-list-map-keys'];
  const declared = schema['x-kubernetes-list-type'];
  const listType = declared === 'set' || (declared === 'map' && Array.isArray(keys)) ? declared : 'atomic';
  return {
    ...ANY_FIELD,
    kind: 'list',
    listType,
    atomic: listType === 'atomic',
    keys: listType === 'map' && Array.isArray(keys) ? keys.map(String) : [],
    child: () => undefined,
    element: () => fieldSchema(items, false),
  };
}

/** Metadata of custom resources merges as that of built-in types. */
const METADATA: FieldSchema = {
  ...ANY_FIELD,
  kind: 'map',
  alwaysPresent: true,
  child: (name) => (name === 'finalizers' ? FINALIZERS : name === 'ownerReferences' ? OWNERS : ANY_FIELD),
};
const FINALIZERS: FieldSchema = { ...ANY_FIELD, kind: 'list', listType: 'set' };
const OWNERS: FieldSchema = {
  ...ANY_FIELD,
  kind: 'list',
  listType: 'map',
  keys: ['uid'],
  element: () => ({ ...ANY_FIELD, atomic: true }),
};
