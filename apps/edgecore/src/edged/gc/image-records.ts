import type { Image } from '@kubeedge-ts/cri';
import { canonicalImage } from '../pod/image-match.ts';

/** When an image was seen first and used last, ms since the epoch; never used: 0. */
export interface ImageRecord {
  readonly firstSeen: number;
  readonly lastUsed: number;
}

export type ImageRecords = ReadonlyMap<string, ImageRecord>;

/** What holds an image: ids, digests and names that containers and pods refer to. */
export interface ImageUses {
  /** As the runtime calls the images of its containers. */
  readonly byContainers: ReadonlySet<string>;
  /** As pods name the images they are to run, also those that wait for a start. */
  readonly byPods: ReadonlySet<string>;
  /** The sandbox images, as the configurations of edged and the runtime name them. */
  readonly sandboxes: readonly string[];
}

/** Whether something holds the image. */
export function isHeld(image: Image, uses: ImageUses): boolean {
  if (image.pinned) return true;
  const names = [...image.repoTags, ...image.repoDigests];
  const canonical = new Set(names.map(canonicalImage));
  if (uses.byContainers.has(image.id)) return true;
  if (names.some((name) => uses.byContainers.has(name))) return true;
  const named = (wanted: string): boolean => wanted === image.id || canonical.has(canonicalImage(wanted));
  return uses.sandboxes.some(named) || [...uses.byPods].some(named);
}

/** The records after a look; what is held now was used now. */
export function updateRecords(
  before: ImageRecords,
  images: readonly Image[],
  held: ReadonlySet<string>,
  now: number,
): ImageRecords {
  return new Map(
    images.map(({ id }) => {
      const { firstSeen = now, lastUsed = 0 } = before.get(id) ?? {};
      // The clock may have been set back since.
      const past = { firstSeen: Math.min(firstSeen, now), lastUsed: Math.min(lastUsed, now) };
      return [id, held.has(id) ? { ...past, lastUsed: now } : past];
    }),
  );
}

export interface RemovalOrder {
  readonly records: ImageRecords;
  readonly held: ReadonlySet<string>;
  readonly now: number;
  readonly minAgeMs: number;
}

/** The images that may go, the longest unused one first. */
export function removable(
  images: readonly Image[],
  { records, held, now, minAgeMs }: RemovalOrder,
): readonly Image[] {
  const recordOf = ({ id }: Image): ImageRecord => records.get(id) ?? { firstSeen: now, lastUsed: 0 };
  return images
    .filter((image) => !held.has(image.id) && now - recordOf(image).firstSeen >= minAgeMs)
    .toSorted((a, b) => {
      const [one, other] = [recordOf(a), recordOf(b)];
      return one.lastUsed - other.lastUsed || one.firstSeen - other.firstSeen;
    });
}
