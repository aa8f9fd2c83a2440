// Generated from fields/health.md by scripts/generators/kubelet-plugins.ts; do not edit.
import type { FieldTable, MethodTable } from '@kubeedge-ts/grpc';

export const HealthCheckResponseServingStatus = {
  UNKNOWN: 0,
  SERVING: 1,
  NOT_SERVING: 2,
  SERVICE_UNKNOWN: 3,
} as const;
export type HealthCheckResponseServingStatus = number;

export interface HealthCheckRequest {
  service: string;
}

export interface HealthCheckResponse {
  status: HealthCheckResponseServingStatus;
}

/** Per message: field number, name, type, and whether it is repeated. */
export const TABLES: Record<string, FieldTable> = {
  HealthCheckRequest: [[1, 'service', 'string']],
  HealthCheckResponse: [[1, 'status', 'int32']],
};

export interface HealthMethods {
  Check: { request: HealthCheckRequest; response: HealthCheckResponse };
  Watch: { request: HealthCheckRequest; response: HealthCheckResponse; stream: true };
}

export const HEALTH_METHODS: MethodTable<HealthMethods> = {
  Check: ['grpc.health.v1.Health', 'HealthCheckRequest', 'HealthCheckResponse'],
  Watch: ['grpc.health.v1.Health', 'HealthCheckRequest', 'HealthCheckResponse', 'stream'],
};
