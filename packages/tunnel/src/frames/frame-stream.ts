import { Duplex } from 'node:stream';
import { encodeFrame, FRAME } from './frame.ts';

/** Calls back when the frame was handed to the network; with an error when it never will be. */
export type SendFrame = (frame: Buffer, done?: (error?: Error | null) => void) => void;

export interface FrameStreamPorts {
  readonly send: SendFrame;
  /**
   * The peer's REMOVE_CONNECT is answered by one: upstream's cloud, whose client has ended its side, repeats it in a busy
   * loop until it gets it (cloud/pkg/cloudstream, seen with the Go program).
   */
  readonly answersRemoval: boolean;
  /** What comes for this stream is not wanted any more. */
  readonly onDeaf: () => void;
  /** The reader has caught up by so much. */
  readonly onRead: (weight: number) => void;
}

/** One connect id as a stream. */
export interface FrameStream {
  readonly duplex: Duplex;
  /** What waits for the reader, bytes with what each frame costs. */
  readonly waiting: number;
  /** Returns by how much `waiting` has grown. */
  take(data: Buffer): number;
  /** The peer's REMOVE_CONNECT. */
  removed(): void;
}

/** Small frames: other streams have their turn in between. */
const MAX_FRAME_BYTES = 65_536;
const HIGH_WATER_BYTES = 65_536;
/** A frame of one byte takes more memory than that. */
const FRAME_COST = 256;

/**
 * The protocol has no half-close and no flow control: whoever has ended its side hears nothing any more, and a frame
 * that was received waits here until it is read.
 */
export function createFrameStream(
  connectId: number,
  { send, answersRemoval, onDeaf, onRead }: FrameStreamPorts,
): FrameStream {
  let queue: Buffer[] = [];
  let waiting = 0;
  let wanted = false;
  /** The other end hears nothing that is written. */
  let theirsEnded = false;
  let oursEnded = false;

  const weightOf = (data: Buffer): number => data.length + FRAME_COST;

  const flush = (): void => {
    while (wanted) {
      const data = queue.shift();
      if (data === undefined) break;
      waiting -= weightOf(data);
      onRead(weightOf(data));
      wanted = duplex.push(data);
    }
    if (queue.length === 0 && (theirsEnded || oursEnded) && !duplex.readableEnded) duplex.push(null);
  };

  const write = (bytes: Buffer, done: () => void): void => {
    const piece = (at: number): void => {
      // a failed write waits for the end of the tunnel, which says why
      const next = (error?: Error | null): void => {
        if (error) return;
        if (at + MAX_FRAME_BYTES < bytes.length) piece(at + MAX_FRAME_BYTES);
        else done();
      };
      if (theirsEnded) done();
      else send(encodeFrame(connectId, FRAME.data, bytes.subarray(at, at + MAX_FRAME_BYTES)), next);
    };
    piece(0);
  };

  /** Once, behind what was written. */
  const remove = (): void => {
    if (!theirsEnded && !oursEnded) send(encodeFrame(connectId, FRAME.removeConnect));
    oursEnded = true;
    onDeaf();
  };

  const duplex = new Duplex({
    allowHalfOpen: false,
    readableHighWaterMark: HIGH_WATER_BYTES,
    writableHighWaterMark: HIGH_WATER_BYTES,
    read() {
      wanted = true;
      flush();
    },
    write: (chunk: Buffer, _encoding, done) => write(chunk, done),
    writev: (chunks, done) => write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done),
    final(done) {
      remove();
      flush();
      done();
    },
    destroy(error, done) {
      remove();
      queue = [];
      onRead(waiting);
      waiting = 0;
      done(error);
    },
  });
  duplex.on('error', () => undefined);

  return {
    duplex,
    get waiting() {
      return waiting;
    },
    take(data) {
      if (duplex.destroyed || theirsEnded || oursEnded) return 0;
      if (wanted && queue.length === 0) {
        wanted = duplex.push(data);
        return 0;
      }
      // a view would keep the whole chunk it was received in
      const copy = Buffer.allocUnsafeSlow(data.length);
      copy.set(data);
      queue.push(copy);
      waiting += weightOf(copy);
      return weightOf(copy);
    },
    removed() {
      if (answersRemoval && !theirsEnded && !oursEnded) send(encodeFrame(connectId, FRAME.removeConnect));
      theirsEnded = true;
      onDeaf();
      flush();
    },
  };
}
