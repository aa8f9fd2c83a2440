import { grpcErrors, type KubeEdgeError } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { createGrpcChannel, type GrpcChannel } from './channel.ts';
import type { Codec, Init } from './codec.ts';
import type { GrpcFailure } from './status.ts';
import { type GrpcTarget, nameOf } from './target.ts';

/** Of a generated service: per method its request, its response, and whether the response is a stream. */
export type MethodTypes = Readonly<
  Record<string, { readonly request: object; readonly response: object; readonly stream?: true }>
>;

/** method → service with its package, request, response, and `stream` for a server-streaming one. */
export type MethodTable<M> = Readonly<Record<keyof M, MethodRow>>;
export type MethodRow = readonly [service: string, request: string, response: string, stream?: 'stream'];

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Replaces the method's own deadline, ms. */
  readonly timeoutMs?: number | undefined;
}

/**
 * One typed function per method, in lower camel case. A server-streaming one returns its messages: nothing is sent
 * before the first is asked for, and leaving the loop or aborting the signal cancels the call.
 */
export type GrpcClient<M> = {
  readonly [K in keyof M as Uncapitalize<K & string>]: M[K] extends {
    request: infer Request;
    response: infer Response;
  }
    ? M[K] extends { stream: true }
      ? (request: Init<Request>, options?: CallOptions) => AsyncGenerator<Response, void, undefined>
      : (request: Init<Request>, options?: CallOptions) => Promise<Response>
    : never;
} & {
  /** For messages: `unix:///…` or `host:port`. */
  readonly endpoint: string;
  /** Ends the connection; calls under way fail with GRPC_UNAVAILABLE. */
  close(): void;
};

export interface GrpcClientOptions<M> {
  readonly target: GrpcTarget;
  readonly clock: Clock;
  readonly methods: MethodTable<M>;
  readonly codec: Codec;
  /** Default 4 MiB, as gRPC's own. */
  readonly maxMessageBytes?: number;
  readonly userAgent?: string;
  /** Of a call that names none, ms; undefined: only the caller's signal ends it. */
  readonly deadlineOf: (method: string, request: object) => number | undefined;
  /** Default: GRPC_UNAVAILABLE or GRPC_FAILED. */
  readonly errorOf?: (endpoint: string, method: string, failure: GrpcFailure) => KubeEdgeError;
}

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** The functions reject with what `errorOf` makes of a status, with the codec's error, or with the signal's reason. */
export function createGrpcClient<M>(options: GrpcClientOptions<M>): GrpcClient<M> {
  const { target, methods, codec, deadlineOf, errorOf = grpcErrorOf } = options;
  const { clock, userAgent, maxMessageBytes = MAX_MESSAGE_BYTES } = options;
  const channel = createGrpcChannel({
    target,
    clock,
    maxMessageBytes,
    ...(userAgent === undefined ? {} : { userAgent }),
  });
  const endpoint = nameOf(target);
  const client: Record<string, unknown> = { endpoint, close: () => channel.close() };
  for (const [method, row] of Object.entries<MethodRow>(methods)) {
    const call: Call = {
      channel,
      codec,
      method,
      row,
      errorOf: (status) => errorOf(endpoint, method, status),
    };
    client[method.charAt(0).toLowerCase() + method.slice(1)] = (
      request: object,
      { signal, timeoutMs = deadlineOf(method, request) }: CallOptions = {},
    ) =>
      row[3] === 'stream'
        ? messages(call, request, { signal, timeoutMs })
        : answer(call, request, { signal, timeoutMs });
  }
  return client as GrpcClient<M>;
}

interface Call {
  readonly channel: GrpcChannel;
  readonly codec: Codec;
  readonly method: string;
  readonly row: MethodRow;
  readonly errorOf: (status: GrpcFailure) => KubeEdgeError;
}

async function answer(call: Call, value: object, options: CallOptions): Promise<object> {
  const { channel, codec, method, errorOf } = call;
  const [service, request, response] = call.row;
  const outcome = await channel.unary(`/${service}/${method}`, codec.encode(request, value), options);
  if (!outcome.ok) throw errorOf(outcome);
  return codec.decode(response, outcome.message);
}

async function* messages(
  call: Call,
  value: object,
  options: CallOptions,
): AsyncGenerator<object, void, undefined> {
  const { channel, codec, method, errorOf } = call;
  const [service, request, response] = call.row;
  const stream = channel.serverStream(`/${service}/${method}`, codec.encode(request, value), options);
  try {
    for (;;) {
      const { done, value: item } = await stream.next();
      if (!done) {
        yield codec.decode(response, item);
        continue;
      }
      if (!item.ok) throw errorOf(item);
      return;
    }
  } finally {
    await stream.return({ ok: true });
  }
}

/** GRPC_UNAVAILABLE when nobody answers, else GRPC_FAILED with the code in `details.grpcCode`. */
export function grpcErrorOf(endpoint: string, method: string, { code, details }: GrpcFailure): KubeEdgeError {
  return grpcErrors.create(code === 'UNAVAILABLE' ? 'GRPC_UNAVAILABLE' : 'GRPC_FAILED', {
    endpoint,
    method,
    grpcCode: code,
    problem: details,
  });
}
