import { tunnelErrors } from '@kubeedge-ts/errors';

/** Message types of upstream's tunnel (spec/cloudstream-edgestream.md §2.2). */
export const FRAME = {
  logsConnect: 0,
  execConnect: 1,
  metricConnect: 2,
  data: 3,
  removeConnect: 4,
  closeConnect: 5,
  attachConnect: 6,
} as const;

export interface Frame {
  readonly connectId: number;
  /** One of `FRAME`, or one that is not known here. */
  readonly type: number;
  readonly data: Buffer;
}

/** What a receiver keeps of one frame's data. */
export const MAX_DATA_BYTES = 1_048_576;

/** `uvarint(connectId) ‖ uvarint(type) ‖ data`; the numbers are safe integers from 0. */
export function encodeFrame(connectId: number, type: number, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const idBytes = uvarintLength(connectId);
  const typeBytes = uvarintLength(type);
  const frame = Buffer.allocUnsafe(idBytes + typeBytes + data.length);
  writeUvarint(frame, 0, connectId);
  writeUvarint(frame, idBytes, type);
  frame.set(data, idBytes + typeBytes);
  return frame;
}

/** The data is a view of `bytes`. @throws KubeEdgeError TUNNEL_FRAME_INVALID */
export function decodeFrame(bytes: Buffer): Frame {
  const connectId = readUvarint(bytes, 0, 'connect id');
  const type = readUvarint(bytes, connectId.end, 'message type');
  return { connectId: connectId.value, type: type.value, data: bytes.subarray(type.end) };
}

/** 64 bits in groups of seven. */
const MAX_UVARINT_BYTES = 10;

function readUvarint(bytes: Buffer, start: number, what: string): { value: number; end: number } {
  // shifts are 32 bits wide, products are not
  let value = 0;
  let scale = 1;
  for (let at = start; at < start + MAX_UVARINT_BYTES; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) throw invalid(`it ends in the middle of its ${what}`);
    value += (byte & 0x7f) * scale;
    if (value > Number.MAX_SAFE_INTEGER) break;
    if (byte < 0x80) return { value, end: at + 1 };
    scale *= 128;
  }
  throw invalid(`its ${what} is larger than any that is given out`);
}

function uvarintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

function writeUvarint(target: Buffer, start: number, value: number): void {
  let at = start;
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) {
    target[at] = (rest % 128) | 0x80;
    at += 1;
  }
  target[at] = rest;
}

function invalid(problem: string) {
  return tunnelErrors.create('TUNNEL_FRAME_INVALID', { problem });
}
