import { isRecord } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import { badRequest } from '../rest/api-error.ts';
import type { FieldSchema } from '../schema/field-schema.ts';

type Json = Record<string, unknown>;

const DELETE_LIST = '$deleteFromPrimitiveList/';
const ELEMENT_ORDER = '$setElementOrder/';

/**
 * Applies a strategic merge patch: lists with a merge key merge item by item, sets of primitives unite, and the
 * directives `$patch` (merge, replace, delete), `$setElementOrder/…`, `$deleteFromPrimitiveList/…` and `$retainKeys`
 * are obeyed. Neither argument is changed.
 *
 * @throws BadRequest for a directive with a content it cannot have
 */
export function strategicMerge(target: unknown, patch: Json, schema: FieldSchema | undefined): unknown {
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw badRequest(`unknown patch type found: ${String(directive)}`);
  }
  const result: Json = isRecord(target) ? { ...target } : {};
  retainKeys(result, patch['$retainKeys']);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(DELETE_LIST)) deletePrimitives(result, key.slice(DELETE_LIST.length), value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (isDirective(key)) continue;
    if (value === null) {
      delete result[key];
      continue;
    }
    const merged = mergeField(result[key], value, schema?.child(key));
    if (merged === undefined) delete result[key];
    else result[key] = merged;
  }
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith(ELEMENT_ORDER)) continue;
    const field = key.slice(ELEMENT_ORDER.length);
    const list = result[field];
    if (Array.isArray(list)) result[field] = ordered(list, value, schema?.child(field)?.mergeKey);
  }
  return result;
}

function mergeField(target: unknown, value: unknown, schema: FieldSchema | undefined): unknown {
  if (isRecord(value)) {
    if (value['$patch'] === 'delete') return undefined;
    if (value['$patch'] === 'replace') return withoutDirectives(value);
    return strategicMerge(target, value, schema);
  }
  if (!Array.isArray(value)) return value;
  if (schema?.kind !== 'list' || schema.patch === 'replace') return withoutListDirectives(value);
  if (schema.mergeKey === undefined) return unitePrimitives(target, value);
  return mergeList(Array.isArray(target) ? target : [], value, schema, schema.mergeKey);
}

function mergeList(
  target: readonly unknown[],
  patch: readonly unknown[],
  schema: FieldSchema,
  mergeKey: string,
): unknown[] {
  const replaces = patch.some((item) => isRecord(item) && item['$patch'] === 'replace');
  if (replaces) return withoutListDirectives(patch);
  let result = [...target];
  for (const item of patch) {
    if (!isRecord(item)) throw badRequest('expected an object in a list merged by key');
    const key = item[mergeKey];
    if (item['$patch'] === 'delete') {
      if (key === undefined) throw badRequest(`$patch: delete needs the merge key ${mergeKey}`);
      result = result.filter((existing) => !hasKey(existing, mergeKey, key));
      continue;
    }
    if (key === undefined) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
    }
    const index = result.findIndex((existing) => hasKey(existing, mergeKey, key));
    const merged = strategicMerge(index === -1 ? {} : result[index], item, schema.element());
    if (index === -1) result.push(merged);
    else result[index] = merged;
  }
  return result;
}

function hasKey(item: unknown, mergeKey: string, value: unknown): boolean {
  return isRecord(item) && sameJson(item[mergeKey], value);
}

function unitePrimitives(target: unknown, patch: readonly unknown[]): unknown[] {
  const result = Array.isArray(target) ? [...target] : [];
  for (const item of patch) if (!result.some((existing) => sameJson(existing, item))) result.push(item);
  return result;
}

function retainKeys(result: Json, keys: unknown): void {
  if (keys === undefined) return;
  if (!Array.isArray(keys)) throw badRequest('$retainKeys must be a list');
  for (const key of Object.keys(result)) if (!keys.includes(key)) delete result[key];
}

function deletePrimitives(result: Json, field: string, values: unknown): void {
  const list = result[field];
  if (!Array.isArray(values)) throw badRequest(`${DELETE_LIST}${field} must be a list`);
  if (!Array.isArray(list)) return;
  result[field] = list.filter((item) => !values.some((value) => sameJson(value, item)));
}

/** Items named by the order come in that order; others keep their place relative to their neighbours. */
function ordered(list: readonly unknown[], order: unknown, mergeKey: string | undefined): unknown[] {
  if (!Array.isArray(order)) throw badRequest(`${ELEMENT_ORDER} must be a list`);
  const keyOf = (item: unknown): unknown =>
    mergeKey !== undefined && isRecord(item) ? item[mergeKey] : item;
  const wanted = order.map(keyOf);
  const rank = (item: unknown): number => wanted.findIndex((key) => sameJson(key, keyOf(item)));
  const named = list.filter((item) => rank(item) !== -1).sort((a, b) => rank(a) - rank(b));
  const result = [...named];
  list.forEach((item, index) => {
    if (rank(item) !== -1) return;
    const before = list.slice(0, index).findLast((other) => result.includes(other));
    result.splice(before === undefined ? 0 : result.indexOf(before) + 1, 0, item);
  });
  return result;
}

function isDirective(key: string): boolean {
  return (
    key === '$patch' || key === '$retainKeys' || key.startsWith(DELETE_LIST) || key.startsWith(ELEMENT_ORDER)
  );
}

function withoutDirectives(value: Json): Json {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !isDirective(key))
      .map(([key, item]) => [key, cleaned(item)]),
  );
}

function withoutListDirectives(list: readonly unknown[]): unknown[] {
  return list
    .filter((item) => !(isRecord(item) && Object.keys(item).length === 1 && '$patch' in item))
    .map(cleaned);
}

function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) return withoutListDirectives(value);
  return isRecord(value) ? withoutDirectives(value) : value;
}
