export type { ProbeFindings } from './probe-machine.ts';
export type { ProbeCount } from './probe-metrics.ts';
export { createProber, type GrpcHealthCheck, type Prober } from './prober.ts';
export { createProbes, type Probes, type ProbesOptions } from './probes.ts';
