import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '@kubeedge-ts/apis';

/** NUMA node → ids; `-1`: the plugin does not say. */
export type DevicesByNode = Readonly<Record<string, readonly string[]>>;

/** Devices that a container has, and what the plugin said about giving them to it. */
export interface PodDevicesEntry {
  readonly podUid: string;
  readonly container: string;
  readonly resource: string;
  readonly devices: DevicesByNode;
  /** An encoded `ContainerAllocateResponse`. */
  readonly response: Uint8Array;
}

export interface Checkpoint {
  readonly entries: readonly PodDevicesEntry[];
  /** Resource → ids of healthy devices. */
  readonly registered: Readonly<Record<string, readonly string[]>>;
}

/** Name of the file below `device-plugins`, as the kubelet has it (spec/edged.md §12.6). */
export const CHECKPOINT_FILE = 'kubelet_internal_checkpoint';

const MAX_BYTES = 16 * 1024 * 1024;

/** The content of the file, as the kubelet writes it, so that it can take over. */
export function encodeCheckpoint({ entries, registered }: Checkpoint): string {
  const data = {
    PodDeviceEntries: entries.map(({ podUid, container, resource, devices, response }) => ({
      PodUID: podUid,
      ContainerName: container,
      ResourceName: resource,
      DeviceIDs: sortedByKey(devices, byText),
      AllocResp: Buffer.from(response).toString('base64'),
    })),
    RegisteredDevices: sortedByKey(registered, byText),
  };
  return `{"Data":${JSON.stringify(data)},"Checksum":${checksum({ entries, registered })}}`;
}

/** @throws Error saying what is wrong with it */
export function decodeCheckpoint(text: string): Checkpoint {
  const file: unknown = JSON.parse(text);
  const data = isRecord(file) ? file['Data'] : undefined;
  if (!isRecord(file) || !isRecord(data)) throw new Error('it has no data');
  const entries = list(data['PodDeviceEntries'] ?? []).map((entry): PodDevicesEntry => {
    if (!isRecord(entry)) throw new Error('an entry is not an object');
    return {
      podUid: word(entry['PodUID']),
      container: word(entry['ContainerName']),
      resource: word(entry['ResourceName']),
      devices: idsByKey(entry['DeviceIDs']),
      response: Buffer.from(word(entry['AllocResp'] ?? ''), 'base64'),
    };
  });
  const checkpoint = { entries, registered: idsByKey(data['RegisteredDevices']) };
  const sum = checksum(checkpoint, data);
  if (file['Checksum'] !== sum) throw new Error(`its checksum is ${String(file['Checksum'])}, not ${sum}`);
  return checkpoint;
}

/** Undefined when there is none. @throws Error for one that cannot be read */
export async function readCheckpoint(dir: string): Promise<Checkpoint | undefined> {
  let text: string;
  try {
    text = await readFile(join(dir, CHECKPOINT_FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (text.length > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
  return decodeCheckpoint(text);
}

/** Durable when it resolves; a reader sees the old file or the new one. */
export async function writeCheckpoint(dir: string, checkpoint: Checkpoint): Promise<void> {
  const fresh = join(dir, `.${CHECKPOINT_FILE}.new`);
  const file = await open(fresh, 'w', 0o600);
  try {
    await file.writeFile(encodeCheckpoint(checkpoint));
    await file.sync();
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(fresh, join(dir, CHECKPOINT_FILE));
}

/**
 * FNV-1a of the data as the kubelet's Go prints it. Go tells nothing from an empty list; `raw`, the file's own data,
 * says which one it is.
 */
function checksum({ entries, registered }: Checkpoint, raw?: Record<string, unknown>): number {
  const rawEntries = raw === undefined ? [] : raw['PodDeviceEntries'];
  const said = entries.map(({ podUid, container, resource, devices, response }, index) => {
    const own = Array.isArray(rawEntries)
      ? (rawEntries[index] as Record<string, unknown> | undefined)
      : undefined;
    const bytes = own?.['AllocResp'] === null ? '<nil>' : `[${[...response].join(' ')}]`;
    const ids = own?.['DeviceIDs'] === null ? '<nil>' : map(devices, byNumber, own?.['DeviceIDs']);
    return `{PodUID:(string)${podUid} ContainerName:(string)${container} ResourceName:(string)${resource} DeviceIDs:(checkpoint.DevicesPerNUMA)${ids} AllocResp:([]uint8)${bytes}}`;
  });
  const all = rawEntries === null || rawEntries === undefined ? '<nil>' : `[${said.join(' ')}]`;
  const rawRegistered = raw === undefined ? {} : raw['RegisteredDevices'];
  const devices = rawRegistered == null ? '<nil>' : map(registered, byText, rawRegistered);
  return fnv1a(
    `(checkpoint.checkpointData){PodDeviceEntries:([]checkpoint.PodDevicesEntry)${all} RegisteredDevices:(map[string][]string)${devices}}`,
  );
}

function map(
  lists: Readonly<Record<string, readonly string[]>>,
  order: (a: string, b: string) => number,
  raw: unknown,
): string {
  const words = Object.keys(lists)
    .sort(order)
    .map((key) => {
      const nothing = isRecord(raw) && raw[key] === null;
      return `${key}:${nothing ? '<nil>' : `[${(lists[key] ?? []).join(' ')}]`}`;
    });
  return `map[${words.join(' ')}]`;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byNumber = (a: string, b: string): number => Number(a) - Number(b);

function sortedByKey<T>(record: Readonly<Record<string, T>>, order: (a: string, b: string) => number) {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => order(a, b)));
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('a list is missing');
  return value;
}

function word(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`${JSON.stringify(value)} is not a string`);
  return value;
}

function idsByKey(value: unknown): Record<string, string[]> {
  if (value === null || value === undefined) return {};
  if (!isRecord(value)) throw new Error('devices are not an object');
  return Object.fromEntries(
    Object.entries(value).map(([key, ids]) => [key, list(ids ?? []).map((id) => word(id))]),
  );
}
