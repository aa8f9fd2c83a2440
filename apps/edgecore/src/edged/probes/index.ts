export type { GrpcHealthCheck } from './grpc-health.ts';
export type { ProbeCount } from './probe-metrics.ts';
export { createProber, type Prober } from './prober.ts';
export { createProbes, type Probes, type ProbesOptions } from './probes.ts';
