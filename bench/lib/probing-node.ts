// The measured side of bench/probes.ts: edged's probes of as many pods as there are containers, each asked by exec
// (readiness) and http (liveness). Parameters as JSON in the first argument; prints what was asked when told `report`.
import { createCriClient } from '@kubeedge-ts/cri';
import { grpcHealthCheck } from '@kubeedge-ts/kubelet-plugins/health';
import { silentLogger, systemClock, systemRandom } from '@kubeedge-ts/runtime';
import { silentEvents } from '../../apps/edgecore/src/edged/events.ts';
import { createProber, createProbes } from '../../apps/edgecore/src/edged/probes/index.ts';
import { container, pod } from '../../apps/edgecore/src/edged/testing/pods.ts';
import { run, sandbox } from '../../apps/edgecore/src/edged/testing/states.ts';

export interface ProbingParameters {
  readonly endpoint: string;
  readonly port: number;
  readonly ids: readonly string[];
  readonly periodSeconds: number;
}

const { endpoint, port, ids, periodSeconds } = JSON.parse(process.argv[2] ?? '{}') as ProbingParameters;
const cri = createCriClient({ endpoint, clock: systemClock });
const probes = createProbes({
  prober: createProber({ cri, grpc: grpcHealthCheck, clock: systemClock }),
  events: silentEvents,
  clock: systemClock,
  random: systemRandom,
  log: silentLogger,
  hostIPs: () => ['127.0.0.1'],
  onChange: () => {},
});
for (const [index, id] of ids.entries()) {
  const main = container('main', {
    readinessProbe: { exec: { command: ['cat', '/tmp/ready'] }, periodSeconds },
    livenessProbe: { httpGet: { host: '127.0.0.1', port, path: '/healthz' }, periodSeconds },
  });
  // Older than this process, so that they are spread over their period as after a restart.
  const runtime = {
    sandboxes: [sandbox()],
    containers: [run('main', { id, startedAt: Date.now() - 60_000 })],
  };
  probes.sync(pod(`pod-${index}`, { containers: [main] }, { uid: `uid-${index}` }), runtime, false);
}
process.stdin.on('data', () => {
  const counts = { successful: 0, failed: 0, unknown: 0 };
  for (const { labels, value } of probes.metrics()) counts[labels.result] += value;
  process.stdout.write(`${JSON.stringify(counts)}\n`);
});
