import type { KubeEdgeError } from '@kubeedge-ts/errors';
import { apiError } from './api-error.ts';

/** One finding of a validation; `text` is what follows the field's path. */
export interface FieldError {
  readonly field: string;
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueTypeInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueNotFound'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany';
  readonly text: string;
}

export function required(field: string, detail?: string): FieldError {
  return {
    field,
    reason: 'FieldValueRequired',
    text: detail ? `Required value: ${detail}` : 'Required value',
  };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { field, reason: 'FieldValueInvalid', text: `Invalid value: ${shown(value)}: ${detail}` };
}

export function typeInvalid(field: string, value: unknown, detail: string): FieldError {
  return { field, reason: 'FieldValueTypeInvalid', text: `Invalid value: ${shown(value)}: ${detail}` };
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const values = supported.map((entry) => JSON.stringify(entry)).join(', ');
  return {
    field,
    reason: 'FieldValueNotSupported',
    text: `Unsupported value: ${shown(value)}: supported values: ${values}`,
  };
}

export function forbiddenField(field: string, detail: string): FieldError {
  return { field, reason: 'FieldValueForbidden', text: `Forbidden: ${detail}` };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { field, reason: 'FieldValueDuplicate', text: `Duplicate value: ${shown(value)}` };
}

export function tooLong(field: string, limit: number): FieldError {
  return { field, reason: 'FieldValueTooLong', text: `Too long: may not be more than ${limit} bytes` };
}

/** Go's `%#v` of strings and numbers; maps of strings as Go prints them. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[string]string{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(', ')}}`;
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? JSON.stringify(value)
    : String(JSON.stringify(value));
}

/** Text that is shown as it is, for values Go prints in its own way. */
export function invalidLiteral(field: string, literal: string, detail: string): FieldError {
  return { field, reason: 'FieldValueInvalid', text: `Invalid value: ${literal}: ${detail}` };
}

/** The 422 for a list of findings. `kind` is the kind, or the plural for findings that come before decoding. */
export function invalidObject(
  group: string,
  kind: string,
  name: string,
  errors: readonly FieldError[],
): KubeEdgeError {
  const texts = errors.map((error) => `${error.field}: ${error.text}`);
  const joined = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return apiError({
    code: 422,
    reason: 'Invalid',
    message: `${group === '' ? kind : `${kind}.${group}`} "${name}" is invalid: ${joined}`,
    details: {
      ...(name && { name }),
      ...(group && { group }),
      kind,
      causes: errors.map(({ reason, text, field }) => ({ reason, message: text, field })),
    },
  });
}
