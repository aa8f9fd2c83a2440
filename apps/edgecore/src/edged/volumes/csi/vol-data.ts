import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '@kubeedge-ts/apis';
import { VOL_DATA } from './names.ts';

/** `vol_data.json`: what must be known of a volume to end it without the cloud (spec/edged.md §12.5). */
export interface VolData {
  readonly specVolID?: string;
  readonly volumeHandle: string;
  readonly driverName: string;
  readonly nodeName?: string;
  readonly attachmentID?: string;
  readonly volumeLifecycleMode?: 'Persistent' | 'Ephemeral';
}

const MAX_BYTES = 65_536;

/** Makes the directory (0750) if need be. A reader sees the old file or the new one. */
export async function writeVolData(dir: string, data: VolData): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o750 });
  const file = join(dir, VOL_DATA);
  const sorted = Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)));
  await writeFile(`${file}.new`, `${JSON.stringify(sorted)}\n`, { mode: 0o644 });
  await rename(`${file}.new`, file);
}

/** Undefined when there is none, or none that says whose volume it is. */
export async function readVolData(dir: string): Promise<VolData | undefined> {
  let text: string;
  try {
    text = await readFile(join(dir, VOL_DATA), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  if (text.length > MAX_BYTES) return undefined;
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // A kubelet that died while it wrote leaves half a file; who reads it looks at the mounts instead.
    return undefined;
  }
  if (!isRecord(data) || !isName(data['volumeHandle']) || !isName(data['driverName'])) return undefined;
  return data as unknown as VolData;
}

export async function removeVolData(dir: string): Promise<void> {
  await rm(join(dir, `${VOL_DATA}.new`), { force: true });
  await rm(join(dir, VOL_DATA), { force: true });
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
