// The edge loses power with the cloud away: from the start of edgecore until all pods have a running container again.
import { until } from '@kubeedge-ts/testing/site';
import { report, round as rounded } from './lib/report.ts';
import { benchSite, deployment } from './lib/site.ts';

const PODS = 8;
const site = await benchSite();
const { kubectl } = site.cloud;
await kubectl(['apply', '-f', '-'], deployment('reboot', PODS));
await kubectl(['wait', '--for=condition=Available', 'deployment/reboot', '--timeout=120s']);
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
  { timeoutMs: 120_000, everyMs: 50 },
);
report(
  'offline-reboot',
  { pods: PODS },
  { podsRunningAgain: restored, startToAllRunningMs: rounded(performance.now() - begun) },
);
await site.stop();
process.exit(0);
