import { isRecord } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import type { FieldSchema } from '../schema/field-schema.ts';

/**
 * A set of fields in the form of `FieldsV1`: keys `f:name`, `k:{…}` (item by key), `v:value` (item of a set), and
 * `.` for the containing field itself. An empty tree is a leaf that is in the set.
 */
export interface FieldTree {
  [key: string]: FieldTree;
}

/** Metadata that nobody owns. */
const UNOWNED_METADATA = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'generation',
  'managedFields',
  'resourceVersion',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
]);

/** The object without what nobody owns: type, identity, and the server's own metadata. */
export function ownable(object: Record<string, unknown>): Record<string, unknown> {
  const { apiVersion: _a, kind: _k, metadata, ...rest } = object;
  if (!isRecord(metadata)) return rest;
  const owned = Object.fromEntries(Object.entries(metadata).filter(([key]) => !UNOWNED_METADATA.has(key)));
  return Object.keys(owned).length === 0 ? rest : { ...rest, metadata: owned };
}

/** A child of a granular value: its key in the tree, its value, and its schema. */
interface Child {
  readonly value: unknown;
  readonly schema: FieldSchema | undefined;
}

/** Children of a value that is owned piece by piece; undefined when it is owned as a whole. */
export function childrenOf(value: unknown, schema: FieldSchema | undefined): Map<string, Child> | undefined {
  if (schema === undefined || schema.atomic) return undefined;
  if (isRecord(value) && schema.kind !== 'list' && schema.kind !== 'leaf') {
    return new Map(
      Object.entries(value)
        .filter(([, child]) => child !== null && child !== undefined)
        .map(([key, child]) => [`f:${key}`, { value: child, schema: schema.child(key) }]),
    );
  }
  if (!Array.isArray(value) || schema.kind !== 'list') return undefined;
  if (schema.listType === 'set') {
    return new Map(value.map((item) => [`v:${JSON.stringify(item)}`, { value: item, schema: undefined }]));
  }
  return new Map(
    value.map((item) => [itemKey(item, schema.keys), { value: item, schema: schema.element() }] as const),
  );
}

/** `k:{"containerPort":80,"protocol":"TCP"}`: the keys in alphabetical order. */
export function itemKey(item: unknown, keys: readonly string[]): string {
  const record = isRecord(item) ? item : {};
  const sortedKeys = [...keys].sort().filter((key) => record[key] !== undefined);
  return `k:${JSON.stringify(Object.fromEntries(sortedKeys.map((key) => [key, record[key]])))}`;
}

/** Every field of a value. `self` adds the containing fields, as an update that creates them owns them too. */
export function treeOf(value: unknown, schema: FieldSchema | undefined, self: boolean): FieldTree {
  const children = childrenOf(value, schema);
  if (children === undefined || children.size === 0) return {};
  const tree: FieldTree = {};
  for (const [key, child] of children) {
    tree[key] = treeOf(child.value, child.schema, self);
    const granular = childrenOf(child.value, child.schema);
    if (granular === undefined || granular.size === 0) continue;
    const isItem = key.startsWith('k:');
    if (isItem || (self && child.schema?.alwaysPresent !== true)) tree[key] = { '.': {}, ...tree[key] };
  }
  return prune(tree, value, schema);
}

/** Structs that are always there are owned only through their content. */
function prune(tree: FieldTree, value: unknown, schema: FieldSchema | undefined): FieldTree {
  if (!isRecord(value) || schema?.kind !== 'struct') return tree;
  for (const [key, child] of Object.entries(value)) {
    const alwaysThere = ['metadata', 'spec', 'status', 'template', 'strategy'].includes(key);
    if (alwaysThere && isRecord(child) && Object.keys(tree[`f:${key}`] ?? {}).length === 0)
      delete tree[`f:${key}`];
  }
  return tree;
}

export interface FieldChanges {
  /** Added or with a new value. */
  readonly changed: FieldTree;
  readonly removed: FieldTree;
}

