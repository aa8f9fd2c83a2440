import { createGrpcServer, type GrpcServer, type serviceOf } from '@kubeedge-ts/grpc/server';
import type { Clock } from '@kubeedge-ts/runtime';

/**
 * One service on a unix socket; a stale one is replaced.
 *
 * @throws KubeEdgeError GRPC_LISTEN_FAILED
 */
export function serveSocket(
  path: string,
  service: ReturnType<typeof serviceOf>,
  { clock }: { readonly clock: Clock },
): Promise<GrpcServer> {
  return createGrpcServer({ listen: { path }, clock, services: [service] });
}
