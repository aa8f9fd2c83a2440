import { readFileSync } from 'node:fs';
import { decodeFrame, type Frame } from '../frames/frame.ts';

export interface RecordedFrame extends Frame {
  readonly from: 'cloud' | 'edge';
}

export interface RecordedTunnel {
  /** Headers the upstream edge connected with, lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly frames: readonly RecordedFrame[];
}

const FILE = new URL('../../../../tests/fixtures/upstream-wire/stream-tunnel.jsonl', import.meta.url);

/** kubectl's `logs` and `exec` through upstream's tunnel (tests/fixtures/upstream-wire/README.md). */
export function readRecordedTunnel(): RecordedTunnel {
  let headers: Readonly<Record<string, string>> = {};
  const frames: RecordedFrame[] = [];
  for (const line of readFileSync(FILE, 'utf8').trim().split('\n')) {
    const entry = JSON.parse(line);
    if (entry.event === 'connect') headers = entry.headers;
    if (entry.raw === undefined) continue;
    const bytes = Buffer.from(entry.raw, 'latin1');
    if (bytes.length !== entry.len) throw new TypeError(`line of ${entry.len} bytes has ${bytes.length}`);
    frames.push({ from: entry.dir === 'cloud->edge' ? 'cloud' : 'edge', ...decodeFrame(bytes) });
  }
  return { headers, frames };
}

/** What one end says of one connect id: the type and body of its connect frame, all its data in one, how it ended. */
export interface Said {
  readonly connect: { readonly type: number; readonly body: unknown } | undefined;
  readonly data: string;
  readonly removed: boolean;
}

const DATA = 3;
const REMOVE = 4;

/** Two ends say the same when this is the same: how the data is cut into frames means nothing. */
export function saidOf(frames: readonly Frame[], connectId: number): Said {
  const own = frames.filter((frame) => frame.connectId === connectId);
  const opening = own.find(({ type }) => type !== DATA && type !== REMOVE);
  const data = own.filter(({ type }) => type === DATA).map((frame) => frame.data);
  return {
    connect:
      opening === undefined
        ? undefined
        : { type: opening.type, body: JSON.parse(opening.data.toString('utf8')) },
    data: Buffer.concat(data).toString('latin1'),
    removed: own.some(({ type }) => type === REMOVE),
  };
}
