import { fixedWidthTime, type RecordHead, readDockerRecord, readHead } from './log-record.ts';

export interface LogSelection {
  /** Records older than that are left out, ms since the epoch. */
  readonly sinceMs?: number;
  /** Each line begins with its time. */
  readonly timestamps?: boolean;
  /** Nothing comes after so many bytes. */
  readonly limitBytes?: number;
  readonly stream?: 'all' | 'stdout' | 'stderr';
}

/**
 * Turns the records of a log file into the text that was written, block by block, without holding lines: a record
 * may be longer than any buffer.
 */
export interface LogFilter {
  /**
   * Reads the first `length` bytes of `input` and writes text to `output`, which must hold `outputBytesFor(length)`.
   * What was not `consumed` is the beginning of a record and is to be offered again with more after it.
   */
  push(
    input: Buffer,
    length: number,
    output: Buffer,
  ): { readonly consumed: number; readonly produced: number };
  /** Another file begins: an unfinished record has no rest. */
  nextFile(): void;
  /** The limit is reached. */
  readonly full: boolean;
}

/** A head is at least 30 bytes and becomes at most a time stamp of 36 and a newline. */
export const outputBytesFor = (length: number): number => length * 2 + 64;

const NEWLINE = 0x0a;
const BRACE = 0x7b;

export function createLogFilter(selection: LogSelection): LogFilter {
  const { sinceMs, timestamps = false, limitBytes = Number.POSITIVE_INFINITY, stream = 'all' } = selection;
  const head: RecordHead = { timeEnd: 0, stderr: false, partial: false, textAt: 0 };
  /** Where in a record the next byte lies: at its beginning, in its text, or in something unreadable. */
  let mode: 'record' | 'text' | 'junk' = 'record';
  let wanted = false;
  let remaining = limitBytes;
  /** Per stream, as their records may alternate: whether the next record begins a line. */
  const lineBegins = { stdout: true, stderr: true };
  let produced = 0;

  const selects = (stderr: boolean, time: string | undefined): boolean => {
    if (stream !== 'all' && (stream === 'stderr') !== stderr) return false;
    return sinceMs === undefined || time === undefined || !(Date.parse(time) < sinceMs);
  };
  const put = (text: string, output: Buffer): void => {
    const size = Math.min(Buffer.byteLength(text), remaining);
    produced += output.write(text, produced, size);
    remaining -= size;
  };
  const copy = (input: Buffer, from: number, to: number, output: Buffer): void => {
    const size = Math.min(to - from, remaining);
    input.copy(output, produced, from, from + size);
    produced += size;
    remaining -= size;
  };

  const beginRecord = (input: Buffer, from: number, output: Buffer): void => {
    const name = head.stderr ? 'stderr' : 'stdout';
    const needsTime = sinceMs !== undefined || timestamps;
    const time = needsTime ? input.toString('latin1', from, head.timeEnd) : undefined;
    wanted = selects(head.stderr, time);
    if (wanted && timestamps && lineBegins[name]) put(`${fixedWidthTime(time as string)} `, output);
    lineBegins[name] = !head.partial;
    mode = 'text';
  };
  const dockerRecord = (line: string, output: Buffer): void => {
    const record = readDockerRecord(line);
    if (record === undefined) return;
    const name = record.stderr ? 'stderr' : 'stdout';
    if (selects(record.stderr, record.time)) {
      if (timestamps && lineBegins[name]) put(`${fixedWidthTime(record.time)} `, output);
      put(record.text, output);
    }
    lineBegins[name] = record.text.endsWith('\n');
  };

  return {
    get full() {
      return remaining <= 0;
    },
    nextFile() {
      mode = 'record';
    },
    push(whole, length, output) {
      const input = whole.subarray(0, length);
      produced = 0;
      let at = 0;
      while (at < length && remaining > 0) {
        const found = input.indexOf(NEWLINE, at);
        const end = found < 0 ? length : found;
        if (mode === 'record' && input[at] === BRACE) {
          // as large as a buffer and no end in sight: not docker's, whose records have 16 KiB of text
          if (found < 0 && at === 0 && length === whole.length) mode = 'junk';
          else if (found < 0) break;
          else {
            dockerRecord(input.toString('utf8', at, end), output);
            at = end + 1;
            continue;
          }
        }
        if (mode === 'record') {
          const outcome = readHead(input, at, end, head);
          if (outcome === 'short' && found < 0) break;
          if (outcome === 'ok') {
            beginRecord(input, at, output);
            at = head.textAt;
          } else mode = 'junk';
        }
        if (mode === 'text' && wanted) copy(input, at, end, output);
        at = end;
        if (found < 0) continue;
        if (mode === 'text' && wanted && !head.partial) put('\n', output);
        mode = 'record';
        at = end + 1;
      }
      return { consumed: at, produced };
    },
  };
}
