import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { connect as connectHttp2, constants } from 'node:http2';
import type { Clock } from '@kubeedge-ts/runtime';
import { Deframer, frame } from './framing.ts';
import { failure, type GrpcFailure, type GrpcStatus, statusOf, statusOfHttp } from './status.ts';
import { authorityOf, type GrpcTarget, open } from './target.ts';

/** What a unary call came to: the answer's bytes, or gRPC's own status. */
export type GrpcOutcome = { readonly ok: true; readonly message: Uint8Array } | GrpcFailure;

export interface ChannelCallOptions {
  /** Absent: no deadline. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** gRPC calls over one HTTP/2 connection; connects when needed, again after every loss. */
export interface GrpcChannel {
  readonly target: GrpcTarget;
  /** Rejects only with the signal's reason. */
  unary(path: string, request: Uint8Array, options?: ChannelCallOptions): Promise<GrpcOutcome>;
  /**
   * The answers of a server-streaming call; its status is the generator's return value. What is not asked for stays
   * with the server (HTTP/2 flow control). Ending the iteration, the deadline or the signal cancels the call; throws only
   * the signal's reason.
   */
  serverStream(
    path: string,
    request: Uint8Array,
    options?: ChannelCallOptions,
  ): AsyncGenerator<Uint8Array, GrpcStatus, undefined>;
  /** Ends the connection; calls under way come back as UNAVAILABLE. */
  close(): void;
}

export interface GrpcChannelOptions {
  readonly target: GrpcTarget;
  readonly clock: Clock;
  /** Longer answers are RESOURCE_EXHAUSTED. */
  readonly maxMessageBytes: number;
  readonly userAgent?: string;
}

/** gRPC allows eight digits in grpc-timeout. */
const MAX_TIMEOUT_MS = 99_999_999;

export function createGrpcChannel(options: GrpcChannelOptions): GrpcChannel {
  const { target, clock, maxMessageBytes, userAgent } = options;
  let current: ClientHttp2Session | undefined;
  let closed = false;

  const session = (): ClientHttp2Session => {
    if (current !== undefined && !current.closed && !current.destroyed) return current;
    const fresh = connectHttp2(`http://${authorityOf(target)}`, { createConnection: () => open(target) });
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

  /** Sends the request; the answer is the caller's to read. */
  const begin = (
    path: string,
    request: Uint8Array,
    timeoutMs: number | undefined,
  ): ClientHttp2Stream | GrpcFailure => {
    if (closed) return failure('UNAVAILABLE', 'the client is closed');
    try {
      const stream = session().request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
        ...(timeoutMs === undefined
          ? {}
          : { 'grpc-timeout': `${Math.min(MAX_TIMEOUT_MS, Math.ceil(timeoutMs))}m` }),
      });
      stream.end(frame(request));
      return stream;
    } catch (error) {
      return failure('UNAVAILABLE', (error as Error).message);
    }
  };

  return {
    target,
    unary(path, request, { timeoutMs, signal } = {}) {
      return new Promise<GrpcOutcome>((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const stream = begin(path, request, timeoutMs);
        if ('ok' in stream) {
          resolve(stream);
          return;
        }
        const finish = (settle: () => void): void => {
          cancelDeadline();
          signal?.removeEventListener('abort', onAbort);
          cancel(stream);
          settle();
        };
        const cancelDeadline = afterDeadline(clock, timeoutMs, (late) => finish(() => resolve(late)));
        const onAbort = (): void => finish(() => reject(signal?.reason));
        signal?.addEventListener('abort', onAbort, { once: true });
        collect(stream, maxMessageBytes, (outcome) => finish(() => resolve(outcome)));
      });
    },
    async *serverStream(path, request, { timeoutMs, signal } = {}) {
      signal?.throwIfAborted();
      const stream = begin(path, request, timeoutMs);
      if ('ok' in stream) return stream;
      let over: GrpcFailure | undefined;
      const cancelDeadline = afterDeadline(clock, timeoutMs, (late) => {
        over ??= late;
        stream.close(constants.NGHTTP2_CANCEL);
      });
      const onAbort = (): void => stream.close(constants.NGHTTP2_CANCEL);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        const ended = yield* messagesOf(stream, maxMessageBytes);
        signal?.throwIfAborted();
        return over ?? ended;
      } finally {
        cancelDeadline();
        signal?.removeEventListener('abort', onAbort);
        cancel(stream);
      }
    },
    close() {
      closed = true;
      current?.destroy();
      current = undefined;
    },
  };
}

function afterDeadline(
  clock: Clock,
  timeoutMs: number | undefined,
  late: (status: GrpcFailure) => void,
): () => void {
  if (timeoutMs === undefined) return () => {};
  return clock.after(timeoutMs, () => late(failure('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`)));
}

/** Tells the server to stop, unless the call is over, and lets go of the stream. */
function cancel(stream: ClientHttp2Stream): void {
  stream.removeAllListeners();
  stream.on('error', () => {});
  if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
}

/** The end of an answer: what its headers and trailers, or their absence, say. */
function watchStatus(stream: ClientHttp2Stream): () => GrpcStatus {
  let headers: Readonly<Record<string, unknown>> | undefined;
  let problem: Error | undefined;
  stream.on('response', (values) => {
    headers = values;
  });
  stream.on('trailers', (values) => {
    headers = { ...headers, ...values };
  });
  stream.on('error', (error: Error) => {
    problem = error;
  });
  return () => {
    const status = headers === undefined ? undefined : statusOf(headers);
    if (status !== undefined) return status;
    if (headers !== undefined && headers[':status'] !== 200) return statusOfHttp(headers[':status']);
    return failure('UNAVAILABLE', problem?.message ?? 'the connection ended before the answer');
  };
}

function collect(stream: ClientHttp2Stream, maxBytes: number, done: (outcome: GrpcOutcome) => void): void {
  const deframer = new Deframer(maxBytes);
  const status = watchStatus(stream);
  let answer: Uint8Array | undefined;

  stream.on('data', (chunk: Buffer) => {
    deframer.push(chunk);
    const next = answer === undefined ? deframer.next() : undefined;
    if (next !== undefined && 'ok' in next) done(next);
    else if (next !== undefined) answer = next;
    if (answer !== undefined && deframer.pending > 0) {
      done(failure('INTERNAL', 'more than one message in the answer'));
    }
  });
  stream.on('close', () => {
    const ended = status();
    if (!ended.ok) done(ended);
    else if (answer === undefined) done(failure('INTERNAL', 'the answer is truncated'));
    else done({ ok: true, message: answer });
  });
}

async function* messagesOf(
  stream: ClientHttp2Stream,
  maxBytes: number,
): AsyncGenerator<Uint8Array, GrpcStatus, undefined> {
  const deframer = new Deframer(maxBytes);
  const status = watchStatus(stream);
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      deframer.push(chunk as Buffer);
      for (let next = deframer.next(); next !== undefined; next = deframer.next()) {
        if ('ok' in next) return next;
        yield next;
      }
    }
  } catch {
    // The stream's own error; `status` has it.
  }
  const ended = status();
  return ended.ok && deframer.pending > 0 ? failure('INTERNAL', 'the last message is truncated') : ended;
}
