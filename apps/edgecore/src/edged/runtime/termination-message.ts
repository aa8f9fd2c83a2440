import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ContainerStatus } from '@kubeedge-ts/cri';
import { errorText } from '@kubeedge-ts/errors';
import { ANNOTATION } from './labels.ts';

const MAX_FILE_BYTES = 4096;
const MAX_LOG_BYTES = 2048;
const MAX_LOG_LINES = 80;
/** Longest stretch of the log's end that is looked at: lines carry a time stamp and their stream. */
const LOG_WINDOW_BYTES = 16_384;

/**
 * What an ended container had to say (spec/edged.md §3.4): the runtime's own words, then the file it was given, or
 * where that is empty and the policy wants it the end of its log.
 */
export async function terminationMessageOf(
  status: Pick<ContainerStatus, 'annotations' | 'mounts' | 'message' | 'reason' | 'exitCode' | 'logPath'>,
): Promise<string> {
  const { annotations, mounts, exitCode, reason, logPath } = status;
  const path = annotations[ANNOTATION.terminationMessagePath] ?? '';
  const mounted = path.startsWith('/') || path === '' ? path : `/${path}`;
  const file = mounts.find(({ containerPath }) => containerPath === mounted)?.hostPath ?? '';
  let said = file === '' ? '' : await readTerminationLog(file);
  const fallback = annotations[ANNOTATION.terminationMessagePolicy] === 'FallbackToLogsOnError';
  // A container that never ran has written no log.
  if (said === '' && fallback && exitCode !== 0 && reason !== 'ContainerCannotRun' && logPath !== '') {
    said = await readLogTail(logPath);
  }
  return [status.message, said].filter((text) => text !== '').join(': ');
}

/** The first 4 KiB of the termination log; empty when there is none. What is no file says so in its place. */
export async function readTerminationLog(path: string): Promise<string> {
  try {
    // The container can write there: a link must not lead away.
    const pick = (size: number): [number, number] => [0, Math.min(size, MAX_FILE_BYTES)];
    const bytes = await readSlice(path, pick, constants.O_NOFOLLOW);
    return bytes === undefined ? '' : wholeText(bytes);
  } catch (error) {
    return `Error on reading termination log ${path}: ${errorText(error)}`;
  }
}

/** The last 80 lines, at most 2 KiB, of a CRI log, for policy FallbackToLogsOnError. */
export async function readLogTail(path: string): Promise<string> {
  try {
    const bytes = await readSlice(path, (size) => {
      const length = Math.min(size, LOG_WINDOW_BYTES);
      return [size - length, length];
    });
    return bytes === undefined ? '' : tailOfLog(bytes.toString('utf8'));
  } catch (error) {
    return `Error on reading termination message from logs: ${errorText(error)}`;
  }
}

export function tailOfLog(log: string): string {
  const lines = log.split('\n').flatMap((line) => {
    const match = /^\S+ (?:stdout|stderr) ([PF])\S* (.*)$/.exec(line);
    return match === null ? [] : [match[1] === 'P' ? (match[2] ?? '') : `${match[2]}\n`];
  });
  const tail = Buffer.from(lines.slice(-MAX_LOG_LINES).join('')).subarray(-MAX_LOG_BYTES);
  // The cut may have gone through a character.
  const start = tail.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return tail.subarray(Math.max(0, start)).toString('utf8');
}

/** Without a character that the end of the bytes cuts in two. */
function wholeText(bytes: Buffer): string {
  let end = bytes.length;
  while (end > 0 && end > bytes.length - 4 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end -= 1;
  const first = bytes[end - 1] ?? 0;
  const wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  const complete = bytes.length - end + 1 >= wanted;
  return bytes.subarray(0, complete ? bytes.length : end - 1).toString('utf8');
}

async function readSlice(
  path: string,
  pick: (size: number) => [number, number],
  flags = 0,
): Promise<Buffer | undefined> {
  let file: FileHandle | undefined;
  try {
    // A pipe must not make us wait.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error('not a regular file');
    const [offset, length] = pick(stat.size);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  } finally {
    await file?.close();
  }
}
