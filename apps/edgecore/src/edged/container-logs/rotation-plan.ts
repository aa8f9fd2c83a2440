const COMPRESSED = '.gz';
export const TEMPORARY = '.tmp';

export interface RotationPlan {
  readonly remove: readonly string[];
  readonly compress: readonly string[];
}

/**
 * What to do with the rotated files of one log before the next is rotated (spec/edged.md §17). `rotated`: names that
 * begin with the log's own and a dot. Room is made for the file that is rotated now and for the fresh one.
 */
export function planRotation(rotated: readonly string[], maxFiles: number): RotationPlan {
  const all = new Set(rotated);
  // what an interrupted compression left: half a result, or the original of a whole one
  const isLeftOver = (name: string): boolean =>
    name.endsWith(TEMPORARY) || (!name.endsWith(COMPRESSED) && all.has(`${name}${COMPRESSED}`));
  const inUse = rotated.filter((name) => !isLeftOver(name)).sort();
  const excess = Math.max(0, inUse.length - Math.max(0, maxFiles - 2));
  return {
    remove: [...rotated.filter(isLeftOver), ...inUse.slice(0, excess)],
    compress: inUse.slice(excess).filter((name) => !name.endsWith(COMPRESSED)),
  };
}

export function compressedName(name: string): string {
  return `${name}${COMPRESSED}`;
}

/** `0.log` → `0.log.20261122-140849`, in local time as upstream's, so that the files of both sort together. */
export function rotatedName(log: string, now: number): string {
  const time = new Date(now);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}`;
  return `${log}.${day}-${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}
