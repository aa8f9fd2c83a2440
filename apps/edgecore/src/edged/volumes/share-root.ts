import { mkdir } from 'node:fs/promises';
import { errorText } from '@kubeedge-ts/errors';
import type { Logger } from '@kubeedge-ts/runtime';
import type { Mounts } from '../host.ts';
import { isAtOrBelow, mountOf } from '../mount-table.ts';

/**
 * Mounts made below the root directory must reach containers that ask for it, such as drivers, and theirs must reach
 * us: the mount the directory lies in has to be shared. Where the machine's is not, the directory becomes a mount of
 * its own, as the kubelet does. Never rejects: without it only those containers fail, and say so.
 */
export async function shareRoot(rootDir: string, mounts: Mounts, log: Logger): Promise<void> {
  try {
    await mkdir(rootDir, { recursive: true, mode: 0o755 });
    const table = await mounts.table();
    const mount = mountOf(table, rootDir);
    if (mount?.shared === true) return;
    if (mount?.path !== rootDir) {
      // A mount laid over others would hide them from those who will unmount them.
      const below = table.find(({ path }) => isAtOrBelow(path, rootDir));
      if (below !== undefined) throw new Error(`${below.path} is mounted already`);
      await mounts.mount({ source: rootDir, target: rootDir, options: ['bind'] });
    }
    await mounts.makeShared(rootDir);
  } catch (error) {
    log.warn({ rootDir, err: errorText(error) }, 'mounts below the root directory will not propagate');
  }
}
