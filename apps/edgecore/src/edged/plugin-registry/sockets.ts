import { type FSWatcher, watch } from 'node:fs';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '@kubeedge-ts/runtime';

/** The unix sockets below a directory. */
export interface SocketWatch {
  /** By path, what tells one file from its successor at the same path. Makes the directory if need be. */
  list(): Promise<ReadonlyMap<string, string>>;
  /** Resolves when something may have changed, at `at` (ms since the epoch), after a while, or when the signal aborts. */
  changed(at: number, signal: AbortSignal): Promise<void>;
  /** Ends a wait. */
  wake(): void;
  close(): void;
}

/** Changes are told by the kernel; this is for those it has not told. */
const RESCAN_MS = 10_000;
const MAX_DEPTH = 4;
const MAX_ENTRIES = 1_000;

export function createSocketWatch({
  dir,
  clock,
}: {
  readonly dir: string;
  readonly clock: Clock;
}): SocketWatch {
  const watchers = new Map<string, FSWatcher>();
  let awake = Promise.withResolvers<void>();
  const wake = (): void => awake.resolve();

  const observe = (path: string): void => {
    if (watchers.has(path)) return;
    try {
      const watcher = watch(path, wake);
      const drop = (): void => {
        watcher.close();
        if (watchers.get(path) === watcher) watchers.delete(path);
      };
      watcher.on('error', drop);
      watchers.set(path, watcher);
    } catch {
      // Without a watch the rescan finds what is new.
    }
  };

  return {
    async list() {
      await mkdir(dir, { recursive: true, mode: 0o755 });
      const sockets = new Map<string, string>();
      const directories = new Set<string>();
      let entries = 0;
      const visit = async (folder: string, depth: number): Promise<void> => {
        directories.add(folder);
        observe(folder);
        for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
          entries += 1;
          if (entry.name.startsWith('.') || entries > MAX_ENTRIES) continue;
          const path = join(folder, entry.name);
          if (entry.isDirectory() && depth < MAX_DEPTH) await visit(path, depth + 1);
          if (!entry.isSocket()) continue;
          const stats = await lstat(path).catch(() => undefined);
          if (stats !== undefined) sockets.set(path, `${stats.dev}:${stats.ino}:${stats.mtimeMs}`);
        }
      };
      await visit(dir, 0);
      for (const [path, watcher] of watchers) {
        if (directories.has(path)) continue;
        watcher.close();
        watchers.delete(path);
      }
      return sockets;
    },
    async changed(at, signal) {
      const ms = Math.min(RESCAN_MS, Math.max(0, at - clock.now()));
      const alarm = new AbortController();
      const stop = (): void => alarm.abort();
      signal.addEventListener('abort', stop, { once: true });
      if (!signal.aborted) {
        await Promise.race([sleep(clock, ms, alarm.signal).catch(() => undefined), awake.promise]);
      }
      signal.removeEventListener('abort', stop);
      alarm.abort();
      awake = Promise.withResolvers<void>();
    },
    wake,
    close() {
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}
