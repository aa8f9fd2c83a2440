import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Longer lines are cut into partial ones (containerd's max_container_log_line_size). */
const MAX_LINE = 16_384;

/** A container's log as runtimes write it: `<time> <stream> <P|F> <text>`. Written at once, so that tests find it. */
export interface LogFile {
  write(stream: 'stdout' | 'stderr', bytes: Buffer): void;
  /** Goes on in a new file of the same name, the old one having been moved. */
  reopen(): void;
  /** What has no newline yet is written as a partial line. */
  close(): void;
}

/** `now` in nanoseconds since the epoch. Missing directories are made, as containerd does. */
export function openLogFile(path: string, now: () => number): LogFile {
  const open = (): number => {
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, 'a', 0o640);
  };
  let file: number | undefined = open();
  const rest = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  const line = (stream: string, tag: 'F' | 'P', text: Buffer): void => {
    if (file === undefined) return;
    writeSync(
      file,
      Buffer.concat([Buffer.from(`${timeOf(now())} ${stream} ${tag} `), text, Buffer.from('\n')]),
    );
  };

  return {
    write(stream, bytes) {
      let pending = Buffer.concat([rest[stream], bytes]);
      for (;;) {
        const end = pending.indexOf(0x0a);
        if (end < 0 && pending.length <= MAX_LINE) break;
        const isWhole = end >= 0 && end <= MAX_LINE;
        line(stream, isWhole ? 'F' : 'P', pending.subarray(0, isWhole ? end : MAX_LINE));
        pending = pending.subarray(isWhole ? end + 1 : MAX_LINE);
      }
      rest[stream] = pending;
    },
    reopen() {
      const fresh = open();
      if (file !== undefined) closeSync(file);
      file = fresh;
    },
    close() {
      for (const stream of ['stdout', 'stderr'] as const) {
        if (rest[stream].length > 0) line(stream, 'P', rest[stream]);
        rest[stream] = Buffer.alloc(0);
      }
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** RFC 3339 with nanoseconds; a double has 256 of them for one. */
function timeOf(ns: number): string {
  const ms = Math.floor(ns / 1e6);
  const below = String(Math.floor(ns % 1e6)).padStart(6, '0');
  return new Date(ms).toISOString().replace('Z', `${below}Z`);
}
