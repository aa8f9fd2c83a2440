import type { Clock } from '@kubeedge-ts/runtime';
import { goDuration, goQuoted, hostPort } from './go-text.ts';
import type { TryOutcome } from './outcome.ts';
import { grpcCodeOf, rpcProblem, rpcText } from './rpc-text.ts';

/**
 * `grpc.health.v1.Health/Check` without TLS. Resolves with the name of the serving status; rejects with
 * GRPC_UNAVAILABLE, GRPC_FAILED (`details.grpcCode`), GRPC_MALFORMED, or the signal's reason.
 */
export type GrpcHealthCheck = (check: {
  readonly host: string;
  readonly port: number;
  /** Empty: the server as a whole. */
  readonly service: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly userAgent: string;
}) => Promise<string>;

/** A probe by gRPC; whatever goes wrong is a failure of the server, never of the prober, as upstream has it. */
export async function probeByGrpc(
  check: GrpcHealthCheck,
  question: Parameters<GrpcHealthCheck>[0],
): Promise<TryOutcome> {
  try {
    const status = await check(question);
    if (status === 'SERVING') return { is: 'success', output: 'service healthy' };
    return { is: 'failure', output: `service unhealthy (responded with ${goQuoted(status)})` };
  } catch (error) {
    return { is: 'failure', output: problemOf(error, question) };
  }
}

function problemOf(error: unknown, { host, port, timeoutMs }: Parameters<GrpcHealthCheck>[0]): string {
  const within = `within ${goDuration(timeoutMs)}`;
  switch (grpcCodeOf(error)) {
    case 'UNAVAILABLE':
      return `timeout: failed to connect service ${goQuoted(hostPort(host, port))} ${within}: ${rpcProblem(error)}`;
    case 'UNIMPLEMENTED':
      return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${rpcProblem(error)}`;
    case 'DEADLINE_EXCEEDED':
      return `timeout: health rpc did not complete ${within}`;
    default:
      return `error: health rpc probe failed: ${rpcText(error)}`;
  }
}
