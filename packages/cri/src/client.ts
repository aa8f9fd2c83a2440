import { criErrors, type KubeEdgeError } from '@kubeedge-ts/errors';
import {
  type Codec,
  createCodec,
  createGrpcClient,
  type GrpcClient,
  type GrpcFailure,
  unixTarget,
} from '@kubeedge-ts/grpc';
import type { Clock } from '@kubeedge-ts/runtime';
import { type CriMethods, METHODS, TABLES } from './generated/messages.ts';

/**
 * One typed function per method of CRI v1, named in lower camel case (`client.runPodSandbox(…)`);
 * `getContainerEvents` is the one that streams.
 *
 * Each rejects with CRI_UNAVAILABLE (no runtime at the socket, or it went away), CRI_NOT_FOUND, CRI_FAILED
 * (details: `method`, `grpcCode`, `problem`), CRI_MALFORMED, or the signal's reason. Nothing is retried here; the
 * next call after a loss connects anew.
 */
export type CriClient = GrpcClient<CriMethods>;

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
  const client = createGrpcClient<CriMethods>({
    target: targetOf(endpoint),
    clock,
    methods: METHODS,
    codec: createCriCodec(),
    maxMessageBytes: MAX_MESSAGE_BYTES,
    deadlineOf: (method, request) => deadlineOf(method, request, requestTimeoutMs),
    errorOf: (_, method, failure) => errorOf(endpoint, method, failure),
  });
  return { ...client, endpoint };
}

/** The messages of CRI v1; what cannot be read is CRI_MALFORMED. */
export function createCriCodec(): Codec {
  return createCodec(TABLES, (message, problem) => criErrors.create('CRI_MALFORMED', { message, problem }));
}

/** spec/edged.md §3.2, "Client timeouts". Undefined: only the caller's signal ends the call. */
function deadlineOf(method: string, request: object, base: number): number | undefined {
  const own = Number((request as { timeout?: number }).timeout ?? 0) * 1000;
  switch (method) {
    case 'PullImage':
    case 'GetContainerEvents':
      return undefined;
    case 'RunPodSandbox':
      return base * 2;
    case 'ExecSync':
      return own > 0 ? base + own : undefined;
    case 'StopContainer':
      return base + own;
    case 'CheckpointContainer':
      return Math.max(base, own);
    default:
      return base;
  }
}

function errorOf(endpoint: string, method: string, { code, details }: GrpcFailure): KubeEdgeError {
  if (code === 'UNAVAILABLE') {
    return criErrors.create('CRI_UNAVAILABLE', { endpoint, method, problem: details });
  }
  if (code === 'NOT_FOUND') return criErrors.create('CRI_NOT_FOUND', { method, problem: details });
  return criErrors.create('CRI_FAILED', { method, grpcCode: code, problem: details });
}

function targetOf(endpoint: string): { readonly path: string } {
  try {
    return unixTarget(endpoint);
  } catch (cause) {
    throw criErrors.create('CRI_ENDPOINT_INVALID', { endpoint }, cause);
  }
}