/** What happened between two values of one schema. */
export function compareFields(
  before: unknown,
  after: unknown,
  schema: FieldSchema | undefined,
): FieldChanges {
  const changed: FieldTree = {};
  const removed: FieldTree = {};
  const [old, next] = [childrenOf(before, schema), childrenOf(after, schema)];
  if (old === undefined || next === undefined) return { changed, removed };
  for (const [key, child] of next) {
    const previous = old.get(key);
    if (previous === undefined) {
      Object.assign(changed, treeOf(wrap(key, child.value, after), schema, true));
      continue;
    }
    const [a, b] = [childrenOf(previous.value, child.schema), childrenOf(child.value, child.schema)];
    if (a === undefined || b === undefined) {
      if (!sameJson(previous.value, child.value)) changed[key] = treeOf(child.value, child.schema, true);
      continue;
    }
    const deeper = compareFields(previous.value, child.value, child.schema);
    if (Object.keys(deeper.changed).length > 0) changed[key] = deeper.changed;
    if (Object.keys(deeper.removed).length > 0) removed[key] = deeper.removed;
  }
  for (const [key, child] of old) {
    if (next.has(key)) continue;
    removed[key] = { '.': {}, ...treeOf(child.value, child.schema, true) };
  }
  return { changed, removed };
}

/** The container with only the child under `key`, so that the child's tree is made in its context. */
function wrap(key: string, value: unknown, container: unknown): unknown {
  return Array.isArray(container) ? [value] : { [key.slice(2)]: value };
}

export function union(a: FieldTree, b: FieldTree): FieldTree {
  const result: FieldTree = { ...a };
  for (const [key, child] of Object.entries(b)) result[key] = union(result[key] ?? {}, child);
  return result;
}

/** `a` without the fields of `b`; undefined when nothing is left. A leaf of `b` removes everything below it. */
export function subtract(a: FieldTree, b: FieldTree): FieldTree | undefined {
  const result: FieldTree = {};
  for (const [key, child] of Object.entries(a)) {
    const other = b[key];
    if (other === undefined) {
      result[key] = child;
      continue;
    }
    if (isLeaf(other)) continue;
    if (isLeaf(child)) {
      if (other['.'] === undefined) result[key] = child;
      continue;
    }
    const rest = subtract(child, other);
    if (rest !== undefined) result[key] = rest;
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

/** The set with every field that contains one of its members. */
export function withContainers(tree: FieldTree): FieldTree {
  if (isLeaf(tree)) return tree;
  const children = Object.entries(tree).map(([key, child]) => [key, withContainers(child)] as const);
  return { '.': {}, ...Object.fromEntries(children) };
}

/** Leaf paths that are in both trees; paths are key lists. */
export function sharedLeaves(a: FieldTree, b: FieldTree, path: readonly string[] = []): string[][] {
  const found: string[][] = [];
  for (const [key, child] of Object.entries(a)) {
    const other = b[key];
    if (key === '.' || other === undefined) continue;
    if (isLeaf(child) || isLeaf(other)) found.push([...path, key]);
    else found.push(...sharedLeaves(child, other, [...path, key]));
  }
  return found;
}

export function isLeaf(tree: FieldTree): boolean {
  return Object.keys(tree).length === 0;
}

/** The tree that holds exactly these paths. */
export function treeFromPaths(paths: readonly (readonly string[])[]): FieldTree {
  const tree: FieldTree = {};
  for (const path of paths) {
    let node = tree;
    for (const key of path) {
      node[key] ??= {};
      node = node[key];
    }
  }
  return tree;
}

/** `.spec.containers[name="c"].image` */
export function pathText(path: readonly string[]): string {
  return path
    .map((key) => {
      if (key.startsWith('f:')) return `.${key.slice(2)}`;
      if (key.startsWith('v:')) return `[=${key.slice(2)}]`;
      const keys = JSON.parse(key.slice(2)) as Record<string, unknown>;
      return `[${Object.entries(keys)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    })
    .join('');
}

/** The value at a path of tree keys; undefined when it is not there. */
export function valueAt(root: unknown, path: readonly string[], schema: FieldSchema | undefined): unknown {
  let [value, at] = [root, schema];
  for (const key of path) {
    const child = childrenOf(value, at)?.get(key);
    if (child === undefined) return undefined;
    [value, at] = [child.value, child.schema];
  }
  return value;
}
