// The edge loses power with the cloud away: from the start of edgecore until all pods have a running container again,
// beside what the runtime needs for as many pods by itself. Flag: --pods N (30).
import { until } from '@kubeedge-ts/testing/site';
import { report, round as rounded } from './lib/report.ts';
import { runtimeAloneMs } from './lib/runtime-alone.ts';
import { benchSite, deployment } from './lib/site.ts';

const flag = process.argv.indexOf('--pods');
const PODS = flag === -1 ? 30 : Number(process.argv[flag + 1]);
const IMAGE = 'docker.io/library/busybox:1';
const site = await benchSite();
const { kubectl } = site.cloud;
await kubectl(['apply', '-f', '-'], deployment('reboot', PODS));
await kubectl(['wait', '--for=condition=Available', 'deployment/reboot', '--timeout=300s']);
await site.cloud.stopCloudcore('kill');
await site.edge.stop('kill');
await site.containerd.powerOff();
await site.containerd.startDaemon();
const begun = performance.now();
site.edge.start();
const restored = await until(
  'all pods run',
  async () => {
    const tasks = await site.containerd.ctr('tasks', 'ls');
    const running = tasks.split('\n').filter((line) => line.includes('RUNNING')).length;
    return running >= 2 * PODS ? running / 2 : undefined;
  },
  { timeoutMs: 300_000, everyMs: 50 },
);
const total = performance.now() - begun;
await site.edge.stop('kill');
await site.containerd.powerOff();
await site.containerd.startDaemon();
const alone = await runtimeAloneMs(
  site.containerd.endpoint,
  IMAGE,
  PODS,
  process.env['KUBEEDGE_TS_CGROUP'] ?? '',
);
report(
  'offline-reboot',
  { pods: PODS },
  {
    podsRunningAgain: restored,
    startToAllRunningMs: rounded(total),
    runtimeAloneMs: rounded(alone),
    agentMs: rounded(total - alone),
  },
);
await site.stop();
process.exit(0);
