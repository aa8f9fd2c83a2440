// Memory of edgecore (idle, two pods) and cloudcore (idle), each settled for `--settle` seconds (default 60).

import { cpuSeconds, memoryMb } from './lib/memory.ts';
import { report } from './lib/report.ts';
import { benchSite, deployment, pause } from './lib/site.ts';

const flag = process.argv.indexOf('--settle');
const settleSeconds = flag === -1 ? 60 : Number(process.argv[flag + 1]);
const site = await benchSite();
const edgecore = site.edge.edgecore()?.pid ?? -1;
const cloudcore = site.cloud.cloudcore()?.pid ?? -1;
await pause(settleSeconds * 1000);
const idle = { edgecoreMb: memoryMb(edgecore), cloudcoreMb: memoryMb(cloudcore) };
await site.cloud.kubectl(['apply', '-f', '-'], deployment('memory', 2));
await site.cloud.kubectl(['wait', '--for=condition=Available', 'deployment/memory', '--timeout=60s']);
const cpuBefore = cpuSeconds(edgecore);
await pause(settleSeconds * 1000);
const twoPods = { edgecoreMb: memoryMb(edgecore), cloudcoreMb: memoryMb(cloudcore) };
const idleCpuPercent = Math.round(((cpuSeconds(edgecore) - cpuBefore) / settleSeconds) * 1000) / 10;
report(
  'memory',
  { settleSeconds, mqttMode: 2 },
  { idle, twoPods, edgecoreCpuPercentWithTwoPods: idleCpuPercent },
);
await site.stop();
process.exit(0);
