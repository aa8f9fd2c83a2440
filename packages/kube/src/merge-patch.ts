import { isRecord } from '@kubeedge-ts/apis';

/**
 * RFC 7386: the document after the patch. Neither argument is changed; untouched parts are shared with the
 * document. `null` in the patch removes a field.
 */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const target = isRecord(document) ? document : {};
  const kept = Object.entries(target).filter(([key]) => !Object.hasOwn(patch, key));
  const changed = Object.entries(patch)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => [key, applyMergePatch(own(target, key), value)]);
  // fromEntries defines properties, so a key `__proto__` stays an ordinary field.
  return Object.fromEntries([...kept, ...changed]);
}

/** The RFC 7386 patch that turns `from` into `to`; undefined when they are equal. Arrays are replaced whole. */
export function createMergePatch(from: unknown, to: unknown): unknown {
  if (!isRecord(from) || !isRecord(to)) return sameJson(from, to) ? undefined : to;
  const removed = Object.keys(from)
    .filter((key) => own(from, key) !== undefined && own(to, key) === undefined)
    .map((key) => [key, null] as const);
  const changed = Object.entries(to)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, createMergePatch(own(from, key), value)] as const)
    .filter(([, value]) => value !== undefined);
  const entries = [...removed, ...changed];
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Equality of JSON values; the order of keys and fields that are undefined do not matter. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  const keysOf = (value: Record<string, unknown>) =>
    Object.keys(value).filter((key) => value[key] !== undefined);
  const keys = keysOf(a);
  return (
    keys.length === keysOf(b).length && keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  );
}
