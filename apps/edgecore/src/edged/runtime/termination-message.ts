import { open } from 'node:fs/promises';

const MAX_FILE_BYTES = 4096;
const MAX_LOG_BYTES = 2048;
const MAX_LOG_LINES = 80;
/** Longest stretch of the log's end that is looked at: lines carry a time stamp and their stream. */
const LOG_WINDOW_BYTES = 16_384;

/** The first 4 KiB of the termination log; empty when there is none (spec/edged.md §3.4). */
export async function readTerminationLog(path: string): Promise<string> {
  const bytes = await readSlice(path, (size) => [0, Math.min(size, MAX_FILE_BYTES)]);
  return bytes?.toString('utf8') ?? '';
}

/** The last 80 lines, at most 2 KiB, of a CRI log, for policy FallbackToLogsOnError. */
export async function readLogTail(path: string): Promise<string> {
  const bytes = await readSlice(path, (size) => {
    const length = Math.min(size, LOG_WINDOW_BYTES);
    return [size - length, length];
  });
  if (bytes === undefined) return '';
  return tailOfLog(bytes.toString('utf8'));
}

export function tailOfLog(log: string): string {
  const lines = log.split('\n').flatMap((line) => {
    const match = /^\S+ (?:stdout|stderr) ([PF])\S* (.*)$/.exec(line);
    return match === null ? [] : [match[1] === 'P' ? (match[2] ?? '') : `${match[2]}\n`];
  });
  const tail = lines.slice(-MAX_LOG_LINES).join('');
  return Buffer.from(tail).subarray(-MAX_LOG_BYTES).toString('utf8');
}

async function readSlice(
  path: string,
  pick: (size: number) => [number, number],
): Promise<Buffer | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const [offset, length] = pick(size);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
