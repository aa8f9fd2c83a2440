import { badRequest } from '../rest/api-error.ts';

/** Largest magnitude of Go's int64; larger numbers are refused, as ParseInt does. */
const INT64_MAX = 2n ** 63n - 1n;

/** A parameter of type bool: present and neither `false` nor `0`, so that `?follow=` counts as set. */
export function boolOf(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

/** A parameter of type int64 in decimal. @throws BadRequest in Go's words */
export function intOf(query: URLSearchParams, name: string): bigint | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^[+-]?\d{1,64}$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${quoted(text)}: invalid syntax`);
  }
  const value = BigInt(text.replace(/^\+/, ''));
  if (value <= INT64_MAX && value >= -INT64_MAX - 1n) return value;
  throw badRequest(`strconv.ParseInt: parsing ${quoted(text)}: value out of range`);
}

/** Port numbers: repeated, or joined by commas. @throws BadRequest in Go's words */
export function portsOf(query: URLSearchParams, name: string): readonly number[] {
  return query
    .getAll(name)
    .flatMap((value) => value.split(','))
    .map((value) => {
      if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
      const problem = /^\d+$/.test(value) ? 'value out of range' : 'invalid syntax';
      throw badRequest(`cannot convert to []int32: strconv.ParseUint: parsing ${quoted(value)}: ${problem}`);
    });
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

/** A parameter of type Time, in UTC with whole seconds, as it goes on to the kubelet. @throws BadRequest */
export function timeOf(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (value === '' || value === 'null') return '0001-01-01T00:00:00Z';
  const at = RFC3339.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) {
    throw badRequest(
      `parsing time ${quoted(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${quoted(value)}`,
    );
  }
  return new Date(Math.floor(at / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
