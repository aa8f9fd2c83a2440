import { isUtf8 } from 'node:buffer';
import { errorText, viaductErrors } from '@kubeedge-ts/errors';
import { type Clock, type Deferred, deferred, type Logger } from '@kubeedge-ts/runtime';
import type { RawData, WebSocket } from 'ws';
import type { CloseReason, Connection, PeerIdentity, ServerOptions } from '../types.ts';
import { createInbox } from './inbox.ts';
import { createPingLedger } from './pings.ts';
import { createWriteDeadline } from './write-deadline.ts';

export interface ConnectionPorts {
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ConnectionLimits {
  readonly maxSendBytes: number;
  readonly maxBufferedBytes: number;
  readonly writeTimeoutMs: number;
}

const DEFAULT_MAX_SEND_BYTES = 33_554_432;

/** The limits of a connection from the options of either end. */
export function connectionLimits(
  options: Pick<ServerOptions, 'maxSendBytes' | 'maxBufferedBytes' | 'writeTimeoutMs'>,
  defaultWriteTimeoutMs: number,
): ConnectionLimits {
  const maxSendBytes = options.maxSendBytes ?? DEFAULT_MAX_SEND_BYTES;
  return {
    maxSendBytes,
    maxBufferedBytes: options.maxBufferedBytes ?? 2 * maxSendBytes,
    writeTimeoutMs: options.writeTimeoutMs ?? defaultWriteTimeoutMs,
  };
}

/** `send` resolves at once while less than this is unwritten. */
const HIGH_WATER_BYTES = 262_144;
/** How long the peer may take to answer a close before the socket is destroyed. */
const CLOSE_GRACE_MS = 1_000;
const MAX_REASON_BYTES = 123;

/** Wraps an open WebSocket, which must not have begun to flow yet: call it in the turn that opened it. */
export function createWebSocketConnection(
  socket: WebSocket,
  identity: { readonly id: string; readonly peer: PeerIdentity },
  limits: ConnectionLimits,
  { clock, log }: ConnectionPorts,
): Connection {
  const { id, peer } = identity;
  const inbox = createInbox();
  const pings = createPingLedger();
  const closed = deferred<CloseReason>();
  let state: 'open' | 'closing' | 'closed' = 'open';
  let reason: CloseReason | undefined;
  let handler: ((text: string) => void | Promise<void>) | undefined;
  let pumping = false;
  let cancelGrace: (() => void) | undefined;

  socket.pause();

  const deadline = createWriteDeadline(
    clock,
    limits.writeTimeoutMs,
    () => socket.bufferedAmount,
    () => abandon(1006, 'peer does not read'),
  );

  const closedError = () =>
    viaductErrors.create('VIADUCT_CLOSED', {
      peer: peer.nodeName,
      code: reason?.code ?? 1006,
      reason: reason?.reason ?? '',
    });

  /** From now on nothing is delivered; `why` is what `closed` will tell. */
  const beginClosing = (why: CloseReason): void => {
    state = 'closing';
    reason = why;
    inbox.clear();
    pings.failAll(closedError());
    // The peer's close frame is only seen by a socket that reads.
    socket.resume();
    cancelGrace = clock.after(CLOSE_GRACE_MS, () => socket.terminate());
  };

  const close = (code: number, text: string): void => {
    if (state !== 'open') return;
    const shortened = shorten(text);
    beginClosing({ code, reason: shortened, local: true });
    socket.close(code, shortened);
  };

  /** For a peer that cannot be talked to any more. */
  const abandon = (code: number, text: string): void => {
    if (state === 'open') beginClosing({ code, reason: text, local: true });
    socket.terminate();
  };

  const pong = (payload: Buffer): void => {
    if (socket.bufferedAmount > limits.maxBufferedBytes) abandon(1008, 'pings are not read back');
    else socket.pong(payload, undefined, noteWriteError);
  };

  const pump = async (): Promise<void> => {
    const handle = handler;
    if (pumping || handle === undefined) return;
    pumping = true;
    try {
      while (state === 'open') {
        const item = inbox.shift();
        if (item === undefined) break;
        if (item.kind === 'ping') {
          pong(item.payload);
        } else {
          const pending = handle(item.text);
          if (pending !== undefined) await pending;
        }
        if (socket.isPaused && inbox.roomy) socket.resume();
      }
    } catch (error) {
      if (state === 'open') {
        log.error({ node: peer.nodeName, connection: id, err: errorText(error) }, 'frame handler failed');
      }
      close(1011, 'frame handler failed');
    } finally {
      pumping = false;
    }
  };

  const onFrame = (data: RawData, isBinary: boolean): void => {
    if (state !== 'open') return;
    const bytes = asBuffer(data);
    if (isBinary && !isUtf8(bytes)) {
      close(1007, 'binary frame is not UTF-8');
      return;
    }
    inbox.push({ kind: 'frame', text: bytes.toString('utf8') });
    afterArrival();
  };

  const onPing = (payload: Buffer): void => {
    if (state !== 'open') return;
    inbox.push({ kind: 'ping', payload });
    afterArrival();
  };

  const afterArrival = (): void => {
    void pump();
    if (inbox.full && state === 'open') socket.pause();
  };

  function noteWriteError(error: Error | null | undefined): void {
    if (error && state === 'open') log.debug({ connection: id, err: errorText(error) }, 'write failed');
  }

  socket.on('message', onFrame);
  socket.on('ping', onPing);
  socket.on('pong', (payload) => pings.answer(payload.toString('latin1')));
  socket.on('error', (error: Error & { code?: string }) => {
    if (state !== 'open') return;
    const code = protocolErrorCode(error.code);
    beginClosing({ code, reason: error.message, local: code !== 1006 });
  });
  socket.on('close', (code, text) => {
    const final = reason ?? { code, reason: text.toString('utf8') || describe(code), local: false };
    reason = final;
    state = 'closed';
    inbox.clear();
    cancelGrace?.();
    deadline.cancel();
    pings.failAll(closedError());
    closed.resolve(final);
  });

  return {
    id,
    peer,
    start(take) {
      if (handler !== undefined) throw new TypeError('connection was started twice');
      handler = take;
      if (state !== 'open') return;
      socket.resume();
      void pump();
    },
    async send(text) {
      if (state !== 'open' || socket.readyState !== socket.OPEN) throw closedError();
      const bytes = Buffer.byteLength(text);
      if (bytes > limits.maxSendBytes) {
        throw viaductErrors.create('VIADUCT_TOO_LARGE', { bytes, maxBytes: limits.maxSendBytes });
      }
      const { bufferedAmount } = socket;
      if (bufferedAmount > 0 && bufferedAmount + bytes > limits.maxBufferedBytes) {
        throw viaductErrors.create('VIADUCT_BUFFER_FULL', {
          bufferedBytes: bufferedAmount,
          peer: peer.nodeName,
          maxBytes: limits.maxBufferedBytes,
        });
      }
      let slow: Deferred | undefined;
      socket.send(text, { compress: false, binary: false }, (error) => {
        deadline.progressed();
        if (error) slow?.reject(closedError());
        else slow?.resolve();
      });
      if (socket.bufferedAmount > 0) deadline.begun();
      if (socket.bufferedAmount > HIGH_WATER_BYTES) {
        slow = deferred();
        await slow.promise;
      }
    },
    async ping(signal) {
      if (state !== 'open' || socket.readyState !== socket.OPEN) throw closedError();
      const { payload, answered } = pings.next(signal);
      if (!signal?.aborted) socket.ping(payload, undefined, noteWriteError);
      await answered;
    },
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    close: (code = 1000, text = '') => close(code, text),
    closed: closed.promise,
  };
}

function asBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** 1006 for anything that is not a violation of the protocol by the peer. */
function protocolErrorCode(code: string | undefined): number {
  switch (code) {
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
    case 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH':
      return 1009;
    case 'WS_ERR_INVALID_UTF8':
      return 1007;
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return 1008;
    default:
      return code?.startsWith('WS_ERR_') ? 1002 : 1006;
  }
}

function shorten(text: string): string {
  // One UTF-16 unit is at most three bytes of UTF-8.
  return Buffer.byteLength(text) <= MAX_REASON_BYTES ? text : text.slice(0, MAX_REASON_BYTES / 3);
}

function describe(code: number): string {
  return code === 1006 ? 'ended without a close frame' : '';
}
