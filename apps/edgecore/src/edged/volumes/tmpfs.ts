import { chmod } from 'node:fs/promises';
import type { Mounts } from '../host.ts';

/** Mounts of memory, kept out of swap where the kernel (6.4 and newer) can do so. */
export interface MemoryFiles {
  /** `sizeBytes` undefined: the kernel's default. The root is open to all; who may see it is the volume's matter. */
  mount(target: string, sizeBytes: number | undefined): Promise<void>;
}

export function createMemoryFiles(mounts: Pick<Mounts, 'mount'>): MemoryFiles {
  let noSwap = true;
  const mount = (target: string, options: readonly string[]): Promise<void> =>
    mounts.mount({ source: 'tmpfs', target, type: 'tmpfs', options });
  return {
    async mount(target, sizeBytes) {
      const size = sizeBytes === undefined ? [] : [`size=${sizeBytes}`];
      try {
        await mount(target, noSwap ? [...size, 'noswap'] : size);
      } catch (error) {
        if (!noSwap) throw error;
        await mount(target, size);
        noSwap = false;
      }
      await chmod(target, 0o777);
    },
  };
}
