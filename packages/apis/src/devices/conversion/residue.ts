import { isDeepStrictEqual } from 'node:util';
import { isRecord, parseJson } from '../../json.ts';

/** One step of a path: a field, or the element of a list whose field `by` has the value `is`. */
type Segment = string | { readonly by: string; readonly is: string };

/** "If `at` holds `was`, put `is` there"; an absent side means that there is nothing. */
interface Replacement {
  readonly at: readonly Segment[];
  readonly was?: unknown;
  readonly is?: unknown;
}

/** The elements of the keyed list `at` stand in this order. */
interface Ordering {
  readonly at: readonly Segment[];
  readonly by: string;
  readonly order: readonly string[];
}

/**
 * What turns one JSON document into another, as conditional edits: an edit whose place has changed meanwhile is left
 * out, so that a residue survives the editing of what it does not speak about.
 */
export type Residue = readonly (Replacement | Ordering)[];

/** `applyResidue(from, residueOf(from, to))` equals `to`. */
export function residueOf(from: unknown, to: unknown): Residue {
  const edits: (Replacement | Ordering)[] = [];
  compare(from, to, [], edits);
  return edits;
}

/** Applies every edit whose condition holds. `document` is not changed. */
export function applyResidue<T>(document: T, residue: Residue): T {
  const root = { document: structuredClone(document) as unknown };
  for (const edit of residue) {
    if ('order' in edit) reorder(root, edit);
    else replace(root, edit);
  }
  return root.document as T;
}

/** Reads a residue from an annotation. What is no residue counts as none: a hand-edited annotation must not make its object unreadable. */
export function parseResidue(text: string | undefined): Residue {
  if (text === undefined) return [];
  const value = safeParse(text);
  return Array.isArray(value) ? value.filter(isEdit) : [];
}

function safeParse(text: string): unknown {
  try {
    return parseJson(text, { maxLength: 1_048_576, maxDepth: 100 });
  } catch {
    return undefined;
  }
}

function isEdit(value: unknown): value is Replacement | Ordering {
  if (!isRecord(value) || !Array.isArray(value['at']) || value['at'].length > 100) return false;
  const segments = value['at'].every(
    (segment: unknown) =>
      typeof segment === 'string' ||
      (isRecord(segment) && typeof segment['by'] === 'string' && typeof segment['is'] === 'string'),
  );
  if (!segments) return false;
  return !('order' in value) || (typeof value['by'] === 'string' && Array.isArray(value['order']));
}

function compare(
  from: unknown,
  to: unknown,
  at: readonly Segment[],
  edits: (Replacement | Ordering)[],
): void {
  if (isDeepStrictEqual(from, to)) return;
  if (isRecord(from) && isRecord(to)) {
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      compare(own(from, key), own(to, key), [...at, key], edits);
    }
    return;
  }
  const by = Array.isArray(from) && Array.isArray(to) ? commonKey(from, to) : undefined;
  if (by !== undefined) {
    compareLists(from as Keyed[], to as Keyed[], by, at, edits);
    return;
  }
  edits.push({
    at,
    ...(from === undefined ? {} : { was: from }),
    ...(to === undefined ? {} : { is: to }),
  });
}

type Keyed = Record<string, unknown>;

function compareLists(
  from: readonly Keyed[],
  to: readonly Keyed[],
  by: string,
  at: readonly Segment[],
  edits: (Replacement | Ordering)[],
): void {
  const keysOf = (list: readonly Keyed[]) => list.map((item) => item[by] as string);
  const [before, after] = [keysOf(from), keysOf(to)];
  for (const key of new Set([...before, ...after])) {
    const find = (list: readonly Keyed[]) => list.find((item) => item[by] === key);
    compare(find(from), find(to), [...at, { by, is: key }], edits);
  }
  const unsorted = [
    ...before.filter((key) => after.includes(key)),
    ...after.filter((key) => !before.includes(key)),
  ];
  if (!isDeepStrictEqual(unsorted, after)) edits.push({ at, by, order: after });
}

/** The field that names the elements of both lists, if there is one and no name occurs twice. */
function commonKey(a: readonly unknown[], b: readonly unknown[]): string | undefined {
  return ['propertyName', 'name'].find((key) => [a, b].every((list) => namesEach(list, key)));
}

function namesEach(list: readonly unknown[], key: string): boolean {
  const names = list.map((item) => (isRecord(item) ? own(item, key) : undefined));
  return names.every((name) => typeof name === 'string') && new Set(names).size === names.length;
}

function own(record: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

type Slot = { get(): unknown; set(value: unknown): void };

/** The place `at` leads to; undefined when the way there does not exist. */
function slotAt(root: { document: unknown }, at: readonly Segment[]): Slot | undefined {
  let slot: Slot = {
    get: () => root.document,
    set: (value) => {
      root.document = value;
    },
  };
  for (const segment of at) {
    const parent = slot.get();
    const next = typeof segment === 'string' ? fieldOf(parent, segment) : elementOf(parent, segment);
    if (next === undefined) return undefined;
    slot = next;
  }
  return slot;
}

function fieldOf(parent: unknown, key: string): Slot | undefined {
  if (!isRecord(parent) || key === '__proto__') return undefined;
  return {
    get: () => own(parent, key),
    set: (value) => {
      if (value === undefined) delete parent[key];
      else parent[key] = value;
    },
  };
}

function elementOf(parent: unknown, { by, is }: Exclude<Segment, string>): Slot | undefined {
  if (!Array.isArray(parent)) return undefined;
  const index = () => parent.findIndex((item) => isRecord(item) && item[by] === is);
  return {
    get: () => parent[index()],
    set: (value) => {
      const found = index();
      if (value === undefined) parent.splice(found, found === -1 ? 0 : 1);
      else if (found === -1) parent.push(value);
      else parent[found] = value;
    },
  };
}

function replace(root: { document: unknown }, edit: Replacement): void {
  const slot = slotAt(root, edit.at);
  if (slot === undefined || !isDeepStrictEqual(slot.get(), edit.was)) return;
  slot.set(structuredClone(edit.is));
}

function reorder(root: { document: unknown }, { at, by, order }: Ordering): void {
  const list = slotAt(root, at)?.get();
  if (!Array.isArray(list)) return;
  const place = (item: unknown): number => {
    const index = isRecord(item) ? order.indexOf(item[by] as string) : -1;
    return index === -1 ? order.length : index;
  };
  list.sort((a, b) => place(a) - place(b));
}
