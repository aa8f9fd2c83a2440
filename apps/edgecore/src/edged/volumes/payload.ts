import type { Pod } from '@kubeedge-ts/apis';
import { fieldValue, type PodAddresses, resourceFieldValue } from '../pod/field-path.ts';
import { everyContainerOf } from '../pod/spec.ts';
import type { ReferencedData } from '../runtime/referenced.ts';
import { volumePathProblem, volumeProblem } from './problems.ts';

export interface PayloadFile {
  readonly content: Buffer;
  readonly mode: number;
  /** Owner, for tokens of pods with one user. */
  readonly uid?: number;
}

/** Files of a volume by relative path. */
export type Payload = ReadonlyMap<string, PayloadFile>;

export const DEFAULT_MODE = 0o644;
const MAX_PATH = 4096;
const MAX_NAME = 255;

interface KeyToPath {
  readonly key: string;
  readonly path: string;
  readonly mode?: number;
}

/** The files of a ConfigMap or Secret: all keys, or the chosen ones (spec/edged.md §12.2). */
export function dataPayload(
  volume: string,
  what: string,
  data: ReferencedData | undefined,
  source: { readonly items?: readonly KeyToPath[]; readonly optional?: boolean; readonly mode: number },
): Payload {
  const optional = source.optional === true;
  if (data === undefined) {
    if (optional) return new Map();
    throw volumeProblem(volume, `${what} not found`);
  }
  const payload = new Map<string, PayloadFile>();
  if (source.items === undefined || source.items.length === 0) {
    for (const [key, content] of data) payload.set(checked(volume, key), { content, mode: source.mode });
    return payload;
  }
  for (const { key, path, mode } of source.items) {
    const content = data.get(key);
    if (content !== undefined) payload.set(checked(volume, path), { content, mode: mode ?? source.mode });
    else if (!optional) throw volumeProblem(volume, `${what} references non-existent key: ${key}`);
  }
  return payload;
}

export interface DownwardItem {
  readonly path: string;
  readonly mode?: number;
  readonly fieldRef?: { readonly fieldPath: string };
  readonly resourceFieldRef?: {
    readonly containerName?: string;
    readonly resource: string;
    readonly divisor?: string;
  };
}

export function downwardPayload(
  volume: string,
  items: readonly DownwardItem[],
  defaultMode: number,
  pod: Pod,
  addresses: PodAddresses,
  allocatable: Readonly<Record<string, string>>,
): Payload {
  const payload = new Map<string, PayloadFile>();
  for (const { path, mode, fieldRef, resourceFieldRef } of items) {
    let value: string | undefined;
    if (fieldRef !== undefined) value = fieldValue(fieldRef.fieldPath, pod, addresses);
    else if (resourceFieldRef !== undefined) {
      const { containerName } = resourceFieldRef;
      const container = everyContainerOf(pod).find(({ name }) => name === containerName);
      if (container === undefined) throw volumeProblem(volume, `no container named ${containerName}`);
      value = resourceFieldValue(resourceFieldRef, container, allocatable);
    }
    if (value === undefined) throw volumeProblem(volume, `unsupported reference of ${path}`);
    payload.set(checked(volume, path), { content: Buffer.from(value), mode: mode ?? defaultMode });
  }
  return payload;
}

/** Refuses paths that leave the volume or meet the writer's own names (spec/edged.md §12.3, step 1). */
export function checked(volume: string, path: string): string {
  const parts = path.split('/');
  const bad =
    path === '' ||
    path.length > MAX_PATH ||
    path.startsWith('/') ||
    path.includes('\0') ||
    parts.some((part) => part === '' || part === '.' || part === '..' || part.length > MAX_NAME) ||
    parts[0]?.startsWith('..') === true;
  if (bad) throw volumePathProblem(volume, path, 'is not allowed');
  return path;
}
