import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskUsage } from './pod-usage.ts';

/** What is looked at of one directory; beyond that the result says too little. */
export const MAX_ENTRIES = 200_000;
const BLOCK_BYTES = 512;

/**
 * Space and inodes below a directory, the directory itself counted, as `du` counts them: blocks rather than lengths,
 * a file with several names once, nothing on other file systems. What goes away meanwhile does not count. The caller
 * is never held up: everything waits on the file system, entry by entry.
 */
export async function measureDirectory(root: string, signal: AbortSignal): Promise<DiskUsage> {
  const top = await lstat(root);
  let bytes = top.blocks * BLOCK_BYTES;
  let inodes = 1;
  const seen = new Set<number>();
  const waiting = top.isDirectory() ? [root] : [];
  for (let dir = waiting.pop(); dir !== undefined && inodes < MAX_ENTRIES; dir = waiting.pop()) {
    signal.throwIfAborted();
    const entries = await opendir(dir).catch(() => undefined);
    if (entries === undefined) continue;
    for await (const entry of entries) {
      const path = join(dir, entry.name);
      const stat = await lstat(path).catch(() => undefined);
      if (stat === undefined || stat.dev !== top.dev) continue;
      if (stat.nlink > 1 && !stat.isDirectory()) {
        if (seen.has(stat.ino)) continue;
        seen.add(stat.ino);
      }
      bytes += stat.blocks * BLOCK_BYTES;
      inodes += 1;
      if (inodes >= MAX_ENTRIES) break;
      if (stat.isDirectory()) waiting.push(path);
    }
  }
  return { bytes, inodes };
}
