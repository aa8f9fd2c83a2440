import type { Duplex } from 'node:stream';
import { tunnelErrors } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { FRAME, type Frame, MAX_DATA_BYTES } from './frame.ts';
import { createFrameStream, type FrameStream, type SendFrame } from './frame-stream.ts';

export interface FrameStreamsOptions {
  readonly node: string;
  readonly send: SendFrame;
  /** As in `FrameStreamPorts`. */
  readonly answersRemoval: boolean;
  /** Holds back, and lets through, everything the peer sends. */
  readonly hold: (held: boolean) => void;
  readonly clock: Clock;
}

/** The streams of one frames tunnel, by connect id. */
export interface FrameStreams {
  /** Those not closed yet. */
  readonly size: number;
  has(connectId: number): boolean;
  open(connectId: number): Duplex;
  /** A DATA or REMOVE_CONNECT frame; false when its stream is not there. */
  receive(frame: Frame): boolean;
  endAll(error: Error): void;
}

const MIB = 1_048_576;
/** A reader further behind loses its stream; so does the furthest when all of a tunnel are behind by this much. */
const MAX_BEHIND_BYTES = 16 * MIB;
const MAX_ALL_BEHIND_BYTES = 64 * MIB;
/** From here on the peer is held back a little: the only way to slow it down, and it slows all streams. */
const HOLD_ABOVE_BYTES = MIB;
export const HOLD_MS = 50;

export function createFrameStreams({
  node,
  send,
  answersRemoval,
  hold,
  clock,
}: FrameStreamsOptions): FrameStreams {
  const streams = new Map<number, FrameStream>();
  let size = 0;
  let waiting = 0;
  let letGo: (() => void) | undefined;

  const behind = (stream: FrameStream): void => {
    const { waiting: bytes } = stream;
    const limit = MAX_BEHIND_BYTES;
    stream.duplex.destroy(tunnelErrors.create('TUNNEL_STREAM_BEHIND', { node, bytes, limit }));
  };

  /**
   * For a moment at most: a reader that is merely slow catches up meanwhile; one that is stuck slows the others to a
   * chunk at a time (1.3 MB/s) until it has lost its stream, 13 s later.
   */
  const holdFor = (): void => {
    if (letGo !== undefined) return;
    hold(true);
    const cancel = clock.after(HOLD_MS, () => letGo?.());
    letGo = () => {
      cancel();
      letGo = undefined;
      hold(false);
    };
  };

  const onRead = (weight: number): void => {
    waiting -= weight;
    if (letGo === undefined || weight === 0) return;
    if ([...streams.values()].every((stream) => stream.waiting < HOLD_ABOVE_BYTES / 2)) letGo();
  };

  return {
    get size() {
      return size;
    },
    has: (connectId) => streams.has(connectId),
    open(connectId) {
      const onDeaf = (): void => {
        if (streams.get(connectId) === stream) streams.delete(connectId);
      };
      const stream = createFrameStream(connectId, { send, answersRemoval, onDeaf, onRead });
      streams.set(connectId, stream);
      size += 1;
      stream.duplex.once('close', () => {
        size -= 1;
      });
      return stream.duplex;
    },
    receive({ connectId, type, data }) {
      const stream = streams.get(connectId);
      if (stream === undefined) return false;
      if (type === FRAME.removeConnect) {
        stream.removed();
        return true;
      }
      if (data.length > MAX_DATA_BYTES) {
        const problem = `its data is ${data.length} bytes, the limit is ${MAX_DATA_BYTES}`;
        stream.duplex.destroy(tunnelErrors.create('TUNNEL_FRAME_INVALID', { problem }));
        return true;
      }
      waiting += stream.take(data);
      if (stream.waiting > MAX_BEHIND_BYTES) behind(stream);
      else if (waiting > MAX_ALL_BEHIND_BYTES) behind(furthest(streams.values()) ?? stream);
      else if (stream.waiting > HOLD_ABOVE_BYTES) holdFor();
      return true;
    },
    endAll(error) {
      letGo?.();
      for (const stream of [...streams.values()]) stream.duplex.destroy(error);
    },
  };
}

function furthest(streams: Iterable<FrameStream>): FrameStream | undefined {
  let found: FrameStream | undefined;
  for (const stream of streams) if (stream.waiting > (found?.waiting ?? -1)) found = stream;
  return found;
}
