import { isRecord } from '@kubeedge-ts/apis';
import { sameJson } from '@kubeedge-ts/kube';
import {
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  typeInvalid,
} from '../rest/field-error.ts';
import { childSchema, INT_OR_STRING, type Structural } from './structural-schema.ts';

/** Findings of a value against a structural schema, in Kubernetes' words. At most a hundred. */
export function validateSchema(value: unknown, schema: Structural, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  visit(value, schema, path, errors);
  return errors.slice(0, LIMIT);
}

const LIMIT = 100;

function visit(value: unknown, schema: Structural, path: string, errors: FieldError[]): void {
  if (errors.length >= LIMIT) return;
  if (value === null && schema['nullable'] === true) return;
  const wrongType = typeProblem(value, schema, path);
  if (wrongType !== undefined) {
    errors.push(wrongType);
    return;
  }
  errors.push(...enumProblem(value, schema, path));
  if (typeof value === 'string') errors.push(...stringProblems(value, schema, path));
  if (typeof value === 'number') errors.push(...numberProblems(value, schema, path));
  if (Array.isArray(value)) visitList(value, schema, path, errors);
  else if (isRecord(value)) visitObject(value, schema, path, errors);
  errors.push(...combinationProblems(value, schema, path));
}

function typeProblem(value: unknown, schema: Structural, path: string): FieldError | undefined {
  const { type } = schema;
  if (schema[INT_OR_STRING] === true) {
    if (typeof value === 'string' || Number.isInteger(value)) return undefined;
    return typeError(value, path, 'integer,string');
  }
  if (typeof type !== 'string' || type === '') return undefined;
  const fits =
    (type === 'object' && isRecord(value)) ||
    (type === 'array' && Array.isArray(value)) ||
    (type === 'string' && typeof value === 'string') ||
    (type === 'boolean' && typeof value === 'boolean') ||
    (type === 'number' && typeof value === 'number') ||
    (type === 'integer' && Number.isInteger(value));
  return fits ? undefined : typeError(value, path, type);
}

