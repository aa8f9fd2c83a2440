import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

/**
 * Files of the kernel's own file systems (`/proc`, `/sys/fs/cgroup`). They are made when they are read and touch no
 * disk, so they are read at once: a thread pool would cost more than the reading.
 */
export interface KernelFiles {
  /** Undefined when there is no such file, or it may not be read. */
  read(path: string): string | undefined;
  /** Names of the directories in a directory; empty when it is not there. */
  directories(path: string): readonly string[];
  /** Number of entries in a directory; undefined when it is not there. */
  count(path: string): number | undefined;
  /** Undefined when it is no link. */
  link(path: string): string | undefined;
}

/** More than any file that is read here has, but `cgroup.procs` of a pod with ten thousand processes. */
const MAX_BYTES = 65_536;

export function createKernelFiles(): KernelFiles {
  const scratch = Buffer.allocUnsafe(MAX_BYTES);
  return {
    read(path) {
      let file: number;
      try {
        file = openSync(path, 'r');
      } catch {
        return undefined;
      }
      try {
        let size = 0;
        for (;;) {
          const bytes = readSync(file, scratch, size, MAX_BYTES - size, null);
          size += bytes;
          if (bytes === 0 || size === MAX_BYTES) break;
        }
        return scratch.toString('latin1', 0, size);
      } catch {
        // the process or cgroup went while it was read
        return undefined;
      } finally {
        closeSync(file);
      }
    },
    directories(path) {
      try {
        return readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
          entry.isDirectory() ? [entry.name] : [],
        );
      } catch {
        return [];
      }
    },
    count(path) {
      try {
        return readdirSync(path).length;
      } catch {
        return undefined;
      }
    },
    link(path) {
      try {
        return readlinkSync(path);
      } catch {
        return undefined;
      }
    },
  };
}
