import { isRecord } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import type { FieldSchema } from '../schema/field-schema.ts';
import { compareFields, type FieldTree, ownable, subtract, treeOf, union } from './field-tree.ts';

/** One entry of metadata.managedFields. */
export interface ManagedFieldsEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly time?: string;
  readonly fieldsType: 'FieldsV1';
  readonly fieldsV1: FieldTree;
  readonly subresource?: string;
}

/** Who writes, and through what. */
export interface Writer {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly subresource?: string;
}

type Json = Record<string, unknown>;

/** Entries of an object; what is no entry is left out. */
export function entriesOf(object: Json): ManagedFieldsEntry[] {
  const metadata = object['metadata'];
  const list = isRecord(metadata) ? metadata['managedFields'] : undefined;
  if (!Array.isArray(list)) return [];
  return list.filter(
    (entry): entry is ManagedFieldsEntry =>
      isRecord(entry) && typeof entry['manager'] === 'string' && isRecord(entry['fieldsV1']),
  );
}

export function sameWriter(entry: ManagedFieldsEntry, writer: Writer): boolean {
  return (
    entry.manager === writer.manager &&
    entry.operation === writer.operation &&
    (entry.subresource ?? '') === (writer.subresource ?? '') &&
    (entry.operation === 'Apply' || entry.apiVersion === writer.apiVersion)
  );
}

/** Entries after `writer` changed `before` into `after` with an update or another patch than apply. */
export function afterUpdate(
  before: Json | undefined,
  after: Json,
  schema: FieldSchema,
  writer: Writer,
): ManagedFieldsEntry[] {
  const entries = entriesOf(after);
  const next = ownable(after);
  if (before === undefined) return sorted(withFields(entries, writer, treeOf(next, schema, true)));
  const { changed, removed } = compareFields(ownable(before), next, schema);
  const own = entries.find((entry) => sameWriter(entry, writer))?.fieldsV1 ?? {};
  const taken = union(leavesOnly(changed), removed);
  const others = entries
    .filter((entry) => !sameWriter(entry, writer))
    .map((entry) => ({ ...entry, fieldsV1: subtract(entry.fieldsV1, taken) ?? {} }))
    .filter((entry) => Object.keys(entry.fieldsV1).length > 0);
  const fields = subtract(union(own, changed), removed) ?? {};
  if (Object.keys(fields).length === 0) return sorted(others);
  const mine = entries.find((entry) => sameWriter(entry, writer));
  const entry = mine && sameJson(mine.fieldsV1, fields) ? mine : entryOf(writer, fields);
  return sorted([...others, entry]);
}

/** A changed leaf is taken from its other owners; containers they share stay shared. */
function leavesOnly(tree: FieldTree): FieldTree {
  return Object.fromEntries(
    Object.entries(tree)
      .filter(([key]) => key !== '.')
      .map(([key, child]) => [key, leavesOnly(child)]),
  );
}

/** The writer's entry replaced by one with exactly `fields`. */
export function withFields(
  entries: readonly ManagedFieldsEntry[],
  writer: Writer,
  fields: FieldTree,
): ManagedFieldsEntry[] {
  const mine = entries.find((entry) => sameWriter(entry, writer));
  const others = entries.filter((entry) => entry !== mine);
  if (Object.keys(fields).length === 0) return sorted(others);
  const entry = mine && sameJson(mine.fieldsV1, fields) ? mine : entryOf(writer, fields);
  return sorted([...others, entry]);
}

function entryOf(writer: Writer, fields: FieldTree): ManagedFieldsEntry {
  return {
    manager: writer.manager,
    operation: writer.operation,
    apiVersion: writer.apiVersion,
    ...(writer.time !== undefined && { time: writer.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(writer.subresource !== undefined && { subresource: writer.subresource }),
  };
}

function sorted(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const order = (entry: ManagedFieldsEntry): string =>
    [entry.operation, entry.time ?? '', entry.manager, entry.apiVersion, entry.subresource ?? ''].join('\0');
  return [...entries].sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
}
