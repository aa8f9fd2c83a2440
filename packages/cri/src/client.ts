import { criErrors, type KubeEdgeError } from '@kubeedge-ts/errors';
import type { Clock } from '@kubeedge-ts/runtime';
import { createCodec, type Init } from './codec.ts';
import { type CriMethods, METHODS, TABLES } from './generated/messages.ts';
import { createGrpcChannel } from './grpc-channel.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Replaces the method's own deadline, ms. */
  readonly timeoutMs?: number | undefined;
}

/**
 * One typed function per unary method of CRI v1, named in lower camel case (`client.runPodSandbox(…)`).
 *
 * Each rejects with CRI_UNAVAILABLE (no runtime at the socket, or it went away), CRI_NOT_FOUND, CRI_FAILED
 * (details: `method`, `grpcCode`, `problem`), CRI_MALFORMED, or the signal's reason. Nothing is retried here; the
 * next call after a loss connects anew.
 */
export type CriClient = {
  readonly [M in keyof CriMethods as Uncapitalize<M>]: (
    request: Init<CriMethods[M]['request']>,
    options?: CallOptions,
  ) => Promise<CriMethods[M]['response']>;
} & {
  readonly endpoint: string;
  /** Ends the connection. */
  close(): void;
};

export interface CriClientOptions {
  /** `unix:///run/containerd/containerd.sock`; a bare absolute path is taken as one. */
  readonly endpoint: string;
  readonly clock: Clock;
  /** Deadline of an ordinary call; default 2 min (spec/edged.md §3.2). */
  readonly requestTimeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 120_000;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** @throws KubeEdgeError CRI_ENDPOINT_INVALID */
export function createCriClient(options: CriClientOptions): CriClient {
  const { endpoint, clock, requestTimeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const codec = createCodec(TABLES);
  const channel = createGrpcChannel({
    socketPath: socketPathOf(endpoint),
    clock,
    maxMessageBytes: MAX_MESSAGE_BYTES,
  });

  const client: Record<string, unknown> = { endpoint, close: () => channel.close() };
  for (const [method, [service, request, response]] of Object.entries(METHODS)) {
    const path = `/runtime.v1.${service}/${method}`;
    client[method.charAt(0).toLowerCase() + method.slice(1)] = async (
      value: object,
      { signal, timeoutMs = deadlineOf(method, value, requestTimeoutMs) }: CallOptions = {},
    ): Promise<object> => {
      const outcome = await channel.unary(path, codec.encode(request, value), { signal, timeoutMs });
      if (!outcome.ok) throw errorOf(endpoint, method, outcome.code, outcome.details);
      return codec.decode(response, outcome.message);
    };
  }
  return client as unknown as CriClient;
}

/** spec/edged.md §3.2, "Client timeouts". Undefined: only the caller's signal ends the call. */
function deadlineOf(method: string, request: object, base: number): number | undefined {
  const own = Number((request as { timeout?: number }).timeout ?? 0) * 1000;
  if (method === 'PullImage') return undefined;
  if (method === 'RunPodSandbox') return base * 2;
  if (method === 'ExecSync') return own > 0 ? base + own : undefined;
  if (method === 'StopContainer') return base + own;
  return base;
}

function errorOf(endpoint: string, method: string, grpcCode: string, problem: string): KubeEdgeError {
  if (grpcCode === 'UNAVAILABLE') return criErrors.create('CRI_UNAVAILABLE', { endpoint, method, problem });
  if (grpcCode === 'NOT_FOUND') return criErrors.create('CRI_NOT_FOUND', { method, problem });
  return criErrors.create('CRI_FAILED', { method, grpcCode, problem });
}

function socketPathOf(endpoint: string): string {
  const path = endpoint.startsWith('unix://') ? endpoint.slice('unix://'.length) : endpoint;
  if (!path.startsWith('/')) throw criErrors.create('CRI_ENDPOINT_INVALID', { endpoint });
  return path;
}
