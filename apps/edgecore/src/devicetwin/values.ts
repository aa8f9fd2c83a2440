/** Rules for names and values of twins, with upstream's reasons (spec/mqtt-and-devicetwin.md §6.1). */

/** Longest value, bytes of UTF-8. Upstream stops at 512 and at ASCII letters; a value is any text here (LESSONS D3). */
export const MAX_VALUE_BYTES = 16_384;
/** Twins of one device, deleted ones included. */
export const MAX_TWINS = 4096;

const NAME = /^[a-zA-Z0-9\-_.,:/@#]{1,128}$/;
const INTEGER = /^[+-]?\d+$/;
const FLOAT = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)$/i;
const INT64_MAX = 9_223_372_036_854_775_807n;

export const REASONS = {
  malformed: 'Unmarshal update request body failed, please check the request',
  noTwin: 'Update twin error, key:twin does not exist',
  badName:
    'The key of twin must only include upper or lowercase letters, number, english, and special letter - _ . , : / @ # and the length of key should be less than 128 bytes',
  badValue: `The value of twin must be valid text without NUL and the length of value should be at most ${MAX_VALUE_BYTES} bytes`,
  tooLarge: 'the payload is too large',
  tooMany: `a device has at most ${MAX_TWINS} twins`,
  unknownDevice: 'update rejected due to the device is not existed',
} as const;

export function isTwinName(name: string): boolean {
  return NAME.test(name);
}

export function isTwinValue(value: string): boolean {
  if (value.length > MAX_VALUE_BYTES) return false;
  if (value.length * 3 > MAX_VALUE_BYTES && Buffer.byteLength(value) > MAX_VALUE_BYTES) return false;
  return !value.includes('\0') && value.isWellFormed();
}

const TYPES = new Set(['', 'string', 'deleted', 'bytes', 'int', 'integer', 'float', 'double', 'boolean']);

export function isTwinType(type: string): boolean {
  return TYPES.has(type);
}

/** Why `value` is no value of `type`, or undefined. `double` and `bytes` are accepted beyond upstream. */
export function typeProblem(type: string, value: string): string | undefined {
  switch (type) {
    case '':
    case 'string':
    case 'deleted':
    case 'bytes':
      return undefined;
    case 'int':
    case 'integer':
      return isInt64(value) ? undefined : 'the value is not int or integer';
    case 'float':
    case 'double':
      return isFloat64(value) ? undefined : 'the value is not float';
    case 'boolean':
      return value === 'true' || value === 'false' ? undefined : 'the bool value must be true or false';
    default:
      return 'the value type is not allowed';
  }
}

function isInt64(value: string): boolean {
  if (value.length > 64 || !INTEGER.test(value)) return false;
  if (value.length < 16) return true;
  const number = BigInt(value.replace('+', ''));
  return number <= INT64_MAX && number >= -INT64_MAX - 1n;
}

function isFloat64(value: string): boolean {
  if (value.length > 1024 || !FLOAT.test(value)) return false;
  return /[in]/i.test(value) || Number.isFinite(Number(value));
}
