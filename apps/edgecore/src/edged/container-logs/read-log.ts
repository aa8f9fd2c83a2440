import { type FileHandle, open, realpath } from 'node:fs/promises';
import type { Clock } from '@kubeedge-ts/runtime';
import { type LogFiles, openLogFiles } from './log-files.ts';
import { createLogFilter, type LogSelection, outputBytesFor } from './log-filter.ts';
import { tailStart } from './tail-start.ts';

export interface LogReading extends LogSelection {
  readonly tailLines?: number;
  readonly follow?: boolean;
}

export interface OpenLog {
  /**
   * Hands out the text, block by block; `write` resolves when its bytes may be overwritten, and nothing is read before.
   * Ends at what was the end of the file when it was opened, or, following, when the container has ended. Rejects with
   * the signal's reason, with what `write` rejects with, or with EDGED_LOG_OVERRUN. Closes the log.
   */
  stream(write: (text: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface LogOptions {
  readonly clock: Clock;
  /** Asked about once a second while there is nothing to read. */
  readonly isRunning: (signal: AbortSignal) => Promise<boolean>;
}

const BLOCK_BYTES = 65_536;
const ASK_MS = 1_000;
/** The last lines of a container may reach the file a moment after its end is known. */
const LAST_LINES_MS = 100;

/** @throws the file system's error when there is no log */
export async function openContainerLog(
  path: string,
  reading: LogReading,
  { clock, isRunning }: LogOptions,
): Promise<OpenLog> {
  const real = await realpath(path);
  const files: LogFiles | undefined = reading.follow === true ? await openLogFiles(real, clock) : undefined;
  const only: FileHandle | undefined = files === undefined ? await open(real, 'r') : undefined;
  const current = (): FileHandle => files?.current ?? (only as FileHandle);
  const close = async (): Promise<void> => {
    await (files ?? only)?.close();
  };
  const { size } = await current().stat();
  const filter = createLogFilter(reading);
  const input = Buffer.allocUnsafe(BLOCK_BYTES);
  const output = Buffer.allocUnsafe(outputBytesFor(BLOCK_BYTES));
  /** Bytes of a record's beginning that wait in `input` for the rest. */
  let kept = 0;

  /** Reads on from `position` to the end, at most to `limit`; resolves with where it stopped. */
  const drain = async (
    position: number,
    limit: number,
    write: (text: Uint8Array) => Promise<void>,
    signal: AbortSignal,
  ): Promise<number> => {
    let at = position;
    while (at < limit && !filter.full) {
      signal.throwIfAborted();
      const wanted = Math.min(input.length - kept, limit - at);
      const { bytesRead } = await current().read(input, kept, wanted, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      const length = kept + bytesRead;
      const { consumed, produced } = filter.push(input, length, output);
      input.copyWithin(0, consumed, length);
      kept = length - consumed;
      if (produced > 0) await write(output.subarray(0, produced));
    }
    return at;
  };

  const followFrom = async (
    start: number,
    write: (text: Uint8Array) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> => {
    const chain = files as LogFiles;
    let at = start;
    let askAt = clock.monotonic();
    /** Once the container has ended: until when lines may still come. */
    let endsAt: number | undefined;
    while (!filter.full) {
      const overtaken = await chain.overtaken();
      const before = at;
      at = await drain(at, Number.POSITIVE_INFINITY, write, signal);
      const now = clock.monotonic();
      if (overtaken === 'settled' || (overtaken === 'just' && endsAt !== undefined)) {
        await chain.advance();
        filter.nextFile();
        kept = 0;
        at = 0;
      } else if (at === before) {
        if (endsAt !== undefined && now >= endsAt) return;
        if (endsAt === undefined && now >= askAt) {
          if (!(await isRunning(signal))) endsAt = clock.monotonic() + LAST_LINES_MS;
          askAt = clock.monotonic() + ASK_MS;
        } else await chain.change(signal, endsAt === undefined ? ASK_MS : LAST_LINES_MS);
        signal.throwIfAborted();
      }
    }
  };

  return {
    close,
    async stream(write, signal) {
      try {
        const { tailLines, follow = false } = reading;
        if (tailLines === 0 && !follow) return;
        const start = tailLines === undefined ? 0 : await tailStart(current(), size, tailLines);
        if (follow) await followFrom(start, write, signal);
        else await drain(start, size, write, signal);
      } finally {
        await close();
      }
    },
  };
}
