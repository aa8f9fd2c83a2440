import { isUtf8 } from 'node:buffer';
import { isRecord, parseJson, type TwinVersion } from '@kubeedge-ts/apis';
import type { TwinRequest, TwinRequests } from './types.ts';
import { isTwinName, isTwinValue, REASONS } from './values.ts';

/**
 * Reading what mappers and the cloud send, by Go's JSON rules: unknown keys are ignored, keys match in any case,
 * null is absent (spec/mqtt-and-devicetwin.md, head). Nothing here throws.
 */

export const MAX_PAYLOAD_BYTES = 1_048_576;
const LIMITS = { maxLength: MAX_PAYLOAD_BYTES, maxDepth: 32 };

export type Decoded<T> =
  | { readonly ok: true; readonly value: T; readonly eventId: string }
  | { readonly ok: false; readonly reason: string; readonly eventId: string };

/** The JSON object in a payload, or why there is none. */
export function decodeObject(payload: Buffer | string | undefined): Record<string, unknown> | string {
  if (payload === undefined) return REASONS.tooLarge;
  if (typeof payload !== 'string' && !isUtf8(payload)) return 'not valid UTF-8';
  try {
    const value = parseJson(typeof payload === 'string' ? payload : payload.toString('utf8'), LIMITS);
    return isRecord(value) ? value : 'not a JSON object';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `object[key]` in any case, undefined for null. */
export function field(object: Record<string, unknown>, key: string): unknown {
  if (Object.hasOwn(object, key)) return object[key] ?? undefined;
  for (const name in object) {
    if (name.length === key.length && name.toLowerCase() === key) return object[name] ?? undefined;
  }
  return undefined;
}

/** `event_id` of a request, "" when it has none. */
export function eventIdOf(object: Record<string, unknown>): string {
  const id = field(object, 'event_id');
  return typeof id === 'string' && id.length <= 1024 ? id : '';
}

export function decodeTwinUpdate(payload: Buffer | undefined): Decoded<TwinRequests> {
  const object = decodeObject(payload);
  if (typeof object === 'string') {
    return { ok: false, reason: payload === undefined ? REASONS.tooLarge : REASONS.malformed, eventId: '' };
  }
  return decodeTwins(object);
}

/** The twins of an update, from MQTT or from the cloud. */
export function decodeTwins(object: Record<string, unknown>): Decoded<TwinRequests> {
  const eventId = eventIdOf(object);
  const refuse = (reason: string): Decoded<TwinRequests> => ({ ok: false, reason, eventId });
  const twin = field(object, 'twin');
  if (twin === undefined) return refuse(REASONS.noTwin);
  if (!isRecord(twin)) return refuse(REASONS.malformed);
  const requests: [string, TwinRequest | null][] = [];
  for (const name of Object.keys(twin)) {
    const given = twin[name];
    if (given === null) {
      requests.push([name, null]);
      continue;
    }
    const request = isRecord(given) ? decodeTwin(given) : undefined;
    if (request === undefined) return refuse(REASONS.malformed);
    requests.push([name, request]);
  }
  for (const [name, request] of requests) {
    if (!isTwinName(name)) return refuse(REASONS.badName);
    if (request === null) continue;
    if (request.expected !== undefined && !isTwinValue(request.expected)) return refuse(REASONS.badValue);
    if (request.actual !== undefined && !isTwinValue(request.actual)) return refuse(REASONS.badValue);
  }
  return { ok: true, value: requests, eventId };
}

/** undefined when a key has a wrong JSON type. */
function decodeTwin(given: Record<string, unknown>): TwinRequest | undefined {
  const expected = decodeSide(field(given, 'expected'));
  const actual = decodeSide(field(given, 'actual'));
  const optional = field(given, 'optional');
  const metadata = field(given, 'metadata');
  if (expected === WRONG || actual === WRONG) return undefined;
  if (optional !== undefined && typeof optional !== 'boolean') return undefined;
  if (metadata !== undefined && !isRecord(metadata)) return undefined;
  const type = metadata === undefined ? undefined : (field(metadata, 'type') ?? '');
  if (type !== undefined && typeof type !== 'string') return undefined;
  return {
    expected,
    actual,
    optional,
    type,
    expectedVersion: decodeVersion(field(given, 'expected_version')),
    actualVersion: decodeVersion(field(given, 'actual_version')),
  };
}

const WRONG = Symbol('wrong JSON type');

function decodeSide(side: unknown): string | undefined | typeof WRONG {
  if (side === undefined) return undefined;
  if (!isRecord(side)) return WRONG;
  const value = field(side, 'value');
  return value === undefined || typeof value === 'string' ? value : WRONG;
}

export function decodeVersion(version: unknown): TwinVersion | undefined {
  if (!isRecord(version)) return undefined;
  const cloud = field(version, 'cloud') ?? 0;
  const edge = field(version, 'edge') ?? 0;
  return Number.isSafeInteger(cloud) && Number.isSafeInteger(edge)
    ? { cloud: cloud as number, edge: edge as number }
    : undefined;
}
