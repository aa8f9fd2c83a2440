import { createCodec, createGrpcClient, type GrpcClient, unixTarget } from '@kubeedge-ts/grpc';
import type { Clock } from '@kubeedge-ts/runtime';
import {
  IDENTITY_METHODS,
  type IdentityMethods,
  NODE_METHODS,
  type NodeMethods,
  TABLES,
} from './generated/csi.ts';

export * from './generated/csi.ts';

/** The identity and node services of a CSI driver on this machine. */
export type CsiNodeClient = GrpcClient<IdentityMethods & NodeMethods>;

export interface CsiNodeClientOptions {
  readonly clock: Clock;
  /** Deadline of each call; default 2 min (spec/edged.md, "Volumes"). */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 120_000;

/**
 * What a driver refuses is GRPC_FAILED: `details.grpcCode` says whether a volume operation can have had an effect
 * (DEADLINE_EXCEEDED, UNAVAILABLE, CANCELLED, ABORTED: uncertain).
 *
 * @throws KubeEdgeError GRPC_ENDPOINT_INVALID
 */
export function createCsiNodeClient(endpoint: string, options: CsiNodeClientOptions): CsiNodeClient {
  const { clock, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  return createGrpcClient<IdentityMethods & NodeMethods>({
    target: unixTarget(endpoint),
    clock,
    methods: { ...IDENTITY_METHODS, ...NODE_METHODS },
    codec: createCodec(TABLES),
    deadlineOf: () => timeoutMs,
  });
}
