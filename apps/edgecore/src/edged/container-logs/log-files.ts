import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { edgedErrors } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';

/**
 * The files that come to stand at one path, in order. Each is opened when it appears, so that a reader who is slower
 * than the rotation loses nothing even when the older ones are compressed or removed meanwhile.
 */
export interface LogFiles {
  /** The file to read now. */
  readonly current: FileHandle;
  /**
   * Whether another file has followed the current one: `settled` when it has for so long that the runtime writes to
   * that one only.
   *
   * @throws KubeEdgeError EDGED_LOG_OVERRUN
   */
  overtaken(): Promise<'no' | 'just' | 'settled'>;
  /** Closes the current file and goes on to the one after it. */
  advance(): Promise<void>;
  /** Resolves when something happened in the directory, after a while, or when the signal aborts. */
  change(signal: AbortSignal, atMostMs?: number): Promise<void>;
  close(): Promise<void>;
}

const CHECK_MS = 1_000;
/** The runtime first makes the new file, then turns its writers to it. */
const SETTLE_MS = 250;
/** A reader who is so many files behind holds their disk space. */
const MAX_BEHIND = 8;

/** @throws the file system's error when there is no file at the path */
export async function openLogFiles(path: string, clock: Clock): Promise<LogFiles> {
  const first = await open(path, 'r');
  const queue: { readonly file: FileHandle; readonly ino: number; readonly seenAt: number }[] = [
    { file: first, ino: (await first.stat()).ino, seenAt: clock.monotonic() },
  ];
  let watcher: FSWatcher | undefined;
  let happened = Promise.withResolvers<void>();
  let looking: Promise<void> | undefined;
  let again = false;
  let lost = false;
  let closed = false;

  const look = async (): Promise<void> => {
    const there = await stat(path).catch(() => undefined);
    if (there === undefined || there.ino === queue.at(-1)?.ino || lost) return;
    const file = await open(path, 'r').catch(() => undefined);
    if (file === undefined) return;
    const { ino } = await file.stat();
    // closed meanwhile, or taken away again between the two looks
    if (closed || ino === queue.at(-1)?.ino) return file.close();
    if (queue.length > MAX_BEHIND) {
      lost = true;
      return file.close();
    }
    queue.push({ file, ino, seenAt: clock.monotonic() });
  };
  /** One look at a time; what happens during one is looked at after it. */
  const lookNow = (): Promise<void> => {
    again = true;
    looking ??= (async () => {
      while (again) {
        again = false;
        await look().catch(() => undefined);
      }
      looking = undefined;
    })();
    return looking;
  };
  const onEvent = (event: string): void => {
    // a file that came or went; also noticed while the reader is held up by its client
    if (event === 'rename') void lookNow();
    happened.resolve();
  };
  try {
    watcher = watch(dirname(path), { persistent: false }, onEvent);
    watcher.on('error', () => watcher?.close());
  } catch {
    // no inotify watch to be had: the look once a second is enough
  }

  return {
    get current() {
      return (queue[0] as (typeof queue)[number]).file;
    },
    async overtaken() {
      await lookNow();
      const [, next, later] = queue;
      if (next === undefined && lost)
        throw edgedErrors.create('EDGED_LOG_OVERRUN', { path, files: MAX_BEHIND });
      if (next === undefined) return 'no';
      return later !== undefined || clock.monotonic() - next.seenAt >= SETTLE_MS ? 'settled' : 'just';
    },
    async advance() {
      await queue.shift()?.file.close();
    },
    async change(signal, atMostMs = CHECK_MS) {
      const waitMs = queue.length > 1 ? Math.min(SETTLE_MS, atMostMs) : atMostMs;
      const cancel = clock.after(waitMs, () => happened.resolve());
      const stop = (): void => happened.resolve();
      signal.addEventListener('abort', stop, { once: true });
      if (!signal.aborted) await happened.promise;
      signal.removeEventListener('abort', stop);
      cancel();
      happened = Promise.withResolvers<void>();
    },
    async close() {
      closed = true;
      watcher?.close();
      await looking;
      await Promise.all(queue.map(({ file }) => file.close()));
    },
  };
}
