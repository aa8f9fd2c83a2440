import { grpcErrors, type KubeEdgeError } from '@kubeedge-ts/errors';
import { ByteReader, ByteWriter } from './bytes.ts';

/** `[number, name, type, repeated]`; a type is a scalar, `map` (string to string), or the name of a message. */
export type FieldTable = readonly (readonly [number, string, string, boolean?])[];

/** A message as callers write it: every field optional, at every depth. */
export type Init<T> = T extends Uint8Array | string | number | boolean
  ? T
  : T extends readonly (infer E)[]
    ? readonly Init<E>[]
    : { readonly [K in keyof T]?: Init<T[K]> | undefined };

type Value = Record<string, unknown>;

/**
 * Protocol-buffer encoding of the messages in `tables`. 64-bit integers are JavaScript numbers: exact up to 2^53,
 * nanosecond timestamps rounded to 256 ns. Unknown fields are skipped; missing ones get proto3's defaults, except
 * message fields, which stay undefined.
 */
export interface Codec {
  encode(message: string, value: object): Uint8Array;
  /** @throws KubeEdgeError GRPC_MALFORMED, or what `malformed` makes */
  decode(message: string, bytes: Uint8Array): object;
}

const VARINT = 0;
const BYTES = 2;
const TWO_64 = 2 ** 64;
/** The messages of CRI, CSI and the like nest at most 6 deep; a peer that sends more speaks something else. */
const MAX_DEPTH = 32;

const SCALAR_DEFAULTS: Record<string, unknown> = {
  string: '',
  bool: false,
  int32: 0,
  int64: 0,
  uint32: 0,
  uint64: 0,
};

/** What a message that cannot be read is thrown as. */
export type MalformedError = (message: string, problem: string) => KubeEdgeError;

const grpcMalformed: MalformedError = (message, problem) =>
  grpcErrors.create('GRPC_MALFORMED', { message, problem });

export function createCodec(
  tables: Readonly<Record<string, FieldTable>>,
  malformed: MalformedError = grpcMalformed,
): Codec {
  const byNumber = new Map<string, Map<number, FieldTable[number]>>();
  const tableOf = (message: string): FieldTable => {
    const table = tables[message];
    if (table === undefined) throw new TypeError(`no message ${message}`);
    return table;
  };
  const fieldsOf = (message: string): Map<number, FieldTable[number]> => {
    let fields = byNumber.get(message);
    if (fields === undefined) {
      fields = new Map(tableOf(message).map((field) => [field[0], field]));
      byNumber.set(message, fields);
    }
    return fields;
  };

  const write = (message: string, value: Value, out: ByteWriter): void => {
    for (const [number, name, type, repeated] of tableOf(message)) {
      const item = value[name];
      if (item === undefined || item === null) continue;
      if (type === 'map') writeMap(number, item as Record<string, string>, out);
      else if (repeated !== true) writeOne(number, type, item, out, false);
      else if (type.startsWith('int') || type.startsWith('uint')) {
        const packed = new ByteWriter();
        for (const element of item as number[]) packed.varint(element);
        if (packed.length > 0) out.tag(number, BYTES).block(packed.finish());
      } else for (const element of item as unknown[]) writeOne(number, type, element, out, true);
    }
  };

  const writeOne = (number: number, type: string, item: unknown, out: ByteWriter, always: boolean): void => {
    if (type === 'string') {
      if (item !== '' || always) out.tag(number, BYTES).text(item as string);
    } else if (type === 'bytes') {
      if ((item as Uint8Array).length > 0 || always) out.tag(number, BYTES).block(item as Uint8Array);
    } else if (type in SCALAR_DEFAULTS) {
      if (Number(item) !== 0 || always) out.tag(number, VARINT).varint(Number(item));
    } else {
      const nested = new ByteWriter();
      write(type, item as Value, nested);
      out.tag(number, BYTES).block(nested.finish());
    }
  };

  const read = (message: string, input: ByteReader, depth: number): Value => {
    if (depth > MAX_DEPTH) throw malformed(message, 'nested too deep');
    const value = emptyOf(tableOf(message));
    const fields = fieldsOf(message);
    while (!input.atEnd) {
      const tag = input.varint();
      const field = fields.get(Math.floor(tag / 8));
      if (field === undefined) input.skip(tag % 8);
      else readField(value, field, tag % 8, input, depth);
    }
    return value;
  };

  const readField = (
    value: Value,
    [, name, type, repeated]: FieldTable[number],
    wire: number,
    input: ByteReader,
    depth: number,
  ): void => {
    const isNumber = type in SCALAR_DEFAULTS && type !== 'string';
    const isPacked = isNumber && repeated === true && wire === BYTES;
    // As every implementation does: a known number in another encoding is an unknown field.
    if (wire !== (isNumber && !isPacked ? VARINT : BYTES)) input.skip(wire);
    else if (type === 'map') {
      const [key, text] = readEntry(input.nested());
      if (key !== '__proto__') (value[name] as Record<string, string>)[key] = text;
    } else if (isPacked) {
      for (const packed = input.nested(); !packed.atEnd; )
        (value[name] as unknown[]).push(readScalar(type, packed));
    } else if (isNumber) {
      const scalar = readScalar(type, input);
      if (repeated === true) (value[name] as unknown[]).push(scalar);
      else value[name] = scalar;
    } else {
      const item =
        type === 'string'
          ? input.text()
          : type === 'bytes'
            ? input.block()
            : read(type, input.nested(), depth + 1);
      if (repeated === true) (value[name] as unknown[]).push(item);
      else value[name] = item;
    }
  };

  return {
    encode(message, value) {
      const out = new ByteWriter();
      write(message, value as Value, out);
      return out.finish();
    },
    decode(message, bytes) {
      try {
        return read(message, new ByteReader(bytes), 0);
      } catch (cause) {
        if (cause instanceof RangeError) throw malformed(message, cause.message);
        throw cause;
      }
    },
  };
}

function emptyOf(table: FieldTable): Value {
  const value: Value = {};
  for (const [, name, type, repeated] of table) {
    if (repeated === true) value[name] = [];
    else if (type === 'map') value[name] = {};
    else if (type === 'bytes') value[name] = new Uint8Array(0);
    else if (type in SCALAR_DEFAULTS) value[name] = SCALAR_DEFAULTS[type];
  }
  return value;
}

function writeMap(number: number, map: Record<string, string>, out: ByteWriter): void {
  for (const [key, text] of Object.entries(map)) {
    const entry = new ByteWriter().tag(1, BYTES).text(key).tag(2, BYTES).text(text);
    out.tag(number, BYTES).block(entry.finish());
  }
}

function readEntry(input: ByteReader): [string, string] {
  let key = '';
  let text = '';
  while (!input.atEnd) {
    const tag = input.varint();
    if (tag === 8 + BYTES) key = input.text();
    else if (tag === 16 + BYTES) text = input.text();
    else input.skip(tag % 8);
  }
  return [key, text];
}

function readScalar(type: string, input: ByteReader): unknown {
  const value = input.varint();
  if (type === 'bool') return value !== 0;
  if (type === 'int32') return value | 0;
  if (type === 'uint32') return value >>> 0;
  return value < 0 && type === 'uint64' ? value + TWO_64 : value;
}
