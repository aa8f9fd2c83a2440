import { isRecord } from '@kubeedge-ts/apis';
import { field } from './decode.ts';
import type { Attribute } from './types.ts';

/** Attributes of one device at most. */
const MAX_ATTRIBUTES = 1024;

/**
 * The attributes that change by a message of the cloud; null: deleted (spec/mqtt-and-devicetwin.md §4.3).
 * `full`: attributes that are not listed are deleted.
 */
export function decideAttributes(
  stored: ReadonlyMap<string, Attribute>,
  given: Record<string, unknown>,
  full: boolean,
): Map<string, Attribute | null> {
  const changes = new Map<string, Attribute | null>();
  for (const [name, one] of Object.entries(given).slice(0, MAX_ATTRIBUTES)) {
    const before = stored.get(name);
    if (one === null) {
      if (before?.optional) changes.set(name, null);
      continue;
    }
    if (!isRecord(one)) continue;
    const after = merge(before, one);
    if (before === undefined || !same(before, after)) changes.set(name, after);
  }
  if (full) for (const name of stored.keys()) if (!Object.hasOwn(given, name)) changes.set(name, null);
  return changes;
}

function merge(before: Attribute | undefined, given: Record<string, unknown>): Attribute {
  const value = field(given, 'value');
  const optional = field(given, 'optional');
  const metadata = field(given, 'metadata');
  const type = isRecord(metadata) ? field(metadata, 'type') : undefined;
  const asked = typeof optional === 'boolean' ? optional : undefined;
  return {
    value: typeof value === 'string' ? value : '',
    optional: before === undefined ? (asked ?? true) : before.optional && asked !== false,
    type: typeof type === 'string' && type !== '' ? type : (before?.type ?? 'string'),
  };
}

function same(a: Attribute, b: Attribute): boolean {
  return a.value === b.value && a.optional === b.optional && a.type === b.type;
}
