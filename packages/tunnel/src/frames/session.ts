import type { Socket } from 'node:net';
import { errorText, tunnelErrors } from '@kubeedge-ts/errors';
import { type Clock, deferred, type Logger } from '@kubeedge-ts/runtime';
import type { RawData, WebSocket } from 'ws';
import { CLOSE_GRACE_MS, shortReason } from '../protocol.ts';
import { watchSilence } from '../silence.ts';
import { decodeFrame, FRAME, type Frame } from './frame.ts';
import type { SendFrame } from './frame-stream.ts';
import { createFrameStreams, type FrameStreams } from './frame-streams.ts';

/** For either end. A frame beyond what a receiver keeps still costs its own stream only, one beyond this the tunnel. */
export const WEBSOCKET_OPTIONS = {
  perMessageDeflate: false,
  // binary in text frames (spec/cloudstream-edgestream.md §2.2)
  skipUTF8Validation: true,
  maxPayload: 4_194_304,
} as const;

export interface FrameSessionOptions {
  readonly node: string;
  /** Which end this is: the edge pings, and answers removals. */
  readonly isEdge: boolean;
  /** Every frame but DATA and REMOVE_CONNECT. */
  readonly onFrame: (frame: Frame) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What both ends of the frames tunnel do with their WebSocket. */
export interface FrameSession {
  readonly streams: FrameStreams;
  readonly send: SendFrame;
  readonly ended: string | undefined;
  end(reason: string): void;
  readonly closed: Promise<string>;
}

const GOING_AWAY = 1001;

/** Takes an open WebSocket, in the turn that opened it. */
export function createFrameSession(
  webSocket: WebSocket,
  socket: Socket,
  { node, isEdge, onFrame, clock, log }: FrameSessionOptions,
): FrameSession {
  const closed = deferred<string>();
  let ended: string | undefined;
  let malformed = 0;
  let cancelGrace = (): void => {};

  const send: SendFrame = (frame, done) => {
    if (ended === undefined) webSocket.send(frame, { binary: false, compress: false }, done);
  };
  const streams = createFrameStreams({
    node,
    send,
    answersRemoval: isEdge,
    hold: (held) => (held ? webSocket.pause() : webSocket.resume()),
    clock,
  });

  const end = (reason: string): void => {
    if (ended !== undefined) return;
    ended = reason;
    stopWatching();
    streams.endAll(tunnelErrors.create('TUNNEL_CLOSED', { node, reason }));
    cancelGrace = clock.after(CLOSE_GRACE_MS, () => webSocket.terminate());
    webSocket.close(GOING_AWAY, shortReason(reason));
  };

  const receive = (bytes: Buffer): void => {
    let frame: Frame;
    try {
      frame = decodeFrame(bytes);
    } catch (error) {
      const fields = { node, bytes: bytes.length, err: errorText(error) };
      // once is enough to know of a peer that speaks nonsense
      if (malformed === 0) log.warn(fields, 'frame of the tunnel was ignored');
      malformed += 1;
      return;
    }
    const { connectId, type } = frame;
    if (type !== FRAME.data && type !== FRAME.removeConnect) onFrame(frame);
    // upstream's cloud repeats REMOVE_CONNECT hundreds of times
    else if (!streams.receive(frame)) log.debug({ node, connectId, type }, 'frame for no stream');
  };

  const beat = (): void => {
    if (webSocket.readyState === webSocket.OPEN) webSocket.ping(undefined, undefined, () => undefined);
  };
  const stopWatching = watchSilence({
    clock,
    received: () => socket.bytesRead,
    ...(isEdge ? { beat } : {}),
    onSilent: () => end('the other end fell silent'),
  });

  webSocket.on('message', (data: RawData) => {
    if (ended === undefined) receive(asBuffer(data));
  });
  webSocket.on('error', (error) => end(errorText(error)));
  webSocket.on('close', (_code, reason) => {
    end(shortReason(reason.toString('utf8')) || 'the connection was lost');
    cancelGrace();
    closed.resolve(ended ?? '');
  });

  return {
    streams,
    send,
    get ended() {
      return ended;
    },
    end,
    closed: closed.promise,
  };
}

function asBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
