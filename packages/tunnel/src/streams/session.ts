import { constants, type Http2Session, type Http2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { errorText, tunnelErrors } from '@kubeedge-ts/errors';
import { type Clock, deferred, type Logger } from '@kubeedge-ts/runtime';
import { CLOSE_GRACE_MS, MAX_STREAMS, shortReason } from '../protocol.ts';
import { watchSilence } from '../silence.ts';
import { createByteStream, cutOff } from './byte-stream.ts';

const { NGHTTP2_CANCEL } = constants;

/** Bytes a stream may be behind its reader; fast enough for 50 MB/s at 10 ms. */
const STREAM_WINDOW_BYTES = 524_288;
/** On their way to us over all streams. A stream that is not read holds none of it: Node gives it back at once. */
export const SESSION_WINDOW_BYTES = 8_388_608;

/** For either end. */
export const SESSION_OPTIONS = {
  settings: {
    enablePush: false,
    initialWindowSize: STREAM_WINDOW_BYTES,
    maxConcurrentStreams: MAX_STREAMS,
    maxHeaderListSize: 16_384,
  },
  peerMaxConcurrentStreams: MAX_STREAMS,
  /** Megabytes of unwritten data above which Node refuses new streams: twice what all streams may hold. */
  maxSessionMemory: 64,
  // clients that vanish are not an attack: 512 per second before nghttp2 thinks so
  streamResetBurst: 4_096,
  streamResetRate: 512,
} as const;

export interface SessionPorts {
  readonly node: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What both ends of the streams tunnel do with their HTTP/2 session. */
export interface TunnelSession {
  readonly openStreams: number;
  /** The reason, once it has ended. */
  readonly ended: string | undefined;
  /** Makes an HTTP/2 stream of this session a connection. */
  adopt(inner: Http2Stream): Duplex;
  end(reason: string): void;
  readonly closed: Promise<string>;
}

/** `start` makes the session on the socket; `pings`: this end does. */
export function createTunnelSession<S extends Http2Session>(
  socket: TLSSocket,
  start: () => S,
  { node, clock, log }: SessionPorts,
  pings: boolean,
): { readonly session: S; readonly tunnel: TunnelSession } {
  const inners = new Set<Http2Stream>();
  const closed = deferred<string>();
  let ended: string | undefined;
  let stopWatching = (): void => {};

  const end = (reason: string, told = false): void => {
    if (ended !== undefined) return;
    ended = reason;
    stopWatching();
    if (session.destroyed) return;
    const cancelGrace = clock.after(CLOSE_GRACE_MS, () => socket.destroy());
    session.once('close', cancelGrace);
    // the reason goes first: the streams of the other end shall fail with it
    if (!told && !session.connecting) session.goaway(NGHTTP2_CANCEL, 0, Buffer.from(shortReason(reason)));
    // one by one: the code of `session.destroy` would look like an end to their readers
    for (const inner of inners) cutOff(inner);
    session.destroy();
  };

  // heard before the session hears of it, so that the streams fail with the reason
  socket.on('error', (error) => end(errorText(error)));
  socket.on('close', () => end('the connection was lost'));
  const session = start();
  session.setLocalWindowSize(SESSION_WINDOW_BYTES);
  session.on('error', (error) => end(errorText(error)));
  session.on('goaway', (code, _last, data) => end(farewell(code, data), true));
  session.on('frameError', (type, code, id) => log.debug({ node, type, code, id }, 'frame was not sent'));
  session.once('close', () => {
    end('the connection was lost');
    closed.resolve(ended ?? '');
  });

  const beat = (): void => {
    if (!session.destroyed && !session.closed) session.ping(() => undefined);
  };
  stopWatching = watchSilence({
    clock,
    received: () => socket.bytesRead,
    ...(pings ? { beat } : {}),
    onSilent: () => end('the other end fell silent'),
  });

  const lost = (): Error =>
    ended === undefined
      ? tunnelErrors.create('TUNNEL_STREAM_RESET', { node })
      : tunnelErrors.create('TUNNEL_CLOSED', { node, reason: ended });

  const tunnel: TunnelSession = {
    get openStreams() {
      return inners.size;
    },
    get ended() {
      return ended;
    },
    adopt(inner) {
      inners.add(inner);
      inner.once('close', () => inners.delete(inner));
      return createByteStream(inner, lost);
    },
    end: (reason) => end(reason),
    closed: closed.promise,
  };
  return { session, tunnel };
}

function farewell(code: number, data: NodeJS.ArrayBufferView | undefined): string {
  const text =
    data === undefined ? '' : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
  return shortReason(text) || `the other end ended it with code ${code}`;
}
