import { edgedErrors } from '@kubeedge-ts/errors';
import type { MountPoint, Mounts } from '../host.ts';
import { isAtOrBelow } from '../mount-table.ts';

/** Mounts of one place may lie on each other, and some propagate while others go. */
const ROUNDS = 4;

export async function isMountPoint(mounts: Pick<Mounts, 'table'>, path: string): Promise<boolean> {
  return (await mounts.table()).some((mount) => mount.path === path);
}

/** Everything mounted at or below the path, deepest first, newest first. */
export async function mountsBelow(mounts: Pick<Mounts, 'table'>, dir: string): Promise<MountPoint[]> {
  const below = (await mounts.table()).filter(({ path }) => isAtOrBelow(path, dir));
  return below.reverse().sort((a, b) => b.path.length - a.path.length);
}

/** Unmounts all that is mounted at or below the path. @throws EDGED_UNMOUNT naming what would not go */
export async function unmountBelow(mounts: Mounts, dir: string): Promise<void> {
  for (let round = 1; ; round++) {
    const points = await mountsBelow(mounts, dir);
    if (points.length === 0) return;
    for (const { path, type } of points) {
      try {
        await mounts.unmount(path, { force: round > 1 && type.startsWith('nfs') });
      } catch (error) {
        // Gone with another one, or still in use: the next look tells.
        if (round === ROUNDS) throw edgedErrors.create('EDGED_UNMOUNT', { path }, error);
      }
    }
    if (round === ROUNDS) {
      const [left] = await mountsBelow(mounts, dir);
      if (left === undefined) return;
      throw edgedErrors.create('EDGED_UNMOUNT', { path: left.path });
    }
  }
}
