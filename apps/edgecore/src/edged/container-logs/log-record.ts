/** Where the parts of a CRI log record lie: `<RFC3339Nano> <stdout|stderr> <P|F> <text>` (spec/edged.md §3.4). */
export interface RecordHead {
  timeEnd: number;
  stderr: boolean;
  /** The line goes on in the next record of its stream. */
  partial: boolean;
  textAt: number;
}

/** Longer than any head: a time stamp of 35 characters, the stream, and a few tags. */
export const MAX_HEAD_BYTES = 256;

const SPACE = 0x20;
const MIN_TIME_BYTES = '2016-10-06T00:17:09Z'.length;

/**
 * Reads the head of the record that begins at `from` into `head`.
 * `short`: the bytes up to `end` may be the beginning of one.
 */
export function readHead(bytes: Buffer, from: number, end: number, head: RecordHead): 'ok' | 'short' | 'bad' {
  const limit = Math.min(end, from + MAX_HEAD_BYTES);
  const timeEnd = spaceIn(bytes, from, limit);
  const streamEnd = timeEnd < limit ? spaceIn(bytes, timeEnd + 1, limit) : limit;
  const tagsEnd = streamEnd < limit ? spaceIn(bytes, streamEnd + 1, limit) : limit;
  if (tagsEnd >= limit) return limit === end && end - from < MAX_HEAD_BYTES ? 'short' : 'bad';
  if (timeEnd - from < MIN_TIME_BYTES || bytes[from + 4] !== 0x2d || bytes[from + 10] !== 0x54) return 'bad';
  // `stdout` and `stderr` differ at their fourth letter
  const letter = bytes[timeEnd + 4];
  if (streamEnd - timeEnd !== 7 || bytes[timeEnd + 1] !== 0x73 || (letter !== 0x6f && letter !== 0x65))
    return 'bad';
  head.timeEnd = timeEnd;
  head.stderr = letter === 0x65;
  head.partial = bytes[streamEnd + 1] === 0x50;
  head.textAt = tagsEnd + 1;
  return 'ok';
}

function spaceIn(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== SPACE) at += 1;
  return at;
}

/** A record that docker wrote: `{"log":"…\n","stream":"stdout","time":"…"}`; undefined when it is none. */
export function readDockerRecord(
  line: string,
): { readonly text: string; readonly stderr: boolean; readonly time: string } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { log, stream, time } = (value ?? {}) as { log?: unknown; stream?: unknown; time?: unknown };
  if (typeof log !== 'string' || typeof time !== 'string') return undefined;
  return { text: log, stderr: stream === 'stderr', time };
}

/** `2016-10-06T00:17:09.66Z` → nine digits of fraction, as the kubelet prints times of log lines. */
export function fixedWidthTime(time: string): string {
  const seconds = time.slice(0, 19);
  const [, fraction = '', zone = 'Z'] = /^(?:\.(\d*))?(.*)$/.exec(time.slice(19)) ?? [];
  return `${seconds}.${fraction.slice(0, 9).padEnd(9, '0')}${zone}`;
}
