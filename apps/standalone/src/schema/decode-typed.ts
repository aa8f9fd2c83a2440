import { isRecord } from '@kubeedge-ts/apis';
import { rfc3339 } from '@kubeedge-ts/runtime';
import { elementOf, fieldsOf, goTypeName, type TypeExpression } from './kube-types.ts';
import { canonicalQuantity } from './quantity.ts';

export interface Decoded {
  readonly value: Record<string, unknown>;
  /** Paths of fields the type does not know; they are not in `value`. */
  readonly unknownFields: readonly string[];
  /** What a Go decoder would say about the first value of a wrong type. */
  readonly mismatch?: string;
}

/** Separates a map's key in a path. */
const MAP_KEY = '\u0001';

interface Walk {
  readonly root: string;
  readonly unknown: string[];
  mismatch?: string;
}

/**
 * Reads an object of a declared type the way the API server's typed decoder does: unknown fields, nulls and empty
 * optional lists and maps disappear, quantities and times get their canonical form.
 */
export function decodeTyped(type: string, input: Record<string, unknown>): Decoded {
  const walk: Walk = { root: type.slice(type.lastIndexOf('.') + 1), unknown: [] };
  const value = decodeStruct(type, input, '', walk) as Record<string, unknown>;
  return {
    value,
    unknownFields: walk.unknown,
    ...(walk.mismatch !== undefined && { mismatch: walk.mismatch }),
  };
}

function decodeStruct(type: string, input: unknown, path: string, walk: Walk): unknown {
  const fields = fieldsOf(type);
  if (fields === undefined) return input;
  if (!isRecord(input)) return mismatch(type, input, path, walk);
  const output: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    const field = fields.get(name);
    const here = path === '' ? name : `${path}.${name}`;
    if (field === undefined) {
      walk.unknown.push(here.replaceAll(MAP_KEY, '.'));
      continue;
    }
    if (value === null || value === undefined) continue;
    const decoded = decodeValue(field.type, value, here, walk);
    if (!field.required && emptyCollection(field.type, decoded)) continue;
    output[name] = decoded;
  }
  return output;
}

function emptyCollection(type: TypeExpression, value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return type.startsWith('{') && isRecord(value) && Object.keys(value).length === 0;
}

function decodeValue(type: TypeExpression, value: unknown, path: string, walk: Walk): unknown {
  const element = elementOf(type);
  if (element !== undefined && type.startsWith('[')) {
    if (!Array.isArray(value)) return mismatch(type, value, path, walk);
    return value.map((item, index) => decodeItem(element, item, `${path}[${index}]`, walk));
  }
  if (element !== undefined) {
    if (!isRecord(value)) return mismatch(type, value, path, walk);
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        decodeItem(element, item, `${path}${MAP_KEY}${key}`, walk),
      ]),
    );
  }
  switch (type) {
    case '*':
      return value;
    case 's':
      return typeof value === 'string' ? value : mismatch(type, value, path, walk);
    case 'b':
      return typeof value === 'boolean' ? value : mismatch(type, value, path, walk);
    case 'n':
      return Number.isSafeInteger(value) ? value : mismatch(type, value, path, walk);
    case 'is':
      return typeof value === 'string' || Number.isSafeInteger(value)
        ? value
        : mismatch(type, value, path, walk);
    case 'q':
      return decodeQuantity(value, walk);
    case 't':
    case 'u':
      return decodeTime(type, value, walk);
    default:
      return decodeStruct(type, value, path, walk);
  }
}

/** Inside lists and maps a null is the type's zero value. */
function decodeItem(type: TypeExpression, value: unknown, path: string, walk: Walk): unknown {
  if (value !== null) return decodeValue(type, value, path, walk);
  return type === 's' ? '' : type === 'n' ? 0 : type === 'b' ? false : type === '*' ? null : {};
}

function decodeQuantity(value: unknown, walk: Walk): unknown {
  const canonical =
    typeof value === 'string' || typeof value === 'number' ? canonicalQuantity(value) : undefined;
  if (canonical !== undefined) return canonical;
  walk.mismatch ??=
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  return value;
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function decodeTime(type: 't' | 'u', value: unknown, walk: Walk): unknown {
  const ms = typeof value === 'string' && RFC3339.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) {
    walk.mismatch ??= `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse`;
    return value;
  }
  return type === 't' ? rfc3339(ms) : value;
}

function mismatch(type: TypeExpression, value: unknown, path: string, walk: Walk): unknown {
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  const shown = typeof value === 'number' && type === 'n' ? `number ${value}` : found;
  // Go names neither indexes nor map keys.
  const field = (path.split(MAP_KEY)[0] ?? '').replaceAll(/\[\d+\]/g, '');
  walk.mismatch ??= `json: cannot unmarshal ${shown} into Go struct field ${walk.root}.${field} of type ${goTypeName(type)}`;
  return value;
}
