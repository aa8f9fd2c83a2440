import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import type { Clock } from '@kubeedge-ts/runtime';

/** What a unary call came to: the answer's bytes, or gRPC's own status. */
export type GrpcOutcome =
  | { readonly ok: true; readonly message: Uint8Array }
  | { readonly ok: false; readonly code: string; readonly details: string };

export interface UnaryOptions {
  /** Absent: no deadline. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Unary gRPC calls over one HTTP/2 connection to a unix socket; connects when needed, again after every loss. */
export interface GrpcChannel {
  /** Rejects only with the signal's reason. */
  unary(path: string, request: Uint8Array, options?: UnaryOptions): Promise<GrpcOutcome>;
  /** Ends the connection; calls under way come back as UNAVAILABLE. */
  close(): void;
}

export interface GrpcChannelOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
}

/** gRPC status codes by number (grpc.io, "Status codes and their use"). */
const CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;
const PREFIX_BYTES = 5;
/** gRPC allows eight digits in grpc-timeout. */
const MAX_TIMEOUT_MS = 99_999_999;
const MAX_DETAILS = 4096;

export function createGrpcChannel({ socketPath, clock, maxMessageBytes }: GrpcChannelOptions): GrpcChannel {
  let current: ClientHttp2Session | undefined;
  let closed = false;

  const session = (): ClientHttp2Session => {
    if (current !== undefined && !current.closed && !current.destroyed) return current;
    const fresh = connectHttp2('http://localhost', { createConnection: () => connectSocket(socketPath) });
    const forget = (): void => {
      if (current === fresh) current = undefined;
    };
    // The streams report the error; the session only must not be used again.
    fresh.on('error', forget);
    fresh.on('goaway', forget);
    fresh.on('close', forget);
    current = fresh;
    return fresh;
  };

  return {
    unary(path, request, { timeoutMs, signal } = {}) {
      return new Promise<GrpcOutcome>((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        if (closed) {
          resolve(failure('UNAVAILABLE', 'the client is closed'));
          return;
        }
        let stream: ClientHttp2Stream;
        try {
          stream = session().request({
            ':method': 'POST',
            ':path': path,
            'content-type': 'application/grpc',
            te: 'trailers',
            ...(timeoutMs === undefined
              ? {}
              : { 'grpc-timeout': `${Math.min(MAX_TIMEOUT_MS, Math.ceil(timeoutMs))}m` }),
          });
        } catch (error) {
          resolve(failure('UNAVAILABLE', (error as Error).message));
          return;
        }
        const finish = (settle: () => void): void => {
          cancelDeadline();
          signal?.removeEventListener('abort', onAbort);
          stream.removeAllListeners();
          stream.on('error', () => {});
          if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
          settle();
        };
        const cancelDeadline =
          timeoutMs === undefined
            ? () => {}
            : clock.after(timeoutMs, () =>
                finish(() => resolve(failure('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`))),
              );
        const onAbort = (): void => finish(() => reject(signal?.reason));
        signal?.addEventListener('abort', onAbort, { once: true });
        collect(stream, maxMessageBytes, (outcome) => finish(() => resolve(outcome)));
        stream.end(frame(request));
      });
    },
    close() {
      closed = true;
      current?.destroy();
      current = undefined;
    },
  };
}

function failure(code: string, details: string): GrpcOutcome {
  return { ok: false, code, details: details.slice(0, MAX_DETAILS) };
}

function frame(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  out.writeUInt8(0, 0);
  out.writeUInt32BE(message.length, 1);
  out.set(message, PREFIX_BYTES);
  return out;
}

function collect(stream: ClientHttp2Stream, maxBytes: number, done: (outcome: GrpcOutcome) => void): void {
  const chunks: Buffer[] = [];
  let received = 0;
  let wanted: number | undefined;
  let headers: IncomingHttpHeaders = {};

  stream.on('response', (values) => {
    headers = values;
    if (values[':status'] !== 200) done(failure('UNAVAILABLE', `HTTP status ${String(values[':status'])}`));
  });
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    received += chunk.length;
    if (wanted === undefined && received >= PREFIX_BYTES) {
      const prefix = chunks.length === 1 ? chunk : Buffer.concat(chunks);
      wanted = prefix.readUInt32BE(1);
      if (prefix[0] !== 0) done(failure('INTERNAL', 'the answer is compressed'));
      else if (wanted > maxBytes)
        done(failure('RESOURCE_EXHAUSTED', `answer of ${wanted} bytes exceeds ${maxBytes}`));
    }
    if (wanted !== undefined && received > wanted + PREFIX_BYTES) {
      done(failure('INTERNAL', 'more than one message in the answer'));
    }
  });
  stream.on('trailers', (values) => {
    headers = { ...headers, ...values };
  });
  stream.on('error', (error: Error) => done(failure('UNAVAILABLE', error.message)));
  stream.on('close', () => {
    const status = headers['grpc-status'];
    if (status === undefined) {
      done(failure('UNAVAILABLE', 'the connection ended before the answer'));
    } else if (status !== '0') {
      done(failure(CODES[Number(status)] ?? 'UNKNOWN', decodeDetails(headers['grpc-message'])));
    } else if (wanted === undefined || received !== wanted + PREFIX_BYTES) {
      done(failure('INTERNAL', 'the answer is truncated'));
    } else {
      done({ ok: true, message: Buffer.concat(chunks).subarray(PREFIX_BYTES) });
    }
  });
}

/** grpc-message is percent-encoded UTF-8; a server that does it wrong still has its text shown. */
function decodeDetails(value: string | string[] | undefined): string {
  const text = Array.isArray(value) ? value.join(' ') : (value ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