function typeError(value: unknown, path: string, wanted: string): FieldError {
  const found = typeName(value);
  return typeInvalid(path, found, `${path} in body must be of type ${wanted}: ${JSON.stringify(found)}`);
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function enumProblem(value: unknown, schema: Structural, path: string): FieldError[] {
  const allowed = schema['enum'];
  if (!Array.isArray(allowed) || allowed.some((entry) => sameJson(entry, value))) return [];
  return [notSupported(path, value, allowed.map(String))];
}

function stringProblems(value: string, schema: Structural, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const say = (text: string): void => void errors.push(invalid(path, value, `${path} in body ${text}`));
  const { minLength, maxLength, pattern, format } = schema;
  const length = [...value].length;
  if (typeof minLength === 'number' && length < minLength) {
    say(`should be at least ${minLength} chars long`);
  }
  if (typeof maxLength === 'number' && length > maxLength) {
    errors.push({
      field: path,
      reason: 'FieldValueTooLong',
      text: `Too long: may not be more than ${maxLength} bytes`,
    });
  }
  if (typeof pattern === 'string' && !matchesPattern(pattern, value)) say(`should match '${pattern}'`);
  if (typeof format === 'string' && !matchesFormat(format, value)) {
    say(`must be of type ${format}: ${JSON.stringify(value)}`);
  }
  return errors;
}

/** Longest value a pattern is tried on: patterns come from users and may backtrack without end. */
const PATTERN_VALUE_LIMIT = 4096;

function matchesPattern(pattern: string, value: string): boolean {
  try {
    return value.length <= PATTERN_VALUE_LIMIT && new RegExp(pattern, 'u').test(value);
  } catch {
    // Go's syntax knows forms that ours does not; such a pattern cannot refuse anything here.
    return true;
  }
}

const FORMATS: Readonly<Record<string, RegExp>> = {
  'date-time': /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/,
  date: /^\d{4}-\d\d-\d\d$/,
  uuid: /^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$/,
  byte: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
  ipv4: /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/,
  email: /^[^@\s]+@[^@\s]+$/,
};

function matchesFormat(format: string, value: string): boolean {
  const pattern = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  return pattern === undefined || pattern.test(value);
}

function numberProblems(value: number, schema: Structural, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const say = (text: string): void => void errors.push(invalid(path, value, `${path} in body ${text}`));
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  if (typeof minimum === 'number') {
    if (exclusiveMinimum === true && value <= minimum) say(`should be greater than ${minimum}`);
    else if (value < minimum) say(`should be greater than or equal to ${minimum}`);
  }
  if (typeof maximum === 'number') {
    if (exclusiveMaximum === true && value >= maximum) say(`should be less than ${maximum}`);
    else if (value > maximum) say(`should be less than or equal to ${maximum}`);
  }
  if (typeof multipleOf === 'number' && multipleOf > 0 && !Number.isInteger(value / multipleOf)) {
    say(`should be a multiple of ${multipleOf}`);
  }
  return errors;
}

function visitList(value: readonly unknown[], schema: Structural, path: string, errors: FieldError[]): void {
  const { minItems, maxItems, items } = schema;
  if (typeof minItems === 'number' && value.length < minItems) {
    errors.push(invalid(path, value.length, `${path} in body should have at least ${minItems} items`));
  }
  if (typeof maxItems === 'number' && value.length > maxItems) {
    errors.push({
      field: path,
      reason: 'FieldValueTooMany',
      text: `Too many: ${value.length}: must have at most ${maxItems} items`,
    });
  }
  errors.push(...duplicateItems(value, schema, path));
  if (isRecord(items)) value.forEach((item, index) => void visit(item, items, `${path}[${index}]`, errors));
}

function duplicateItems(value: readonly unknown[], schema: Structural, path: string): FieldError[] {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'];
  if (listType !== 'set' && listType !== 'map') return [];
  const identity = (item: unknown): unknown =>
    listType === 'map' && Array.isArray(keys) && isRecord(item)
      ? Object.fromEntries(keys.map((key) => [key, item[String(key)]]))
      : item;
  const seen = new Set<string>();
  return value.flatMap((item, index) => {
    const id = JSON.stringify(identity(item));
    if (seen.has(id)) return [duplicate(`${path}[${index}]`, identity(item))];
    seen.add(id);
    return [];
  });
}

function visitObject(
  value: Readonly<Record<string, unknown>>,
  schema: Structural,
  path: string,
  errors: FieldError[],
): void {
  const wanted = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  for (const name of wanted) {
    if (value[name] === undefined) errors.push(required(join(path, name)));
  }
  const size = Object.keys(value).length;
  const { minProperties, maxProperties } = schema;
  if (typeof minProperties === 'number' && size < minProperties) {
    errors.push(invalid(path, size, `${path} in body should have at least ${minProperties} properties`));
  }
  if (typeof maxProperties === 'number' && size > maxProperties) {
    errors.push({
      field: path,
      reason: 'FieldValueTooMany',
      text: `Too many: ${size}: must have at most ${maxProperties} items`,
    });
  }
  for (const [key, child] of Object.entries(value)) {
    if (path === '' && (key === 'metadata' || key === 'apiVersion' || key === 'kind')) continue;
    const inner = childSchema(schema, key);
    if (inner !== undefined) visit(child, inner, join(path, key), errors);
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** allOf, anyOf, oneOf and not: conditions on values, whose own findings are not shown. */
function combinationProblems(value: unknown, schema: Structural, path: string): FieldError[] {
  const branches = (name: string): Structural[] => {
    const list = schema[name];
    return Array.isArray(list) ? list.filter(isRecord) : [];
  };
  const holds = (branch: Structural): boolean => validateSchema(value, branch, path).length === 0;
  const errors = branches('allOf').flatMap((branch) => validateSchema(value, branch, path));
  const say = (text: string): void => {
    errors.push(invalid(path, typeof value === 'object' ? typeName(value) : value, text));
  };
  const any = branches('anyOf');
  if (any.length > 0 && schema[INT_OR_STRING] !== true && !any.some(holds)) {
    say(`${path} in body must validate at least one schema (anyOf)`);
  }
  const one = branches('oneOf');
  if (one.length > 0 && one.filter(holds).length !== 1) {
    say(`${path} in body must validate one and only one schema (oneOf)`);
  }
  const not = schema['not'];
  if (isRecord(not) && holds(not)) say(`${path} in body must not validate the schema (not)`);
  return errors;
}
