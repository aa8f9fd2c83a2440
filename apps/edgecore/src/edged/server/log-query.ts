import type { LogReading } from '../container-logs/index.ts';
import { refusal } from './refusal.ts';

export interface LogQuery extends LogReading {
  /** The run before the one that runs now. */
  readonly previous: boolean;
}

const STREAMS = { All: 'all', Stdout: 'stdout', Stderr: 'stderr' } as const;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

/**
 * The query of `/containerLogs` as the kubelet reads it (spec/edged.md §15): what cannot be read is a 400, what
 * contradicts itself or is out of range a 422. `now`: ms since the epoch. @throws KubeEdgeError EDGED_REQUEST
 */
export function parseLogQuery(query: URLSearchParams, now: number): LogQuery {
  const tail = query.get('tail') || query.get('tailLines');
  const tailLines = tail === 'all' ? undefined : integer('tailLines', tail);
  const sinceSeconds = integer('sinceSeconds', query.get('sinceSeconds'));
  const sinceTime = time('sinceTime', query.get('sinceTime'));
  const limitBytes = integer('limitBytes', query.get('limitBytes'));
  const streamName = query.get('stream') || 'All';
  const stream = STREAMS[streamName as keyof typeof STREAMS];

  if (tailLines !== undefined && tailLines < 0) throw invalid('tailLines must not be negative');
  if (limitBytes !== undefined && limitBytes < 1) throw invalid('limitBytes must be greater than 0');
  if (sinceSeconds !== undefined && sinceTime !== undefined)
    throw invalid('at most one of sinceTime and sinceSeconds may be given');
  if (sinceSeconds !== undefined && sinceSeconds < 1) throw invalid('sinceSeconds must be greater than 0');
  if (stream === undefined || !Object.hasOwn(STREAMS, streamName))
    throw invalid(`stream ${JSON.stringify(streamName)} is none of All, Stdout, Stderr`);
  if (stream !== 'all' && tailLines !== undefined)
    throw invalid('tailLines and a single stream exclude each other');

  const sinceMs = sinceSeconds === undefined ? sinceTime : now - sinceSeconds * 1_000;
  return {
    follow: flag(query.get('follow')),
    previous: flag(query.get('previous')),
    timestamps: flag(query.get('timestamps')),
    stream,
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

/** As the API reads booleans of queries: whatever is there and is not false. */
function flag(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

function integer(name: string, value: string | null): number | undefined {
  if (value === null || value === '') return undefined;
  const number = Number(value);
  if (!/^[+-]?\d+$/.test(value) || !Number.isSafeInteger(number))
    throw refusal(400, `Unable to decode query: ${name} is no integer: ${JSON.stringify(value)}`);
  return number;
}

function time(name: string, value: string | null): number | undefined {
  if (value === null || value === '' || value === 'null') return undefined;
  const ms = RFC3339.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms))
    throw refusal(400, `Unable to decode query: ${name} is no RFC 3339 time: ${JSON.stringify(value)}`);
  return ms;
}

function invalid(problem: string): Error {
  return refusal(422, `Invalid request: ${problem}`);
}
