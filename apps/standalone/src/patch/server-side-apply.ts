import { isRecord } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import type { FieldSchema } from '../schema/field-schema.ts';
import {
  childrenOf,
  type FieldTree,
  isLeaf,
  itemKey,
  ownable,
  pathText,
  sharedLeaves,
  subtract,
  treeFromPaths,
  treeOf,
  valueAt,
  withContainers,
} from './field-tree.ts';
import { entriesOf, type ManagedFieldsEntry, sameWriter, type Writer, withFields } from './managed-fields.ts';

type Json = Record<string, unknown>;

export interface ApplyConflict {
  /** `conflict with "one"`, naming the other manager. */
  readonly message: string;
  /** `.data.a` */
  readonly field: string;
}

export type ApplyResult =
  | { readonly conflicts: readonly ApplyConflict[] }
  | { readonly object: Json; readonly managedFields: readonly ManagedFieldsEntry[] };

/**
 * Server-side apply: merges `config` into `live`, gives the fields of `config` to the writer, and removes the fields
 * that the writer applied before, does not apply any more, and nobody else owns.
 */
export function applyConfig(
  live: Json | undefined,
  config: Json,
  schema: FieldSchema,
  writer: Writer,
  force: boolean,
): ApplyResult {
  const wanted = ownable(config);
  const fields = treeOf(wanted, schema, false);
  const entries = live === undefined ? [] : entriesOf(live);
  const others = entries.filter((entry) => !sameWriter(entry, writer));
  const previous = entries.find((entry) => sameWriter(entry, writer))?.fieldsV1 ?? {};

  const conflicting = others.flatMap((entry) =>
    sharedLeaves(fields, entry.fieldsV1)
      .filter((path) => !sameJson(valueAt(live, path, schema), valueAt(wanted, path, schema)))
      .map((path) => ({ entry, path })),
  );
  if (conflicting.length > 0 && !force) {
    return {
      conflicts: conflicting.map(({ entry, path }) => ({
        message: `conflict with ${managerText(entry)}`,
        field: pathText(path),
      })),
    };
  }

  const merged = mergeTyped(live ?? {}, config, schema) as Json;
  // Whoever owns a field needs everything that contains it.
  const abandoned = others.reduce<FieldTree>(
    (rest, entry) => subtract(rest, withContainers(entry.fieldsV1)) ?? {},
    subtract(previous, withContainers(fields)) ?? {},
  );
  const object = removeFields(merged, abandoned, schema) as Json;
  const lost = treeFromPaths(conflicting.map(({ path }) => path));
  const remaining = others
    .map((entry) => ({ ...entry, fieldsV1: subtract(entry.fieldsV1, lost) ?? {} }))
    .filter((entry) => Object.keys(entry.fieldsV1).length > 0);
  const mine = entries.filter((entry) => sameWriter(entry, writer));
  return { object, managedFields: withFields([...remaining, ...mine], writer, fields) };
}

function managerText(entry: ManagedFieldsEntry): string {
  const parts = [JSON.stringify(entry.manager)];
  if (entry.subresource) parts.push(`with subresource ${JSON.stringify(entry.subresource)}`);
  if (entry.operation === 'Update') parts.push(`using ${entry.apiVersion}`);
  return parts.join(' ');
}

function mergeTyped(live: unknown, config: unknown, schema: FieldSchema | undefined): unknown {
  if (schema === undefined || schema.atomic) return config;
  if (isRecord(config) && isRecord(live) && schema.kind !== 'list') {
    const result: Json = { ...live };
    for (const [key, value] of Object.entries(config)) {
      if (value === null) continue;
      result[key] = key in live ? mergeTyped(live[key], value, schema.child(key)) : value;
    }
    return result;
  }
  if (Array.isArray(config) && Array.isArray(live) && schema.kind === 'list') {
    if (schema.listType === 'set') {
      const added = config.filter((item) => !live.some((other) => sameJson(other, item)));
      return [...live, ...added];
    }
    return mergeItems(live, config, schema);
  }
  return config;
}

/** Items of the config in the config's order, then those only the live list has. */
function mergeItems(live: readonly unknown[], config: readonly unknown[], schema: FieldSchema): unknown[] {
  const existing = new Map(live.map((item) => [itemKey(item, schema.keys), item]));
  const merged = config.map((item) => {
    const key = itemKey(item, schema.keys);
    const other = existing.get(key);
    existing.delete(key);
    return other === undefined ? item : mergeTyped(other, item, schema.element());
  });
  return [...merged, ...existing.values()];
}

function removeFields(value: unknown, fields: FieldTree, schema: FieldSchema | undefined): unknown {
  const children = childrenOf(value, schema);
  if (children === undefined) return value;
  const kept: [string, unknown][] = [];
  for (const [key, child] of children) {
    const tree = fields[key];
    if (tree === undefined) {
      kept.push([key, child.value]);
      continue;
    }
    if (isLeaf(tree) || tree['.'] !== undefined) continue;
    const rest = removeFields(child.value, tree, child.schema);
    const empty = isRecord(rest) ? Object.keys(rest).length === 0 : Array.isArray(rest) && rest.length === 0;
    if (!empty) kept.push([key, rest]);
  }
  if (Array.isArray(value)) return kept.map(([, item]) => item);
  return Object.fromEntries(kept.map(([key, item]) => [key.slice(2), item]));
}
