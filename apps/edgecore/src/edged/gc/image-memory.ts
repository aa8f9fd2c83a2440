import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '@kubeedge-ts/apis';
import type { ImageRecords } from './image-records.ts';

/**
 * The records across restarts, so that an image that went unused for weeks is not as good as new after a reboot. Written
 * only when the set of images or of those in use changes: flash wears. What was in use at the last write counts as used
 * until the read.
 */
export interface ImageMemory {
  read(now: number): Promise<ImageRecords>;
  /** @throws the file system's error */
  write(records: ImageRecords, held: ReadonlySet<string>): Promise<void>;
}

const FILE = 'image_use_state';
const MAX_IMAGES = 10_000;

export function createImageMemory(rootDir: string): ImageMemory {
  const path = join(rootDir, FILE);
  let written = '';
  return {
    async read(now) {
      const text = await readFile(path, 'utf8').catch(() => '');
      return parse(text, now);
    },
    async write(records, held) {
      const kind = JSON.stringify([...records.keys()].sort().map((id) => [id, held.has(id)]));
      if (kind === written) return;
      const images = [...records].map(([id, { firstSeen, lastUsed }]) =>
        held.has(id) ? { id, firstSeen, inUse: true } : { id, firstSeen, lastUsed },
      );
      await writeFile(`${path}.tmp`, JSON.stringify({ version: 1, images }), { mode: 0o600 });
      await rename(`${path}.tmp`, path);
      written = kind;
    },
  };
}

/** A file that is damaged or of another version is as if it were not there. */
function parse(text: string, now: number): ImageRecords {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return new Map();
  }
  if (!isRecord(content) || content['version'] !== 1 || !Array.isArray(content['images'])) return new Map();
  return new Map(
    content['images'].slice(0, MAX_IMAGES).flatMap((entry: unknown) => {
      if (!isRecord(entry)) return [];
      const { id, firstSeen, lastUsed = 0, inUse } = entry;
      if (typeof id !== 'string' || typeof firstSeen !== 'number' || typeof lastUsed !== 'number') return [];
      return [[id, { firstSeen, lastUsed: inUse === true ? now : lastUsed }] as const];
    }),
  );
}
