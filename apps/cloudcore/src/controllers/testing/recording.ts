import { readFileSync } from 'node:fs';
import type { Message } from '@kubeedge-ts/apis';

export interface RecordedFrame {
  readonly dir: 'edge->cloud' | 'cloud->edge';
  readonly t: number;
  readonly message: Message;
}

const FILE = new URL('../../../../../tests/fixtures/upstream-wire/cloudhub-websocket.jsonl', import.meta.url);

/** The frames recorded between an upstream cloudcore and edgecore, in order. */
export function recordedFrames(): RecordedFrame[] {
  return readFileSync(FILE, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RecordedFrame & Message)
    .filter(({ dir, header }) => dir !== undefined && header !== undefined)
    .map(({ dir, t, header, route, content }) => ({ dir, t, message: { header, route, content } }));
}

/** Replaces what differs from run to run: versions, times of writing, tokens; drops managedFields. */
export function normalised(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalised);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === 'managedFields') continue;
    if (
      ['resourceVersion', 'resourceversion', 'creationTimestamp'].includes(key) &&
      typeof item === 'string'
    ) {
      result[key] = `<${key}>`;
    } else if (key === 'token' || key === 'expirationTimestamp') result[key] = `<${key}>`;
    else result[key] = normalised(item);
  }
  return result;
}
