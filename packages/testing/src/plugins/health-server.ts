import { createGrpcServer, GrpcRefusal, type GrpcServer, serviceOf } from '@kubeedge-ts/grpc/server';
import {
  HEALTH_METHODS,
  type HealthMethods,
  type ServingStatus,
  HealthCheckResponseServingStatus as Status,
  TABLES,
} from '@kubeedge-ts/kubelet-plugins/health';
import { systemClock } from '@kubeedge-ts/runtime';

export interface HealthServer {
  readonly port: number;
  /** By service; the empty one is the server itself. One that is not in it is NOT_FOUND. */
  readonly statuses: Map<string, ServingStatus>;
  /** Checks are not answered while it is true. */
  hang: boolean;
  readonly checks: number;
  stop(): Promise<void>;
}

/** `grpc.health.v1.Health` on a port of 127.0.0.1, or of another address; `service: false`: a gRPC server without it. */
export async function startHealthServer(
  options: { readonly host?: string; readonly port?: number; readonly service?: boolean } = {},
): Promise<HealthServer> {
  const { host = '127.0.0.1', port = 0, service = true } = options;
  const statuses = new Map<string, ServingStatus>([['', 'SERVING']]);
  let checks = 0;
  const health = serviceOf<HealthMethods>(HEALTH_METHODS, TABLES, {
    async check({ service: name }, { signal }) {
      checks += 1;
      if (server.hang) {
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      }
      const status = statuses.get(name);
      if (status === undefined) throw new GrpcRefusal('NOT_FOUND', `unknown service ${name}`);
      return { status: Status[status] };
    },
  });
  const grpc: GrpcServer = await createGrpcServer({
    listen: { host, port },
    clock: systemClock,
    services: service ? [health] : [],
  });
  const server: HealthServer = {
    port: 'port' in grpc.target ? grpc.target.port : 0,
    statuses,
    hang: false,
    get checks() {
      return checks;
    },
    stop: () => grpc.close(),
  };
  return server;
}
