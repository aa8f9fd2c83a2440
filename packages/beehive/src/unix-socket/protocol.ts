import { checkMessage, isRecord, type JsonLimits, type Message, parseJson } from '@kubeedge-ts/apis';
import { isKubeEdgeError, type KubeEdgeError, messageErrors } from '@kubeedge-ts/errors';
import type { Address } from '../bus.ts';

/**
 * One JSON object per line, in both directions. The client numbers its requests and the server answers each with
 * `re`; the server numbers its deliveries to registered modules and the client confirms each with `delivered`.
 */
export type ClientLine =
  | {
      readonly id: number;
      readonly op: 'send' | 'sendToGroup';
      readonly to: string;
      readonly message: Message;
    }
  | {
      readonly id: number;
      readonly op: 'sendAndWait';
      readonly to: string;
      readonly message: Message;
      readonly timeoutMs?: number;
    }
  | { readonly id: number; readonly op: 'respond'; readonly message: Message }
  | { readonly id: number; readonly op: 'register'; readonly address: Address }
  | { readonly id: number; readonly op: 'unregister'; readonly module: string }
  /** Nobody waits for the answer to that request any more. */
  | { readonly cancel: number }
  | { readonly delivered: number };

export type ServerLine =
  | { readonly re: number; readonly answer?: Message; readonly taken?: boolean }
  | { readonly re: number; readonly error: RemoteError }
  | { readonly deliver: number; readonly module: string; readonly message: Message };

export interface RemoteError {
  readonly code?: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** A message of the largest size the link carries, and its envelope. */
export const MAX_LINE_BYTES = 34 * 1_048_576;
export const MAX_UNWRITTEN_BYTES = 2 * MAX_LINE_BYTES;
const LIMITS: JsonLimits = { maxLength: MAX_LINE_BYTES, maxDepth: 210 };
const MAX_CAPACITY = 65_536;

/** @throws KubeEdgeError MESSAGE_MALFORMED */
export function readClientLine(text: string): ClientLine {
  const line = recordOf(text);
  if (line['cancel'] !== undefined) return { cancel: numberAt(line, 'cancel') };
  if (line['delivered'] !== undefined) return { delivered: numberAt(line, 'delivered') };
  const id = numberAt(line, 'id');
  const op = line['op'];
  switch (op) {
    case 'send':
    case 'sendToGroup':
      return { id, op, to: textAt(line, 'to'), message: checkMessage(line['message']) };
    case 'sendAndWait': {
      const request = { id, op, to: textAt(line, 'to'), message: checkMessage(line['message']) } as const;
      return line['timeoutMs'] === undefined
        ? request
        : { ...request, timeoutMs: numberAt(line, 'timeoutMs') };
    }
    case 'respond':
      return { id, op, message: checkMessage(line['message']) };
    case 'register':
      return { id, op, address: addressAt(line) };
    case 'unregister':
      return { id, op, module: textAt(line, 'module') };
    default:
      throw malformed('op', 'unknown');
  }
}

/** @throws KubeEdgeError MESSAGE_MALFORMED */
export function readServerLine(text: string): ServerLine {
  const line = recordOf(text);
  if (line['deliver'] !== undefined) {
    return {
      deliver: numberAt(line, 'deliver'),
      module: textAt(line, 'module'),
      message: checkMessage(line['message']),
    };
  }
  const re = numberAt(line, 're');
  const { error, answer, taken } = line;
  if (error !== undefined) {
    if (!isRecord(error)) throw malformed('error', 'not an object');
    return { re, error: { ...error, message: textAt(error, 'message') } };
  }
  return {
    re,
    ...(answer === undefined ? {} : { answer: checkMessage(answer) }),
    ...(typeof taken === 'boolean' ? { taken } : {}),
  };
}

/** An error in the form that travels, and back. */
export function toRemoteError(error: unknown): RemoteError {
  if (isKubeEdgeError(error)) return { code: error.code, message: error.message, details: error.details };
  return { message: error instanceof Error ? error.message : String(error) };
}

export function fromRemoteError({ code, message, details }: RemoteError): KubeEdgeError | TypeError {
  const known = Object.keys(messageErrors.definitions).find((candidate) => candidate === code);
  return known === undefined
    ? new TypeError(message)
    : messageErrors.create(known as keyof typeof messageErrors.definitions, details);
}

function addressAt(line: Record<string, unknown>): Address {
  const address = line['address'];
  if (!isRecord(address)) throw malformed('address', 'not an object');
  const module = textAt(address, 'module');
  const group = textAt(address, 'group');
  const { capacity, overflow } = address;
  if (
    capacity !== undefined &&
    !(Number.isSafeInteger(capacity) && Number(capacity) > 0 && Number(capacity) <= MAX_CAPACITY)
  ) {
    throw malformed('address.capacity', `not a whole number up to ${MAX_CAPACITY}`);
  }
  if (overflow !== undefined && overflow !== 'wait' && overflow !== 'reject') {
    throw malformed('address.overflow', 'neither wait nor reject');
  }
  return {
    module,
    group,
    ...(capacity === undefined ? {} : { capacity: Number(capacity) }),
    ...(overflow === undefined ? {} : { overflow }),
  };
}

function recordOf(text: string): Record<string, unknown> {
  const value = parseJson(text, LIMITS);
  if (!isRecord(value)) throw malformed('$', 'not an object');
  return value;
}

function numberAt(record: Record<string, unknown>, key: string): number {
  const value = record[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw malformed(key, 'not a whole number');
  }
  return value;
}

function textAt(record: Record<string, unknown>, key: string): string {
  const value = record[key];
  if (typeof value !== 'string' || value === '') throw malformed(key, 'not a non-empty string');
  return value;
}

function malformed(path: string, problem: string) {
  return messageErrors.create('MESSAGE_MALFORMED', { path, problem });
}
