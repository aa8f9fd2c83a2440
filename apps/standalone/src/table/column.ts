import { isRecord } from '@kubeedge-ts/apis';
import type { Column } from '../registry/types.ts';
import { ageOf } from './duration.ts';

type Cell = Column['cell'];

export function column(
  name: string,
  description: string,
  cell: Cell,
  type: Column['type'] = 'string',
): Column {
  return { name, type, description, priority: 0, cell };
}

/** A column that is shown with `-o wide` only. */
export function wide(name: string, description: string, cell: Cell, type: Column['type'] = 'string'): Column {
  return { name, type, description, priority: 1, cell };
}

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique among its kind in the namespace.',
  priority: 0,
  cell: (object) => object.metadata.name,
};

export const ageColumn: Column = column('Age', 'Time since the object was created.', (object, nowMs) =>
  ageOf(object.metadata.creationTimestamp, nowMs),
);

/** Value at a path of field names; undefined when something on the way is missing. */
export function at(object: unknown, ...path: readonly string[]): unknown {
  let value: unknown = object;
  for (const field of path) value = isRecord(value) && Object.hasOwn(value, field) ? value[field] : undefined;
  return value;
}

export function listAt(object: unknown, ...path: readonly string[]): readonly Record<string, unknown>[] {
  const value = at(object, ...path);
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

export function textAt(object: unknown, ...path: readonly string[]): string {
  const value = at(object, ...path);
  return value === undefined || value === null ? '' : String(value);
}

export function numberAt(object: unknown, ...path: readonly string[]): number {
  const value = at(object, ...path);
  return typeof value === 'number' ? value : 0;
}

export function orNone(text: string): string {
  return text === '' ? '<none>' : text;
}

/** `a=b,c=d` of a string map. */
export function labelText(value: unknown): string {
  if (!isRecord(value)) return '';
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${key}=${String(item)}`)
    .join(',');
}

/** A label selector as kubectl shows it. */
export function selectorText(selector: unknown): string {
  const parts = [labelText(at(selector, 'matchLabels'))];
  for (const expression of listAt(selector, 'matchExpressions')) {
    const [key, operator] = [String(expression['key']), expression['operator']];
    const values = Array.isArray(expression['values']) ? expression['values'].join(',') : '';
    if (operator === 'In') parts.push(`${key} in (${values})`);
    else if (operator === 'NotIn') parts.push(`${key} notin (${values})`);
    else if (operator === 'Exists') parts.push(key);
    else if (operator === 'DoesNotExist') parts.push(`!${key}`);
  }
  return parts.filter((part) => part !== '').join(',');
}
