import { isRecord } from '../../json.ts';
import { conforms } from '../../schema/conforms.ts';
import type { Typed } from '../../schema/structural.ts';

/** Objects reach the conversion unvalidated: everything is looked at before it is used. */
export type Json = Record<string, unknown>;

/** What a conversion turns: everything of an object but its metadata. */
export interface Body {
  readonly spec?: Json;
  readonly status?: Json;
}

export const recordOr = (value: unknown): Json | undefined => (isRecord(value) ? value : undefined);
export const record = (value: unknown): Json => (isRecord(value) ? value : {});
export const records = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isRecord) : []);
export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Without the fields that hold undefined. */
export function compact(value: Json): Json {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}

/** The same, undefined when nothing is left. */
export function compactOr(value: Json): Json | undefined {
  const left = compact(value);
  return Object.keys(left).length === 0 ? undefined : left;
}

type FieldSchemas = Readonly<Record<string, Typed<unknown>>>;

/** Splits `value` into the fields that `fields` knows and whose values it accepts, and the rest. */
export function split(value: Json, fields: FieldSchemas): { known: Json; rest: Json } {
  const known: Json = {};
  const rest: Json = {};
  for (const [name, field] of Object.entries(value)) {
    const schema = Object.hasOwn(fields, name) ? fields[name]?.schema : undefined;
    (schema && conforms(schema, field) ? known : rest)[name] = field;
  }
  return { known, rest };
}

/** `value` if the schema accepts it. */
export function fitting<T>(schema: Typed<T>, value: unknown): T | undefined {
  return conforms(schema.schema, value) ? (value as T) : undefined;
}

/** The fields of `value` that the schema has. */
export function known({ schema }: Typed<unknown>, value: Json): Json {
  const fields = schema.properties ?? {};
  return Object.fromEntries(Object.entries(value).filter(([name]) => Object.hasOwn(fields, name)));
}
