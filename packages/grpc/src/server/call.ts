import { once } from 'node:events';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { errorText } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { Deframer, frame } from '../framing.ts';
import { codeNumber, encodeDetails, failure, type GrpcFailure, type GrpcStatus, OK } from '../status.ts';
import { GrpcRefusal, type GrpcService, type Handler } from './service.ts';

export interface CallLimits {
  readonly maxMessageBytes: number;
  /** How long a request may take to arrive, ms. */
  readonly requestMs: number;
}

/** Serves one call to its end. Never rejects: what goes wrong is the call's status, or the stream is gone. */
export async function serveCall(
  service: GrpcService,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  clock: Clock,
  limits: CallLimits,
  closing: AbortSignal,
): Promise<void> {
  const type = String(headers['content-type'] ?? '');
  if (headers[':method'] !== 'POST' || !/^application\/grpc($|[+;])/.test(type)) {
    respond(stream, { ':status': headers[':method'] === 'POST' ? 415 : 405 });
    return;
  }
  const handler = service.get(String(headers[':path']));
  if (handler === undefined) {
    refuse(stream, failure('UNIMPLEMENTED', `unknown method ${String(headers[':path'])}`));
    return;
  }
  const end = new AbortController();
  const give = (code: 'CANCELLED' | 'DEADLINE_EXCEEDED' | 'UNAVAILABLE', details: string): void =>
    end.abort(new GrpcRefusal(code, details));
  const onClosing = (): void => give('UNAVAILABLE', 'the server is closing');
  closing.addEventListener('abort', onClosing, { once: true });
  stream.on('close', () => give('CANCELLED', 'the call was cancelled'));
  const cancelDeadline = afterTimeout(clock, headers['grpc-timeout'], () =>
    give('DEADLINE_EXCEEDED', 'the deadline has passed'),
  );
  try {
    const request = await readRequest(stream, clock, limits, end.signal);
    if ('ok' in request) refuse(stream, request);
    else await answer(handler, request, stream, end.signal);
  } finally {
    cancelDeadline();
    closing.removeEventListener('abort', onClosing);
    end.abort();
  }
}

async function answer(
  handler: Handler,
  request: Uint8Array,
  stream: ServerHttp2Stream,
  signal: AbortSignal,
): Promise<void> {
  try {
    if (handler.stream) await answerStream(handler.call(request, { signal }), stream, signal);
    else send(stream, await unlessAborted(handler.call(request, { signal }), signal));
  } catch (error) {
    const why: unknown = signal.aborted ? signal.reason : error;
    finish(
      stream,
      why instanceof GrpcRefusal ? failure(why.code, why.message) : failure('UNKNOWN', errorText(why)),
    );
  }
}

async function answerStream(
  messages: AsyncIterable<Uint8Array>,
  stream: ServerHttp2Stream,
  signal: AbortSignal,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await unlessAborted(iterator.next(), signal);
      if (next.done) break;
      start(stream);
      // The client's window: nothing more is made while it does not read.
      if (!stream.write(frame(next.value))) await once(stream, 'drain', { signal });
    }
    finish(stream, OK);
  } finally {
    // A source that waits for something else than the signal must not hold the call.
    iterator.return?.().then(undefined, () => {});
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function readRequest(
  stream: ServerHttp2Stream,
  clock: Clock,
  { maxMessageBytes, requestMs }: CallLimits,
  signal: AbortSignal,
): Promise<Buffer | GrpcFailure> {
  return new Promise((resolve) => {
    const deframer = new Deframer(maxMessageBytes);
    let message: Buffer | undefined;
    const done = (request: Buffer | GrpcFailure): void => {
      cancelSlow();
      signal.removeEventListener('abort', onAbort);
      stream.removeAllListeners('data');
      stream.removeAllListeners('end');
      resolve(request);
    };
    const onAbort = (): void => {
      const { code, message: text } = signal.reason as GrpcRefusal;
      done(failure(code, text));
    };
    const cancelSlow = clock.after(requestMs, () =>
      done(failure('DEADLINE_EXCEEDED', `no whole request within ${requestMs} ms`)),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    stream.on('data', (chunk: Buffer) => {
      deframer.push(chunk);
      const next = message === undefined ? deframer.next() : undefined;
      if (next !== undefined && 'ok' in next) return done(next);
      message ??= next;
      if (message !== undefined && deframer.pending > 0) {
        done(failure('INTERNAL', 'more than one message in the request'));
      }
    });
    stream.on('end', () => done(message ?? failure('INTERNAL', 'the request is truncated')));
  });
}

function start(stream: ServerHttp2Stream): void {
  if (stream.headersSent || stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
}

function send(stream: ServerHttp2Stream, message: Uint8Array): void {
  start(stream);
  if (stream.destroyed) return;
  stream.once('wantTrailers', () => stream.sendTrailers(trailersOf(OK)));
  stream.end(frame(message));
}

/** Ends an answer that may have begun. */
function finish(stream: ServerHttp2Stream, status: GrpcStatus): void {
  if (stream.destroyed || stream.closed) return;
  if (!stream.headersSent && !status.ok) {
    refuse(stream, status);
    return;
  }
  start(stream);
  stream.once('wantTrailers', () => stream.sendTrailers(trailersOf(status)));
  stream.end();
}

function refuse(stream: ServerHttp2Stream, status: GrpcFailure): void {
  respond(stream, { ':status': 200, 'content-type': 'application/grpc', ...trailersOf(status) });
}

/** Headers alone, and an end to whatever the client still sends. */
function respond(stream: ServerHttp2Stream, headers: Record<string, string | number>): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(headers, { endStream: true });
  // A reset in the same turn overtakes the headers: node:http2 then sends the reset alone.
  if (!stream.readableEnded) setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
}

function trailersOf(status: GrpcStatus): Record<string, string> {
  if (status.ok) return { 'grpc-status': '0' };
  return { 'grpc-status': String(codeNumber(status.code)), 'grpc-message': encodeDetails(status.details) };
}

const UNIT_MS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** A longer timer overflows; nobody waits for 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A header that is no timeout sets none. */
function afterTimeout(clock: Clock, header: unknown, late: () => void): () => void {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(String(header ?? '')) ?? [];
  if (digits === undefined || unit === undefined) return () => {};
  return clock.after(Math.min(MAX_TIMER_MS, Number(digits) * (UNIT_MS[unit] as number)), late);
}
