import { createCodec, createGrpcClient } from '@kubeedge-ts/grpc';
import type { Clock } from '@kubeedge-ts/runtime';
import {
  HEALTH_METHODS,
  HealthCheckResponseServingStatus,
  type HealthMethods,
  TABLES,
} from './generated/health.ts';

export {
  HEALTH_METHODS,
  HealthCheckResponseServingStatus,
  type HealthMethods,
  TABLES,
} from './generated/health.ts';

export type ServingStatus = keyof typeof HealthCheckResponseServingStatus;

export interface HealthCheck {
  readonly host: string;
  readonly port: number;
  /** Absent or empty: the server as a whole. */
  readonly service?: string | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly userAgent?: string;
}

/**
 * `grpc.health.v1.Health/Check` on a connection of its own, without TLS.
 *
 * Rejects with GRPC_UNAVAILABLE (nobody listens, or it is no HTTP/2), GRPC_FAILED (`details.grpcCode`: UNIMPLEMENTED when
 * the server has no health service, NOT_FOUND when it does not know `service`, DEADLINE_EXCEEDED), GRPC_MALFORMED, or the
 * signal's reason.
 */
export async function grpcHealthCheck(check: HealthCheck): Promise<ServingStatus> {
  const { host, port, service = '', timeoutMs, clock, signal, userAgent } = check;
  const client = createGrpcClient<HealthMethods>({
    target: { host, port },
    clock,
    methods: HEALTH_METHODS,
    codec: createCodec(TABLES),
    deadlineOf: () => timeoutMs,
    ...(userAgent === undefined ? {} : { userAgent }),
  });
  try {
    const { status } = await client.check({ service }, { signal });
    const names = Object.entries(HealthCheckResponseServingStatus) as [ServingStatus, number][];
    return names.find(([, number]) => number === status)?.[0] ?? 'UNKNOWN';
  } finally {
    client.close();
  }
}
